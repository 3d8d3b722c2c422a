//! The OpenAPI document as something that can be asked: which operations there are, what each may
//! answer, and whether a body is what it says.

use std::collections::BTreeMap;

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};
use synor_server::OPENAPI;

pub const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

pub struct Document {
    root: Value,
    operations: BTreeMap<String, Operation>,
}

/// One method of one path.
#[derive(Clone)]
pub struct Operation {
    pub id: String,
    pub method: String,
    pub path: String,
    body: Value,
}

impl Document {
    pub fn read() -> Self {
        let root: Value = serde_json::from_str(OPENAPI).expect("openapi.json is JSON");
        let mut operations = BTreeMap::new();
        for (path, item) in object(&root["paths"]) {
            for (method, body) in object(item) {
                assert!(METHODS.contains(&method.as_str()), "{path} has {method}");
                let id = text(&body["operationId"]).to_owned();
                let operation = Operation {
                    id: id.clone(),
                    method: method.clone(),
                    path: path.clone(),
                    body: body.clone(),
                };
                let twice = operations.insert(id, operation);
                assert!(twice.is_none(), "operationId of {method} {path} is taken");
            }
        }
        Self { root, operations }
    }

    pub fn root(&self) -> &Value {
        &self.root
    }

    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.values()
    }

    pub fn operation(&self, id: &str) -> &Operation {
        let found = self.operations.get(id);
        found.unwrap_or_else(|| panic!("the document has no operation {id}"))
    }

    /// The value itself, or what its `$ref` points to.
    pub fn resolve<'d>(&'d self, value: &'d Value) -> &'d Value {
        match value.get("$ref").and_then(Value::as_str) {
            None => value,
            Some(reference) => {
                let found = reference
                    .strip_prefix('#')
                    .and_then(|p| self.root.pointer(p));
                found.unwrap_or_else(|| panic!("{reference} points to nothing"))
            }
        }
    }

    /// The parameters of an operation, by name.
    pub fn parameters<'d>(&'d self, operation: &'d Operation) -> BTreeMap<&'d str, &'d Value> {
        let all = operation.body["parameters"].as_array();
        all.into_iter()
            .flatten()
            .map(|parameter| self.resolve(parameter))
            .map(|parameter| (text(&parameter["name"]), parameter))
            .collect()
    }

    /// The documented answers: status and response.
    pub fn responses<'d>(&'d self, operation: &'d Operation) -> BTreeMap<u16, &'d Value> {
        object(&operation.body["responses"])
            .iter()
            .map(|(status, response)| (status.parse().expect(status), self.resolve(response)))
            .collect()
    }

    /// The media types of a request, if the operation takes a body.
    pub fn request_content<'d>(
        &'d self,
        operation: &'d Operation,
    ) -> Option<&'d Map<String, Value>> {
        operation
            .body
            .get("requestBody")
            .map(|body| object(&self.resolve(body)["content"]))
    }

    /// What is wrong with an instance of a schema of this document; empty if nothing is.
    pub fn violations(&self, schema: &Value, instance: &Value) -> Vec<String> {
        self.validator(schema)
            .iter_errors(instance)
            .map(|error| format!("at {}: {error}", error.instance_path()))
            .collect()
    }

    fn validator(&self, schema: &Value) -> Validator {
        let standing_alone = json!({
            "components": { "schemas": self.root["components"]["schemas"] },
            "allOf": [schema],
        });
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .build(&standing_alone)
            .unwrap_or_else(|error| panic!("{schema} is not a schema: {error}"))
    }

    /// Every example of a media type or parameter.
    pub fn examples<'d>(&'d self, holder: &'d Value) -> Vec<&'d Value> {
        let named = holder["examples"].as_object().into_iter().flatten();
        named
            .map(|(_, example)| &self.resolve(example)["value"])
            .chain(holder.get("example"))
            .collect()
    }
}

impl Operation {
    /// Whether it asks for a key.
    pub fn is_secured(&self) -> bool {
        self.body["security"]
            .as_array()
            .is_none_or(|s| !s.is_empty())
    }

    /// Whether it moves value, or promises some.
    pub fn moves_money(&self) -> bool {
        self.body["x-moves-money"] == true
    }

    pub fn tags(&self) -> Vec<&str> {
        let tags = self.body["tags"].as_array();
        tags.into_iter().flatten().map(text).collect()
    }

    pub fn summary(&self) -> &str {
        text(&self.body["summary"])
    }

    /// The path with something that fits in place of its parameters.
    pub fn path_with(&self, values: &[(String, String)]) -> String {
        let mut path = self.path.clone();
        for (name, value) in values {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        assert!(!path.contains('{'), "{path} lacks a value");
        path
    }
}

pub fn object(value: &Value) -> &Map<String, Value> {
    value
        .as_object()
        .unwrap_or_else(|| panic!("{value} is not an object"))
}

pub fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is not a text"))
}
