//! JSON objects, read field by field and without floats: a number keeps the digits it was written
//! with.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use synor_economics::metering::EventError;

use super::excerpt;

/// The fields of an object that have not been taken yet.
pub(super) struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Fields<'de>, M::Error> {
                let mut fields: Vec<(String, &RawValue)> = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    if fields.iter().any(|(known, _)| *known == name) {
                        let reason = format!("the field `{name}` is written twice");
                        return Err(M::Error::custom(reason));
                    }
                    fields.push((name, value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

impl<'a> Fields<'a> {
    /// Reads the text of one object; `field` names it in errors.
    pub(super) fn parse(field: &'static str, text: &'a str) -> Result<Self, EventError> {
        serde_json::from_str(text)
            .map_err(|error| EventError::new(field, excerpt(text), syntax(&error)))
    }

    /// Whether a field is there and not yet taken.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }

    /// The beginning of a field's text, if it is there and holds a string; it is not taken.
    pub(super) fn peek_text(&self, name: &str) -> Option<String> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        let text: String = serde_json::from_str(value.get()).ok()?;
        Some(excerpt(&text))
    }

    /// Takes a field; `null` counts as absent.
    pub(super) fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        let (_, value) = self.0.swap_remove(at);
        (value.get() != "null").then_some(value)
    }

    /// Takes a field that holds a string, if it is there.
    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<String>, EventError> {
        self.take(name).map(|value| string(name, value)).transpose()
    }

    /// Takes a field that holds a string and must be there.
    pub(super) fn required(&mut self, name: &'static str) -> Result<String, EventError> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    /// Takes the quantity: an integer, or a plain decimal in quotes.
    pub(super) fn quantity(&mut self) -> Result<String, EventError> {
        const NAME: &str = "quantity";
        let value = self.take(NAME).ok_or_else(|| missing(NAME))?;
        let text = value.get();
        if text.starts_with('"') {
            return string(NAME, value);
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.bytes().all(|b| b.is_ascii_digit()) {
            return Ok(text.to_owned());
        }
        let reason = if digits.starts_with(|c: char| c.is_ascii_digit()) {
            "is a JSON number with a fraction or an exponent, which JSON readers round; write \
             it in quotes, as a plain decimal"
        } else {
            "is neither an integer nor a plain decimal in quotes"
        };
        Err(EventError::new(NAME, excerpt(text), reason))
    }

    /// Takes a field that is `true`, `false` or absent.
    pub(super) fn flag(&mut self, name: &'static str) -> Result<bool, EventError> {
        match self.take(name).map(RawValue::get) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(EventError::new(
                name,
                excerpt(other),
                "is neither true nor false",
            )),
        }
    }

    /// Takes the dimensions: an object of strings.
    pub(super) fn dimensions(&mut self) -> Result<BTreeMap<String, String>, EventError> {
        const NAME: &str = "dimensions";
        let Some(value) = self.take(NAME) else {
            return Ok(BTreeMap::new());
        };
        let mut dimensions = BTreeMap::new();
        for (key, value) in Fields::parse(NAME, value.get())?.0 {
            let text = serde_json::from_str(value.get()).map_err(|_| {
                let shown = format!("{key}: {}", excerpt(value.get()));
                EventError::new(NAME, shown, "its value must be a string")
            })?;
            dimensions.insert(key, text);
        }
        Ok(dimensions)
    }

    /// Refuses, by name, whatever has not been taken.
    pub(super) fn finish(self, known: &str) -> Result<(), EventError> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => {
                let reason = format!("is not a field here; there are {known}");
                Err(EventError::new("field", excerpt(name), reason))
            }
        }
    }
}

/// The error of a field that must be there.
pub(super) fn missing(name: &'static str) -> EventError {
    EventError::new(name, "", "is missing")
}

/// What is wrong with a JSON text, and at which column; the line is known to the caller.
pub(super) fn syntax(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text);
    match error.classify() {
        Category::Data => message.to_owned(),
        _ => format!("is not JSON: {message}, column {}", error.column()),
    }
}

fn string(name: &'static str, value: &RawValue) -> Result<String, EventError> {
    serde_json::from_str(value.get())
        .map_err(|_| EventError::new(name, excerpt(value.get()), "must be a string"))
}
