//! The numbers of documents: gapless sequences that people quote.

use std::fmt;
use std::str::FromStr;

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident($prefix:literal, $what:literal);)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The number at this place of the sequence, from 1.
            pub const fn new(sequence: u64) -> Self {
                Self(sequence)
            }

            /// The place in the sequence.
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&format!(concat!($prefix, "{:06}"), self.0))
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                text.strip_prefix($prefix)
                    .and_then(|n| n.parse().ok())
                    .map(Self)
                    .ok_or_else(|| format!(concat!("`{}` is not ", $what), text))
            }
        }

        crate::wire::as_text!($name);
    )*};
}

numbers! {
    /// An invoice's number in the gapless sequence, printed as `INV-000001`.
    InvoiceNumber("INV-", "an invoice number such as INV-000001");
    /// A credit note's number in the gapless sequence, printed as `CN-000001`.
    CreditNoteNumber("CN-", "a credit note number such as CN-000001");
}
