//! An event as text that lies elsewhere, and the rules by which it becomes a [`UsageEvent`]. What
//! holds costs no more than the event it becomes: nothing is formatted, and no fraction is reduced,
//! unless something is wrong.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use super::event::{
    DIMENSIONS_MAX, EventError, EventId, FUTURE_MAX_SECS, TEXT_MAX_BYTES, UsageEvent,
    utc_month_secs,
};
use super::resource::{Measure, ResourceType, UnknownResource};
use super::summary::SPOT_DIMENSION;
use super::unit::MeteringUnit;
use crate::id::{AccountId, ProviderId};
use crate::money::Exact;
use crate::period::Timestamp;
use crate::quantity::Quantity;

/// A quantity as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QuantityText<'a> {
    /// An integer that was read as one.
    Integer(i64),
    /// A plain decimal.
    Text(Cow<'a, str>),
}

impl fmt::Display for QuantityText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// An event as it was written, borrowed from where that is: what [`RawEvent`](super::RawEvent) is
/// when it owns its text.
///
/// ```
/// use synor_economics::metering::{EventText, QuantityText};
/// use synor_economics::period::Timestamp;
/// let event = EventText {
///     account: "acme".into(),
///     service: "network".into(),
///     resource: "egress".into(),
///     quantity: QuantityText::Text("1.5".into()),
///     unit: Some("GB".into()),
///     time: "2026-01-01T00:00:00Z".into(),
///     source: "node-1".into(),
///     id: "7".into(),
///     provider: None,
///     dimensions: Vec::new(),
///     correction: false,
/// };
/// let event = event.validate(Timestamp::parse("2026-01-02T00:00:00Z")?)?;
/// assert_eq!(event.quantity.get(), 1_500_000_000); // bytes
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventText<'a> {
    /// Whose usage it is.
    pub account: Cow<'a, str>,
    /// `storage`, `hosting`, `database`, `compute` or `network`.
    pub service: Cow<'a, str>,
    /// A resource of that service.
    pub resource: Cow<'a, str>,
    /// How much.
    pub quantity: QuantityText<'a>,
    /// The unit of the quantity; if absent, the base unit (for levels: the unit of a sample).
    pub unit: Option<Cow<'a, str>>,
    /// RFC 3339.
    pub time: Cow<'a, str>,
    /// Who reports it. With `id`, the identity of the event within the account.
    pub source: Cow<'a, str>,
    /// The event's name at its source.
    pub id: Cow<'a, str>,
    /// The operator that did the work.
    pub provider: Option<Cow<'a, str>>,
    /// Anything else that tells usage apart, each name once.
    pub dimensions: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Marks an event that may reduce.
    pub correction: bool,
}

