//! What a transaction offers for its gas.

use crate::ChainError;

/// An offer, in wei for each unit of gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fees {
    /// The most that is paid in all.
    pub max: u128,
    /// What of it the block's maker gets.
    pub tip: u128,
}

impl Fees {
    /// What holds for the next blocks: the base fee may double before the offer is too low.
    pub(super) fn of_market(base: u128, tip: u128) -> Self {
        Self {
            max: base.saturating_mul(2).saturating_add(tip),
            tip,
        }
    }

    /// What replaces a stuck offer: nodes take a replacement that offers a tenth more of both, so it
    /// is an eighth more, or what the market asks for if that is higher.
    pub(super) fn replacing(self, market: Self) -> Self {
        let more = |fee: u128| fee.saturating_add(fee / 8).saturating_add(1);
        Self {
            max: more(self.max).max(market.max),
            tip: more(self.tip).max(market.tip),
        }
    }

    /// Refuses an offer above what is allowed.
    pub(super) fn within(self, allowed: u128) -> Result<Self, ChainError> {
        if self.max > allowed {
            let asked = self.max;
            return Err(ChainError::FeeTooHigh { asked, allowed });
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_replacement_offers_a_tenth_more_of_both(max in 0..=1u128 << 90, tip in 0..=1u128 << 90) {
            let first = Fees { max, tip };
            let then = first.replacing(Fees::of_market(1, 1));
            prop_assert!(then.max * 10 >= max * 11 && then.tip * 10 >= tip * 11);
            prop_assert!(then.max > max && then.tip > tip);
        }
    }

    #[test]
    fn an_offer_covers_a_doubled_base_fee_and_has_a_limit() {
        let fees = Fees::of_market(7, 2);
        assert_eq!(fees, Fees { max: 16, tip: 2 });
        assert_eq!(fees.within(16), Ok(fees));
        assert!(matches!(
            fees.within(15),
            Err(ChainError::FeeTooHigh {
                asked: 16,
                allowed: 15
            })
        ));
    }
}
