//! Events that are plainly as they should be, read in one pass and without copying: no field of a
//! wrong type, none twice, none unknown. Whatever is not plain makes no event here; it is left to
//! [`super::json`], which reads at leisure and says what is wrong. Both come to the same events.
//!
//! Every value is read by `deserialize_any`, whatever is wanted: told of a wanted type, the library
//! skips a nested value of another type by recursion, for which a sender could use up the stack.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use synor_economics::metering::{EventText, QuantityText};
use synor_economics::period::Timestamp;

use super::meters::Meters;
use super::reader::{ReadEvent, RefusedEvent};

/// Which notations are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notation {
    /// CloudEvents only.
    CloudEvents,
    /// A line: flat, or a CloudEvent if it has a `specversion`.
    Either,
}

/// Reads plain events and holds them to the rules of metering.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plain<'m> {
    pub now: Timestamp,
    pub meters: &'m Meters,
    pub notation: Notation,
}

impl Plain<'_> {
    /// One event; `None` if it is not plain.
    pub(super) fn event(self, text: &str) -> Option<ReadEvent> {
        let mut json = sonic_rs::Deserializer::from_str(text);
        let event = EventSeed(self).deserialize(&mut json).ok()?;
        json.end().ok()?;
        Some(self.checked(event))
    }

    /// All events of an array; `None` if any is not plain.
    pub(super) fn batch(self, text: &str) -> Option<Vec<ReadEvent>> {
        let mut json = sonic_rs::Deserializer::from_str(text);
        let events = BatchSeed(self).deserialize(&mut json).ok()?;
        json.end().ok()?;
        Some(events)
    }

    fn checked(self, event: EventText<'_>) -> ReadEvent {
        // The id is only needed if the event does not hold, which is rare: it is borrowed, or
        // short.
        let id = event.id.clone();
        event.validate(self.now).map_err(|error| RefusedEvent {
            id: Some(super::excerpt(&id)),
            error,
        })
    }
}

struct BatchSeed<'m>(Plain<'m>);

impl<'de> DeserializeSeed<'de> for BatchSeed<'_> {
    type Value = Vec<ReadEvent>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BatchSeed<'_> {
    type Value = Vec<ReadEvent>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Self::Value, S::Error> {
        let mut events = Vec::new();
        while let Some(event) = seq.next_element_seed(EventSeed(self.0))? {
            events.push(self.0.checked(event));
        }
        Ok(events)
    }
}

struct EventSeed<'m>(Plain<'m>);

impl<'de> DeserializeSeed<'de> for EventSeed<'_> {
    type Value = EventText<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EventSeed<'_> {
    type Value = EventText<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut event = Attributes::default();
        while let Some(Text(name)) = map.next_key()? {
            event.take(name, &mut map)?;
        }
        let made = match (event.specversion.is_some(), self.0.notation) {
            (true, _) => event.cloudevent(self.0.meters),
            (false, Notation::Either) => event.flat(),
            (false, Notation::CloudEvents) => None,
        };
        made.ok_or_else(not_plain)
    }
}

/// What was read of an event, in either notation.
#[derive(Default)]
struct Attributes<'a> {
    specversion: Option<Cow<'a, str>>,
    datacontenttype: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
    subject: Option<Cow<'a, str>>,
    time: Option<Cow<'a, str>>,
    source: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
    account: Option<Cow<'a, str>>,
    service: Option<Cow<'a, str>>,
    resource: Option<Cow<'a, str>>,
    /// The `data` of a CloudEvent.
    data: Option<Data<'a>>,
    /// The same fields beside the others, in a flat event.
    beside: Data<'a>,
    /// The names of attributes that are not known here.
    others: Vec<Cow<'a, str>>,
}

impl<'a> Attributes<'a> {
    fn take<M: MapAccess<'a>>(&mut self, name: Cow<'a, str>, map: &mut M) -> Result<(), M::Error> {
        let slot = match &*name {
            "specversion" => &mut self.specversion,
            "type" => &mut self.kind,
            "source" => &mut self.source,
            "id" => &mut self.id,
            "time" => &mut self.time,
            "subject" => &mut self.subject,
            "datacontenttype" => &mut self.datacontenttype,
            "account" => &mut self.account,
            "service" => &mut self.service,
            "resource" => &mut self.resource,
            "data" => return once(&mut self.data, map.next_value()?),
            _ if self.beside.take(&name, map)? => return Ok(()),
            _ => {
                if self.others.contains(&name) {
                    return Err(not_plain());
                }
                self.others.push(name);
                map.next_value::<Scalar>()?;
                return Ok(());
            }
        };
        once(slot, map.next_value::<Text<'a>>()?.0)
    }

    fn cloudevent(self, meters: &Meters) -> Option<EventText<'a>> {
        let content = self.datacontenttype.as_deref();
        if self.specversion? != "1.0" || !matches!(content, None | Some("application/json")) {
            return None;
        }
        let kind = self.kind?;
        if meters.find(&kind).is_some() {
            return None;
        }
        let (service, resource) = split_kind(kind)?;
        let (subject, source, id, time) = (self.subject?, self.source?, self.id?, self.time?);
        self.data?
            .event([subject, service, resource, time, source, id])
    }

    fn flat(self) -> Option<EventText<'a>> {
        let is_known = self.others.is_empty() && self.data.is_none();
        let of_cloudevent = [&self.kind, &self.subject, &self.datacontenttype];
        if !is_known || of_cloudevent.iter().any(|field| field.is_some()) {
            return None;
        }
        self.beside.event([
            self.account?,
            self.service?,
            self.resource?,
            self.time?,
            self.source?,
            self.id?,
        ])
    }
}

