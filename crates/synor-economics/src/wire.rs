//! The shapes on the wire that several types share. Integers in JSON: a number where every reader keeps it exact (up to 2^53), a string above; both
//! are accepted.

use serde::de::{self, Deserializer, Visitor};
use serde::ser::Serializer;

/// The largest integer that a reader with 64-bit floats still keeps exact.
const SAFE: i128 = 1 << 53;

pub(crate) fn serialize_integer<S: Serializer>(value: i128, s: S) -> Result<S::Ok, S::Error> {
    match i64::try_from(value) {
        Ok(small) if (-SAFE..=SAFE).contains(&value) => s.serialize_i64(small),
        _ => s.collect_str(&value),
    }
}

pub(crate) fn deserialize_integer<'de, D: Deserializer<'de>>(d: D) -> Result<i128, D::Error> {
    struct Integer;
    impl Visitor<'_> for Integer {
        type Value = i128;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an integer, or a string holding one")
        }
        fn visit_i64<E: de::Error>(self, v: i64) -> Result<i128, E> {
            Ok(i128::from(v))
        }
        fn visit_u64<E: de::Error>(self, v: u64) -> Result<i128, E> {
            Ok(i128::from(v))
        }
        fn visit_str<E: de::Error>(self, v: &str) -> Result<i128, E> {
            v.parse()
                .map_err(|_| E::invalid_value(de::Unexpected::Str(v), &self))
        }
    }
    d.deserialize_any(Integer)
}

/// Writes a type as the text that its `Display` prints, and reads it with its `FromStr`.
macro_rules! as_text {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use as_text;