impl EventText<'_> {
    /// Checks every field against the rules of metering and converts the quantity to base units.
    /// A month's unit is converted by the UTC month of the event's time.
    pub fn validate(mut self, now: Timestamp) -> Result<UsageEvent, EventError> {
        let account: AccountId = self
            .account
            .parse()
            .map_err(|e| EventError::new("account", &*self.account, e))?;
        let resource = self.find_resource()?;
        let source = identity_text("source", &self.source)?;
        let id = identity_text("id", &self.id)?;
        let time = parse_time(&self.time, now)?;
        let provider: Option<ProviderId> = match &self.provider {
            None => None,
            Some(text) => Some(
                text.parse()
                    .map_err(|e| EventError::new("provider", &**text, e))?,
            ),
        };
        let dimensions = checked_dimensions(resource, &mut self.dimensions)?;
        let (quantity, is_sample) = self.base_quantity(resource, time)?;
        Ok(UsageEvent {
            identity: EventId {
                account,
                source,
                id,
            },
            resource,
            quantity,
            is_sample,
            time,
            provider,
            dimensions,
            correction: self.correction,
        })
    }

    fn find_resource(&self) -> Result<ResourceType, EventError> {
        ResourceType::find(&self.service, &self.resource).map_err(|e| {
            let (field, value) = match e {
                UnknownResource::Service(_) => ("service", &self.service),
                _ => ("resource", &self.resource),
            };
            EventError::new(field, &**value, e)
        })
    }

    fn base_quantity(
        &self,
        resource: ResourceType,
        time: Timestamp,
    ) -> Result<(Quantity, bool), EventError> {
        let spec = resource.spec();
        let bad = |reason: &str| EventError::new("quantity", self.quantity.to_string(), reason);
        let decimal = match &self.quantity {
            QuantityText::Integer(number) => Some(Decimal::from(*number)),
            QuantityText::Text(text) => Decimal::parse(text),
        };
        // What a short decimal cannot be is read, or refused, the long way: before the unit is, so
        // that the same field is named first.
        let long = match decimal {
            Some(_) => None,
            None => Some(
                Exact::parse_decimal(&self.quantity.to_string())
                    .map_err(|e| EventError::new("quantity", self.quantity.to_string(), e))?,
            ),
        };
        let sampled = match spec.measure {
            Measure::Level { sample } => Some(sample),
            Measure::Sum => None,
        };
        let unit = match &self.unit {
            None => MeteringUnit::from(sampled.unwrap_or(spec.base_unit)),
            Some(text) => text
                .parse()
                .map_err(|e| EventError::new("unit", &**text, e))?,
        };
        let is_sample = Some(unit.base()) == sampled;
        if !is_sample && unit.base() != spec.base_unit {
            return Err(wrong_unit(resource, unit));
        }
        let too_large = || bad("is too large for one event");
        let month_secs = match unit.is_monthly() {
            true => Some(utc_month_secs(time)?),
            false => None,
        };
        let factor = unit.base_units(month_secs).map_err(|_| too_large())?;
        let whole = match (decimal.and_then(|d| d.times(factor)), decimal, long) {
            (Some(whole), ..) => Some(whole),
            (None, Some(decimal), _) => to_whole(decimal.exact(), factor).ok_or_else(too_large)?,
            (None, None, Some(long)) => to_whole(Some(long), factor).ok_or_else(too_large)?,
            (None, None, None) => return Err(too_large()),
        };
        let whole =
            whole.ok_or_else(|| bad(&format!("is not a whole number of {}", unit.base())))?;
        self.within_the_rules(Quantity::new(whole), is_sample)
    }

    fn within_the_rules(
        &self,
        quantity: Quantity,
        is_sample: bool,
    ) -> Result<(Quantity, bool), EventError> {
        let bad = |reason: &str| EventError::new("quantity", self.quantity.to_string(), reason);
        let size = quantity.get().checked_abs();
        if size.is_none_or(|size| size > Quantity::EVENT_MAX.get()) {
            return Err(bad("is too large for one event"));
        }
        match (is_sample, self.correction) {
            (true, true) => Err(bad(
                "is a sample of a level, which a later sample corrects; a \
                 correction takes an amount such as byte-seconds",
            )),
            (true, false) if quantity.is_negative() => Err(bad("a level cannot be below zero")),
            (false, false) if quantity.is_negative() => Err(bad(
                "is negative; only an event marked `correction` may reduce",
            )),
            (false, _) if quantity.is_zero() => Err(bad("is zero; nothing was used")),
            _ => Ok((quantity, is_sample)),
        }
    }
}

/// `exact × factor`: the whole number that it is, or `None` inside if it is none; `None` outside if
/// it left the range.
fn to_whole(exact: Option<Exact>, factor: i128) -> Option<Option<i128>> {
    let product = exact?.checked_mul(Exact::from_integer(factor)).ok()?;
    Some(product.to_integer())
}

fn wrong_unit(resource: ResourceType, unit: MeteringUnit) -> EventError {
    let spec = resource.spec();
    let takes = match spec.measure {
        Measure::Level { sample } => {
            format!("{sample} for a level or {} for an amount", spec.base_unit)
        }
        Measure::Sum => spec.base_unit.to_string(),
    };
    let reason = format!("{resource} is measured in {takes}, or a multiple");
    EventError::new("unit", unit.name(), reason)
}

/// A decimal of at most 18 digits, as nearly all quantities are: `mantissa / 10^scale`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Decimal {
    mantissa: i64,
    scale: u32,
}

impl From<i64> for Decimal {
    fn from(mantissa: i64) -> Self {
        Self { mantissa, scale: 0 }
    }
}

impl Decimal {
    const DIGITS_MAX: usize = 18;

    /// Reads a plain decimal; `None` if it is long, or none.
    fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        // One more byte than digits, for the point.
        if digits.is_empty() || digits.len() > Self::DIGITS_MAX {
            return None;
        }
        let mut mantissa = 0i64;
        let mut point = None;
        for (at, byte) in digits.bytes().enumerate() {
            match byte {
                b'0'..=b'9' => {
                    let digit = i64::from(byte.wrapping_sub(b'0'));
                    mantissa = mantissa.checked_mul(10)?.checked_add(digit)?;
                }
                b'.' if point.is_none() && at > 0 => point = Some(at),
                _ => return None,
            }
        }
        let fraction = match point {
            None => 0,
            Some(at) => digits.len().checked_sub(at)?.checked_sub(1)?,
        };
        if point.is_some() && fraction == 0 {
            return None;
        }
        let scale = u32::try_from(fraction).ok()?;
        let mantissa = if negative {
            mantissa.checked_neg()?
        } else {
            mantissa
        };
        Some(Self { mantissa, scale })
    }

    /// `self × factor`, if that is whole and small enough to be worked out at once.
    fn times(self, factor: i128) -> Option<i128> {
        let product = i128::from(self.mantissa).checked_mul(factor)?;
        if self.scale == 0 {
            return Some(product);
        }
        let divisor = 10i64.checked_pow(self.scale)?;
        if let Ok(product) = i64::try_from(product) {
            return (product.checked_rem(divisor)? == 0)
                .then(|| product.checked_div(divisor).map(i128::from))?;
        }
        let divisor = i128::from(divisor);
        (product.checked_rem(divisor)? == 0).then(|| product.checked_div(divisor))?
    }

    fn exact(self) -> Option<Exact> {
        Exact::new(i128::from(self.mantissa), 10i128.checked_pow(self.scale)?)
    }
}