fn split_kind(kind: Cow<'_, str>) -> Option<(Cow<'_, str>, Cow<'_, str>)> {
    Some(match kind {
        Cow::Borrowed(text) => {
            let (service, resource) = text.split_once('.')?;
            (service.into(), resource.into())
        }
        Cow::Owned(text) => {
            let (service, resource) = text.split_once('.')?;
            (service.to_owned().into(), resource.to_owned().into())
        }
    })
}

/// How much of what, and what goes with it. A field that is `null` was there, and counts as absent.
#[derive(Default)]
struct Data<'a> {
    quantity: Option<QuantityText<'a>>,
    unit: Option<Option<Cow<'a, str>>>,
    provider: Option<Option<Cow<'a, str>>>,
    dimensions: Option<Vec<(Cow<'a, str>, Cow<'a, str>)>>,
    correction: Option<bool>,
}

impl<'a> Data<'a> {
    /// Takes a field, if it is one of these.
    fn take<M: MapAccess<'a>>(&mut self, name: &str, map: &mut M) -> Result<bool, M::Error> {
        let text = |value: Option<Text<'a>>| value.map(|text| text.0);
        match name {
            "quantity" => once(&mut self.quantity, map.next_value::<Number<'a>>()?.0)?,
            "unit" => once(&mut self.unit, text(map.next_value()?))?,
            "provider" => once(&mut self.provider, text(map.next_value()?))?,
            "dimensions" => {
                let value: Option<Dimensions<'a>> = map.next_value()?;
                once(&mut self.dimensions, value.map(|d| d.0).unwrap_or_default())?;
            }
            "correction" => {
                let value: Option<Flag> = map.next_value()?;
                once(&mut self.correction, value.is_some_and(|flag| flag.0))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn event(self, fields: [Cow<'a, str>; 6]) -> Option<EventText<'a>> {
        let [account, service, resource, time, source, id] = fields;
        Some(EventText {
            account,
            service,
            resource,
            quantity: self.quantity?,
            unit: self.unit.flatten(),
            time,
            source,
            id,
            provider: self.provider.flatten(),
            dimensions: self.dimensions.unwrap_or_default(),
            correction: self.correction.unwrap_or(false),
        })
    }
}

impl<'de> Deserialize<'de> for Data<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Data<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut data = Data::default();
                while let Some(Text(name)) = map.next_key()? {
                    if !data.take(&name, &mut map)? {
                        return Err(not_plain());
                    }
                }
                Ok(data)
            }
        }
        deserializer.deserialize_any(Object)
    }
}

/// A string, borrowed where it is written without escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    #[inline]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Str;
        impl<'de> Visitor<'de> for Str {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            #[inline]
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_any(Str)
    }
}

/// A truth value.
struct Flag(bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bool;
        impl Visitor<'_> for Bool {
            type Value = Flag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a truth value")
            }
            fn visit_bool<E>(self, value: bool) -> Result<Flag, E> {
                Ok(Flag(value))
            }
        }
        deserializer.deserialize_any(Bool)
    }
}

/// An integer of 64 bits, or a string. Longer ones, and zero with a sign, are not plain.
struct Number<'a>(QuantityText<'a>);

impl<'de> Deserialize<'de> for Number<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Number<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer or a string")
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                let number = i64::try_from(number).map_err(|_| not_plain())?;
                Ok(Number(QuantityText::Integer(number)))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                if number == 0 {
                    return Err(not_plain());
                }
                Ok(Number(QuantityText::Integer(number)))
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Number(QuantityText::Text(Cow::Borrowed(text))))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Number(QuantityText::Text(Cow::Owned(text.to_owned()))))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// The value of an attribute that is not known here. CloudEvents have no nested ones.
struct Scalar;

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number or a truth value")
            }
            fn visit_bool<E>(self, _: bool) -> Result<Scalar, E> {
                Ok(Scalar)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Scalar, E> {
                Ok(Scalar)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Scalar, E> {
                Ok(Scalar)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Scalar, E> {
                Ok(Scalar)
            }
            fn visit_str<E>(self, _: &str) -> Result<Scalar, E> {
                Ok(Scalar)
            }
            fn visit_unit<E>(self) -> Result<Scalar, E> {
                Ok(Scalar)
            }
        }
        deserializer.deserialize_any(Any)
    }
}

/// An object of strings, no name twice.
struct Dimensions<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'de> Deserialize<'de> for Dimensions<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        /// More than an event may carry are not worth comparing with one another.
        const MANY: usize = 64;
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Dimensions<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut all: Vec<(Cow<'de, str>, Cow<'de, str>)> = Vec::new();
                while let Some((Text(name), Text(value))) = map.next_entry()? {
                    if all.len() == MANY || all.iter().any(|(known, _)| *known == name) {
                        return Err(not_plain());
                    }
                    all.push((name, value));
                }
                Ok(Dimensions(all))
            }
        }
        deserializer.deserialize_any(Object)
    }
}

fn once<T, E: Error>(slot: &mut Option<T>, value: T) -> Result<(), E> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(not_plain()),
    }
}

/// Nobody reads this: it only ends the attempt.
fn not_plain<E: Error>() -> E {
    E::custom("not plain")
}
