//! A token's smallest units and the book's, and nothing lost between them.

use alloy_primitives::U256;
use synor_economics::money::MicroSynor;

use crate::amount::SOMA_PER_MICRO;
use crate::{ChainError, Soma};

/// The decimals of a µSYNOR.
const MICRO_DECIMALS: u8 = 6;
/// More than a token has: 10^77 is the largest power of ten in 256 bits.
const DECIMALS_MAX: u8 = 77;

/// One µSYNOR in a token's smallest unit.
///
/// ```
/// use synor_chain::evm::Units;
/// use synor_economics::money::MicroSynor;
/// let units = Units::of_decimals(18)?;
/// let amount = units.from_micro(MicroSynor::new(1_500_000))?;
/// assert_eq!(amount.to_string(), "1500000000000000000");
/// assert_eq!(units.to_micro(amount)?, MicroSynor::new(1_500_000));
/// assert!(Units::of_decimals(5).is_err());
/// # Ok::<(), synor_chain::ChainError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Units {
    per_micro: U256,
}

impl Units {
    /// The units of a token of so many decimals; `Unsupported` below six, since such a token cannot
    /// carry a µSYNOR.
    pub fn of_decimals(decimals: u8) -> Result<Self, ChainError> {
        let power = decimals
            .checked_sub(MICRO_DECIMALS)
            .filter(|_| decimals <= DECIMALS_MAX)
            .ok_or_else(|| ChainError::Unsupported {
                what: format!("a token of {decimals} decimals"),
            })?;
        Ok(Self {
            per_micro: U256::from(10).pow(U256::from(power)),
        })
    }

    /// µSYNOR in the token's smallest unit. `NegativeAmount` or `AmountOverflow`.
    pub fn from_micro(self, amount: MicroSynor) -> Result<U256, ChainError> {
        let micro = u64::try_from(amount.micro()).map_err(|_| ChainError::NegativeAmount {
            micro_synor: amount.micro(),
        })?;
        U256::from(micro)
            .checked_mul(self.per_micro)
            .ok_or(ChainError::AmountOverflow)
    }

    /// The token's smallest unit in µSYNOR; `NotWholeUnits` if a part of a µSYNOR would be lost.
    pub fn to_micro(self, amount: U256) -> Result<MicroSynor, ChainError> {
        let (micro, rest) = amount.div_rem(self.per_micro);
        if !rest.is_zero() {
            return Err(ChainError::NotWholeUnits {
                units: amount.to_string(),
                per_micro: self.per_micro.to_string(),
            });
        }
        i64::try_from(micro)
            .map(MicroSynor::new)
            .map_err(|_| ChainError::AmountOverflow)
    }

    /// As [`Units::to_micro`], in soma.
    pub fn to_soma(self, amount: U256) -> Result<Soma, ChainError> {
        Soma::from_micro(self.to_micro(amount)?)
    }

    /// The whole µSYNOR of an amount, in soma; what is finer is left out, and what is more than soma
    /// can say is the most they can. For balances that are shown, never for payments.
    pub(super) fn whole_soma(self, amount: U256) -> Soma {
        let micro = u64::try_from(amount / self.per_micro).unwrap_or(u64::MAX);
        Soma::new(micro.saturating_mul(SOMA_PER_MICRO))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_does_not_convert_exactly_is_refused() {
        let units = Units::of_decimals(8).unwrap();
        assert_eq!(units.to_micro(U256::from(100)), Ok(MicroSynor::new(1)));
        for (amount, decimals) in [(101_u64, 8), (99, 8), (1, 18), (999_999_999_999, 18)] {
            let units = Units::of_decimals(decimals).unwrap();
            let refused = units.to_micro(U256::from(amount));
            assert!(matches!(refused, Err(ChainError::NotWholeUnits { .. })));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let coarse = Units::of_decimals(6).unwrap();
        let too_much = U256::from(i64::MAX) + U256::from(1);
        assert_eq!(coarse.to_micro(too_much), Err(ChainError::AmountOverflow));
        assert_eq!(coarse.to_micro(U256::MAX), Err(ChainError::AmountOverflow));
        let fine = Units::of_decimals(77).unwrap();
        let most = fine.from_micro(MicroSynor::new(i64::MAX));
        assert_eq!(most, Err(ChainError::AmountOverflow));
        assert!(Units::of_decimals(78).is_err());
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same(micro in 0..=i64::MAX, decimals in 6..=58u8) {
            let units = Units::of_decimals(decimals).unwrap();
            let amount = MicroSynor::new(micro);
            prop_assert_eq!(units.to_micro(units.from_micro(amount).unwrap()), Ok(amount));
        }
    }
}
