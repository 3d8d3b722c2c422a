//! The bytes of a packed event: resource code, flags, time, quantity, then the texts with their
//! lengths. Numbers are little-endian groups of seven bits, signed ones zigzagged, and each has
//! exactly one form, so equal events have equal bytes.

use synor_economics::metering::{ResourceType, UsageEvent};

use super::{DimensionsRef, RowError, RowRef, code, pack_dimensions};
use crate::log::LogPosition;

const IS_SAMPLE: u8 = 1;
const CORRECTION: u8 = 1 << 1;
const HAS_PROVIDER: u8 = 1 << 2;
const HAS_DIMENSIONS: u8 = 1 << 3;
const KNOWN_FLAGS: u8 = IS_SAMPLE | CORRECTION | HAS_PROVIDER | HAS_DIMENSIONS;

/// Appends the packed form of an event to `out`.
pub(crate) fn encode(event: &UsageEvent, out: &mut Vec<u8>) {
    let flag = |set: bool, bit: u8| if set { bit } else { 0 };
    out.push(code::code(event.resource));
    out.push(
        flag(event.is_sample, IS_SAMPLE)
            | flag(event.correction, CORRECTION)
            | flag(event.provider.is_some(), HAS_PROVIDER)
            | flag(!event.dimensions.is_empty(), HAS_DIMENSIONS),
    );
    put_varint(out, zigzag(i128::from(event.time.secs())));
    put_varint(out, zigzag(event.quantity.get()));
    put_text(out, event.identity.account.as_str());
    put_text(out, &event.identity.source);
    put_text(out, &event.identity.id);
    if let Some(provider) = &event.provider {
        put_text(out, provider.as_str());
    }
    if !event.dimensions.is_empty() {
        let pairs = event.dimensions.iter();
        let pairs = pairs.map(|(name, value)| (name.as_str(), value.as_str()));
        pack_dimensions(event.dimensions.len(), pairs, out);
    }
}

/// Reads what [`encode`] wrote: all of `bytes`, and nothing but its one form.
pub(crate) fn decode(position: LogPosition, bytes: &[u8]) -> Result<RowRef<'_>, RowError> {
    let mut cursor = Cursor::new(bytes);
    let resource =
        code::resource(cursor.byte()?).ok_or(RowError::Malformed("no resource has this code"))?;
    let flags = cursor.byte()?;
    if flags & !KNOWN_FLAGS != 0 {
        return Err(RowError::Malformed("a flag is not known"));
    }
    let time_secs = i64::try_from(unzigzag(cursor.varint()?))
        .map_err(|_| RowError::Malformed("the time does not fit"))?;
    let quantity = unzigzag(cursor.varint()?);
    let account = cursor.text()?;
    let source = cursor.text()?;
    let id = cursor.text()?;
    let provider = match flags & HAS_PROVIDER {
        0 => None,
        _ => Some(cursor.text()?),
    };
    let dimensions = match flags & HAS_DIMENSIONS {
        0 => DimensionsRef::NONE,
        _ => DimensionsRef::read(&mut cursor)?,
    };
    if flags & HAS_DIMENSIONS != 0 && dimensions.is_empty() {
        return Err(RowError::Malformed("it announces dimensions and has none"));
    }
    cursor.end()?;
    Ok(RowRef {
        position,
        account,
        resource,
        is_sample: flags & IS_SAMPLE != 0,
        quantity,
        time_secs,
        source,
        id,
        provider,
        dimensions,
        correction: flags & CORRECTION != 0,
    })
}

/// Appends what meters are told apart by, each in one form: the resource, whether it is a sample, and
/// the packed account, provider and dimensions.
pub(crate) fn put_meter<'a>(
    (resource, is_sample): (ResourceType, bool),
    account: &str,
    provider: Option<&str>,
    dimensions: (usize, impl Iterator<Item = (&'a str, &'a str)>),
    out: &mut Vec<u8>,
) {
    out.push(code::code(resource));
    out.push(u8::from(is_sample));
    put_text(out, account);
    // A provider has a name, so that none is told from any.
    put_text(out, provider.unwrap_or_default());
    pack_dimensions(dimensions.0, dimensions.1, out);
}

/// The parts of a packed event that are no part of its identity: what stands before the account and
/// after the id. Everything if it is no packed event.
pub(crate) fn said(packed: &[u8]) -> (&[u8], &[u8]) {
    parted(packed).unwrap_or((packed, &[]))
}

fn parted(packed: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut cursor = Cursor::new(packed.get(2..)?);
    cursor.varint().ok()?;
    cursor.varint().ok()?;
    let before = packed.len().checked_sub(cursor.rest().len())?;
    for _ in 0..3 {
        let length = usize::try_from(cursor.varint().ok()?).ok()?;
        cursor.rest = cursor.rest.get(length..)?;
    }
    Some((packed.get(..before)?, cursor.rest))
}

/// Small numbers of either sign become small numbers.
const fn zigzag(value: i128) -> u128 {
    ((value << 1) ^ (value >> 127)).cast_unsigned()
}

const fn unzigzag(value: u128) -> i128 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// Appends a number, seven bits a byte, the lowest first.
#[inline]
pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u128) {
    // Most numbers fit 64 bits, which the machine handles best.
    if let Ok(mut low) = u64::try_from(value) {
        while low >= 0x80 {
            out.push(low.to_le_bytes()[0] | 0x80);
            low >>= 7;
        }
        out.push(low.to_le_bytes()[0]);
        return;
    }
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// Appends a text and, before it, its length in bytes.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    // A length always fits 128 bits.
    put_varint(out, u128::try_from(text.len()).unwrap_or(u128::MAX));
    out.extend_from_slice(text.as_bytes());
}

/// What is left to read.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn end(&self) -> Result<(), RowError> {
        match self.rest {
            [] => Ok(()),
            _ => Err(RowError::Malformed("something follows its end")),
        }
    }

    fn byte(&mut self) -> Result<u8, RowError> {
        let (&first, rest) = self.rest.split_first().ok_or(EARLY)?;
        self.rest = rest;
        Ok(first)
    }

    pub(super) fn varint(&mut self) -> Result<u128, RowError> {
        // Nine bytes fill 63 bits, in which most numbers fit and which the machine handles best.
        let mut low: u64 = 0;
        for group in 0..9 {
            let byte = self.byte()?;
            low |= u64::from(byte & 0x7f) << (7 * group);
            if byte < 0x80 {
                return minimal(byte, group, u128::from(low));
            }
        }
        self.long_varint(u128::from(low))
    }

    fn long_varint(&mut self, mut value: u128) -> Result<u128, RowError> {
        for group in 9..19 {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7f);
            // 18 groups are 126 bits; two are left for the last.
            if group == 18 && byte > 0b11 {
                break;
            }
            value |= bits << (7 * group);
            if byte < 0x80 {
                return minimal(byte, group, value);
            }
        }
        Err(RowError::Malformed("a number is too long"))
    }

    pub(super) fn text(&mut self) -> Result<&'a str, RowError> {
        let length = usize::try_from(self.varint()?).map_err(|_| EARLY)?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or(EARLY)?;
        self.rest = rest;
        std::str::from_utf8(text).map_err(|_| RowError::Malformed("a text is not UTF-8"))
    }
}

const EARLY: RowError = RowError::Malformed("it ends early");

/// A number that ends in a zero group could have been shorter.
fn minimal(last: u8, group: u32, value: u128) -> Result<u128, RowError> {
    if last == 0 && group > 0 {
        return Err(RowError::Malformed("a number is longer than it has to be"));
    }
    Ok(value)
}
