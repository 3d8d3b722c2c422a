//! Dimensions in packed form: a count, then name and value of each with their lengths, in order of
//! name. They are checked once, when they are read; after that, walking them cannot fail.

use super::RowError;
use super::packed::{Cursor, put_text, put_varint};

/// Packed dimensions that have been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DimensionsRef<'a> {
    packed: &'a [u8],
}

impl<'a> DimensionsRef<'a> {
    /// No dimensions.
    pub(crate) const NONE: Self = Self { packed: &[0] };

    /// What [`pack_dimensions`] just wrote from pairs that are in order.
    pub(crate) fn packed_by_us(packed: &'a [u8]) -> Self {
        debug_assert!(Self::checked(packed).is_ok());
        Self { packed }
    }

    /// Checks bytes of unknown origin: whole, UTF-8, in order of name, each name once.
    pub(crate) fn checked(packed: &'a [u8]) -> Result<Self, RowError> {
        let mut cursor = Cursor::new(packed);
        let dimensions = Self::read(&mut cursor)?;
        cursor.end()?;
        Ok(dimensions)
    }

    /// Reads and checks the dimensions that start at the cursor.
    pub(super) fn read(cursor: &mut Cursor<'a>) -> Result<Self, RowError> {
        let whole = cursor.rest();
        let mut last: Option<&str> = None;
        for _ in 0..cursor.varint()? {
            let name = cursor.text()?;
            cursor.text()?;
            if last.is_some_and(|last| last >= name) {
                return Err(RowError::Malformed("the dimensions are not in order"));
            }
            last = Some(name);
        }
        let used = whole.len().saturating_sub(cursor.rest().len());
        Ok(Self {
            packed: &whole[..used],
        })
    }

    /// Whether there are none.
    pub(crate) fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// The packed bytes.
    pub(crate) fn packed(self) -> &'a [u8] {
        self.packed
    }

    /// Names and values, in order of name.
    pub(crate) fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let mut cursor = Cursor::new(self.packed);
        let count = cursor.varint().unwrap_or(0);
        // What was checked cannot fail; were it to, the walk would end.
        (0..count).map_while(move |_| Some((cursor.text().ok()?, cursor.text().ok()?)))
    }
}

/// Appends the packed form of `count` pairs, which must be in order of name.
pub(crate) fn pack_dimensions<'a>(
    count: usize,
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
    out: &mut Vec<u8>,
) {
    put_varint(out, u128::try_from(count).unwrap_or(u128::MAX));
    for (name, value) in pairs {
        put_text(out, name);
        put_text(out, value);
    }
}
