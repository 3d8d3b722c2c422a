//! The document by itself.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::document::{Document, object, text};
use crate::support::routes::routes;

#[test]
fn every_route_is_documented_and_every_documented_path_is_routed() {
    let document = Document::read();
    let documented: BTreeSet<_> = document
        .operations()
        .map(|o| (o.method.clone(), o.path.clone()))
        .collect();
    assert_eq!(routes(), documented);
}

#[test]
fn every_operation_is_told_of_in_full() {
    let document = Document::read();
    let declared = document.root()["tags"].as_array().expect("tags");
    let declared: BTreeSet<_> = declared.iter().map(|tag| text(&tag["name"])).collect();
    for operation in document.operations() {
        let id = &operation.id;
        assert!(!operation.summary().is_empty(), "{id} has no summary");
        assert_eq!(operation.tags().len(), 1, "{id} has not one tag");
        for tag in operation.tags() {
            assert!(declared.contains(tag), "{id} has the undeclared tag {tag}");
        }
        let responses = document.responses(operation);
        assert!(responses.keys().any(|status| *status < 300), "{id}");
        for (status, response) in responses {
            assert!(!text(&response["description"]).is_empty(), "{id} {status}");
            let is_problem = response["content"]
                .get("application/problem+json")
                .is_some();
            assert_eq!(status >= 400, is_problem, "{id} {status}");
        }
        for (name, parameter) in document.parameters(operation) {
            let told = parameter["description"].as_str().unwrap_or_default();
            assert!(!told.is_empty(), "{id}: {name} has no description");
            let in_path = operation.path.contains(&format!("{{{name}}}"));
            assert_eq!(parameter["in"] == "path", in_path, "{id}: {name}");
        }
    }
}

/// What a POST does if it moves no value and promises none, or does only what is due anyway, once.
const MOVES_NOTHING: [&str; 35] = [
    "activatePriceList",
    "addWebhook",
    "askOracle",
    "callChain",
    "changePlan",
    "changeWebhook",
    "clearSpot",
    "closeDue",
    "configureTopUp",
    "correctUsage",
    "createAdminKey",
    "createApiKey",
    "revokeApiKey",
    "rotateApiKey",
    "createPromotion",
    "estimateCost",
    "ingestEvents",
    "markInvoiceSent",
    "openAccount",
    "replayWebhook",
    "reportIncident",
    "rerateUsage",
    "resetOracle",
    "resumeAutoPay",
    "rotateWebhookSecret",
    "runDunning",
    "setBudget",
    "setContact",
    "setOracleRate",
    "setQuota",
    "setSpotReserve",
    "setTaxes",
    "verifyBooks",
    "withdrawSpotAsk",
    "withdrawSpotBid",
];

#[test]
fn every_post_that_moves_money_takes_an_idempotency_key() {
    let document = Document::read();
    for operation in document.operations().filter(|o| o.method == "post") {
        let id = &operation.id;
        let is_known = MOVES_NOTHING.contains(&id.as_str());
        assert_ne!(
            operation.moves_money(),
            is_known,
            "{id} either says `x-moves-money` or is known to move nothing"
        );
        if operation.moves_money() {
            let parameters = document.parameters(operation);
            assert!(parameters.contains_key("Idempotency-Key"), "{id}");
            let responses = document.responses(operation);
            let refused = responses.get(&422).map(|r| text(&r["description"]));
            let told = refused.unwrap_or_default();
            assert!(told.contains("`idempotency-key-reused`"), "{id}: {told}");
        }
    }
}

/// A field that is answered but not documented fails only where objects are closed.
#[test]
fn every_object_is_closed_or_says_that_it_is_open() {
    fn walk(at: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                if fields.get("properties").is_some_and(Value::is_object) {
                    let closed = fields.contains_key("additionalProperties");
                    assert!(closed, "{at} does not say whether it is closed");
                }
                for (name, value) in fields {
                    if name != "example" && name != "examples" {
                        walk(&format!("{at}/{name}"), value);
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(at, item)),
            _ => {}
        }
    }
    walk("", &Document::read().root()["components"]["schemas"]);
}

#[test]
fn every_example_is_what_its_schema_says() {
    let document = Document::read();
    let mut wrong = Vec::new();
    let mut check = |place: String, holder: &Value| {
        let examples = document.examples(holder);
        if examples.is_empty() {
            wrong.push(format!("{place} has no example"));
        }
        for example in examples {
            for violation in document.violations(&holder["schema"], example) {
                wrong.push(format!("{place}: {violation}"));
            }
        }
    };
    for operation in document.operations() {
        for (name, parameter) in document.parameters(operation) {
            check(format!("{} {name}", operation.id), parameter);
        }
        for (media, content) in document.request_content(operation).into_iter().flatten() {
            check(format!("{} {media}", operation.id), content);
        }
        for (status, response) in document.responses(operation) {
            for (media, content) in response.get("content").into_iter().flat_map(object) {
                check(format!("{} {status} {media}", operation.id), content);
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_used() {
    fn references<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = Document::read();
    let mut found = BTreeSet::new();
    references(document.root(), &mut found);
    let mut there = BTreeSet::new();
    for (kind, components) in object(&document.root()["components"]) {
        for name in object(components).keys() {
            there.insert(format!("#/components/{kind}/{name}"));
        }
    }
    there.retain(|name| !name.starts_with("#/components/securitySchemes/"));
    let found: BTreeSet<_> = found.into_iter().map(str::to_owned).collect();
    let not_both: Vec<_> = found.symmetric_difference(&there).collect();
    assert!(not_both.is_empty(), "not used, or not there: {not_both:#?}");
}
