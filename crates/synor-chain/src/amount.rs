//! The chain's smallest unit, and the one place where it meets µSYNOR.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use synor_economics::money::MicroSynor;

use crate::ChainError;

/// Soma in one SYNOR.
pub const SOMA_PER_SYNOR: u64 = 100_000_000;

/// Soma in one µSYNOR.
pub const SOMA_PER_MICRO: u64 = 100;

/// The largest integer that every JSON reader keeps exactly; above it amounts travel as strings.
const JSON_EXACT_MAX: u64 = 1 << 53;

/// An amount on the chain in soma: 1 SYNOR = 10^8 soma, 1 µSYNOR = 100 soma. There is no `+`,
/// only checked operations.
///
/// ```
/// use synor_chain::Soma;
/// use synor_economics::money::MicroSynor;
/// let amount = Soma::from_micro(MicroSynor::new(1_500_000))?;
/// assert_eq!(amount, Soma::new(150_000_000));
/// assert_eq!(amount.to_string(), "1.50000000 SYNOR");
/// assert!(Soma::new(150).to_micro().is_err());
/// # Ok::<(), synor_chain::ChainError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Soma(u64);

impl Soma {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount of whole soma.
    pub const fn new(soma: u64) -> Self {
        Self(soma)
    }

    /// The amount in soma.
    pub const fn soma(self) -> u64 {
        self.0
    }

    /// Whether the amount is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// An amount of µSYNOR in soma. `NegativeAmount` below zero, `AmountOverflow` if it does not
    /// fit.
    pub fn from_micro(amount: MicroSynor) -> Result<Self, ChainError> {
        let micro = u64::try_from(amount.micro()).map_err(|_| ChainError::NegativeAmount {
            micro_synor: amount.micro(),
        })?;
        micro
            .checked_mul(SOMA_PER_MICRO)
            .map(Self)
            .ok_or(ChainError::AmountOverflow)
    }

    /// The amount in µSYNOR; `NotWholeMicro` if a part of a µSYNOR would be lost.
    pub fn to_micro(self) -> Result<MicroSynor, ChainError> {
        if !self.0.is_multiple_of(SOMA_PER_MICRO) {
            return Err(ChainError::NotWholeMicro { amount: self });
        }
        // u64::MAX / 100 fits an i64.
        i64::try_from(self.0 / SOMA_PER_MICRO)
            .map(MicroSynor::new)
            .map_err(|_| ChainError::AmountOverflow)
    }

    /// `self + other` in soma; `AmountOverflow` if it does not fit.
    pub fn checked_add(self, other: Self) -> Result<Self, ChainError> {
        self.0
            .checked_add(other.0)
            .map(Self)
            .ok_or(ChainError::AmountOverflow)
    }

    /// `self - other` in soma; `AmountOverflow` below zero.
    pub fn checked_sub(self, other: Self) -> Result<Self, ChainError> {
        self.0
            .checked_sub(other.0)
            .map(Self)
            .ok_or(ChainError::AmountOverflow)
    }
}

impl fmt::Display for Soma {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / SOMA_PER_SYNOR, self.0 % SOMA_PER_SYNOR);
        f.pad(&format!("{whole}.{rest:08} SYNOR"))
    }
}

impl Serialize for Soma {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 <= JSON_EXACT_MAX {
            serializer.serialize_u64(self.0)
        } else {
            serializer.collect_str(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Soma {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(soma) => Ok(Self(soma)),
            Either::Text(text) => text
                .parse()
                .map(Self)
                .map_err(|_| serde::de::Error::custom(format!("`{text}` is not a number of soma"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_convert_exactly_is_refused() {
        assert_eq!(
            Soma(199).to_micro(),
            Err(ChainError::NotWholeMicro { amount: Soma(199) })
        );
        assert_eq!(Soma(200).to_micro(), Ok(MicroSynor::new(2)));
        assert_eq!(
            Soma::from_micro(MicroSynor::new(-1)),
            Err(ChainError::NegativeAmount { micro_synor: -1 })
        );
        assert_eq!(
            Soma::from_micro(MicroSynor::new(i64::MAX)),
            Err(ChainError::AmountOverflow)
        );
    }

    #[test]
    fn large_amounts_travel_as_strings_and_both_are_read() {
        for (amount, json) in [(Soma(7), "7"), (Soma(u64::MAX), "\"18446744073709551615\"")] {
            assert_eq!(serde_json::to_string(&amount).unwrap(), json);
            assert_eq!(serde_json::from_str::<Soma>(json).unwrap(), amount);
        }
        assert_eq!(serde_json::from_str::<Soma>("\"7\"").unwrap(), Soma(7));
        assert!(serde_json::from_str::<Soma>("-7").is_err());
        assert!(serde_json::from_str::<Soma>("1.5").is_err());
    }
}