/// Whether a text holds a control character. Most texts are ASCII, which is told by their bytes.
fn has_control(text: &str) -> bool {
    let is_plain = text.bytes().all(|b| (0x20..0x7f).contains(&b));
    !is_plain && text.chars().any(char::is_control)
}

fn identity_text(field: &'static str, text: &str) -> Result<String, EventError> {
    if text.is_empty() || text.len() > TEXT_MAX_BYTES || has_control(text) {
        let reason = format!("must be 1 to {TEXT_MAX_BYTES} bytes without control characters");
        return Err(EventError::new(
            field,
            text.chars().take(80).collect::<String>(),
            reason,
        ));
    }
    Ok(text.to_owned())
}

fn parse_time(text: &str, now: Timestamp) -> Result<Timestamp, EventError> {
    let time = Timestamp::parse(text).map_err(|e| EventError::new("time", text, e))?;
    if time.secs_since(now) > FUTURE_MAX_SECS {
        return Err(EventError::new(
            "time",
            text,
            "is more than a day in the future",
        ));
    }
    if time.secs() < 0 {
        return Err(EventError::new("time", text, "is before 1970"));
    }
    Ok(time)
}

fn checked_dimensions(
    resource: ResourceType,
    dimensions: &mut [(Cow<'_, str>, Cow<'_, str>)],
) -> Result<BTreeMap<String, String>, EventError> {
    if dimensions.len() > DIMENSIONS_MAX {
        let count = dimensions.len().to_string();
        let reason = format!("an event may carry at most {DIMENSIONS_MAX}");
        return Err(EventError::new("dimensions", count, reason));
    }
    dimensions.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    for (key, value) in &*dimensions {
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        if key.is_empty() || key.len() > 64 || !key.bytes().all(word) {
            let reason = "a dimension's name is 1 to 64 of a-z, 0-9 and _";
            return Err(EventError::new("dimensions", &**key, reason));
        }
        if value.is_empty() || value.len() > TEXT_MAX_BYTES || has_control(value) {
            let reason =
                format!("its value must be 1 to {TEXT_MAX_BYTES} bytes without control characters");
            return Err(EventError::new("dimensions", &**key, reason));
        }
    }
    let find = |name: &str| dimensions.iter().find(|(key, _)| key == name);
    if let Some((_, value)) = find(SPOT_DIMENSION) {
        check_spot(resource, value)?;
    }
    if let Some(needed) = resource.spec().required_dimension
        && find(needed).is_none()
    {
        let reason = format!("{resource} is priced by the dimension `{needed}`, which is missing");
        return Err(EventError::new("dimensions", "", reason));
    }
    let owned = dimensions
        .iter()
        .map(|(key, value)| (String::from(&**key), String::from(&**value)));
    Ok(owned.collect())
}

fn check_spot(resource: ResourceType, value: &str) -> Result<(), EventError> {
    let refuse = |reason: String| Err(EventError::new("dimensions.spot", value, reason));
    if value != "true" {
        return refuse("the only value is `true`; leave it out otherwise".to_owned());
    }
    if resource.spec().measure != Measure::Sum {
        return refuse(format!(
            "{resource} is measured as a level, of which there is no spot capacity"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The short way comes to what the long way comes to.
        #[test]
        fn a_short_decimal_is_what_it_is_exactly(
            text in "-?[0-9]{0,12}(\\.[0-9]{0,9})?",
            factor in prop::sample::select(vec![1i128, 1_000, 1 << 30, 3_600_000, 1_000_000_000]),
        ) {
            let exact = Exact::parse_decimal(&text).ok();
            if let Some(decimal) = Decimal::parse(&text) {
                prop_assert_eq!(decimal.exact(), exact);
                let whole = exact.and_then(|e| to_whole(Some(e), factor)).flatten();
                prop_assert_eq!(decimal.times(factor), whole);
            } else {
                prop_assert!(exact.is_none() || text.len() > Decimal::DIGITS_MAX);
            }
        }
    }
}
