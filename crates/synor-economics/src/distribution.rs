//! Revenue distribution: who earned what was collected for an invoice.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::billing::Invoice;
use crate::id::{AccountId, InvoiceId, ProviderId};
use crate::money::{Exact, MicroSynor, MoneyError, split};
use crate::period::{Month, Timestamp};

/// Hundredths of a percent in the whole.
const WHOLE_BASIS_POINTS: u32 = 10_000;

/// Why fees could not be distributed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DistributionError {
    /// The shares are not a whole.
    #[error("the shares of a fee split must sum to 10000 basis points, not {0}")]
    NotWhole(u32),
    /// An amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// How L2 service fees are shared, in basis points (hundredths of a percent) that sum to 10,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeSplit {
    /// To node operators, by the usage each served.
    pub operators_basis_points: u32,
    /// To the protocol treasury.
    pub treasury_basis_points: u32,
    /// Burnt.
    pub burn_basis_points: u32,
}

impl Default for FeeSplit {
    /// 70 % to operators, 20 % to the treasury, 10 % burnt.
    fn default() -> Self {
        Self {
            operators_basis_points: 7_000,
            treasury_basis_points: 2_000,
            burn_basis_points: 1_000,
        }
    }
}

impl FeeSplit {
    /// Whether the shares are a whole.
    pub fn check(&self) -> Result<(), DistributionError> {
        let sum = self
            .operators_basis_points
            .saturating_add(self.treasury_basis_points)
            .saturating_add(self.burn_basis_points);
        if sum == WHOLE_BASIS_POINTS {
            Ok(())
        } else {
            Err(DistributionError::NotWhole(sum))
        }
    }

    fn weights(&self) -> [Exact; 3] {
        [
            self.operators_basis_points,
            self.treasury_basis_points,
            self.burn_basis_points,
        ]
        .map(|share| Exact::from_integer(i128::from(share)))
    }
}

/// What one operator earned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorShare {
    /// Who.
    pub provider: ProviderId,
    /// How much.
    pub amount_micro_synor: MicroSynor,
}

/// Where the money of one paid invoice went. The parts sum to what was collected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distribution {
    /// Of which invoice.
    pub invoice_id: InvoiceId,
    /// How often the invoice has been distributed: above one after a reorganization.
    pub round: u32,
    /// Who paid it.
    pub account_id: AccountId,
    /// The invoice's month.
    pub month: Month,
    /// What was collected in coins, less taxes and what was refunded.
    pub collected_micro_synor: MicroSynor,
    /// To operators, by the usage each served.
    pub operators: Vec<OperatorShare>,
    /// To the treasury: its share, and the operators' share of usage that names no operator.
    pub treasury_micro_synor: MicroSynor,
    /// To be burnt.
    pub burn_micro_synor: MicroSynor,
    /// When.
    pub distributed_at: Timestamp,
    /// When a reorganization undid it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reversed_at: Option<Timestamp>,
}

impl Distribution {
    /// Splits what was collected: first by the shares, then the operators' part over the lines by
    /// their amounts, then each line's part by the usage each operator served of it.
    pub fn of(
        invoice: &Invoice,
        collected: MicroSynor,
        shares: &FeeSplit,
        round: u32,
        now: Timestamp,
    ) -> Result<Self, DistributionError> {
        shares.check()?;
        let parts = split(collected, &shares.weights())?;
        let [pool, mut treasury, burn] = parts[..] else {
            return Err(DistributionError::NotWhole(0));
        };
        let mut earned: BTreeMap<&ProviderId, MicroSynor> = BTreeMap::new();
        let amounts: Vec<_> = invoice
            .charges()
            .map(|a| Exact::from_integer(i128::from(a.micro())))
            .collect();
        let lines = invoice
            .line_items
            .iter()
            .map(Some)
            .chain(std::iter::repeat(None));
        for (line, part) in lines.zip(split(pool, &amounts)?) {
            let Some(line) = line else {
                treasury = treasury.checked_add(part)?;
                continue;
            };
            let served: Vec<_> = line
                .served_by
                .iter()
                .filter(|s| s.quantity.get() > 0)
                .collect();
            if served.is_empty() {
                treasury = treasury.checked_add(part)?;
                continue;
            }
            let weights: Vec<_> = served.iter().map(|s| s.quantity.exact()).collect();
            for (who, amount) in served.iter().zip(split(part, &weights)?) {
                let sum = match &who.provider {
                    Some(provider) => earned.entry(provider).or_default(),
                    None => &mut treasury,
                };
                *sum = sum.checked_add(amount)?;
            }
        }
        Ok(Self {
            invoice_id: invoice.invoice_id,
            round,
            account_id: invoice.account_id.clone(),
            month: invoice.month,
            collected_micro_synor: collected,
            operators: earned
                .into_iter()
                .filter(|(_, amount)| !amount.is_zero())
                .map(|(provider, amount_micro_synor)| OperatorShare {
                    provider: provider.clone(),
                    amount_micro_synor,
                })
                .collect(),
            treasury_micro_synor: treasury,
            burn_micro_synor: burn,
            distributed_at: now,
            reversed_at: None,
        })
    }

    /// The same distribution, undone.
    pub fn reversed(self, now: Timestamp) -> Self {
        Self {
            reversed_at: Some(now),
            ..self
        }
    }

    /// The distribution without an amount of it, and that amount as a distribution of its own: taken
    /// from each part pro rata. Not more than there is.
    pub fn without(&self, amount: MicroSynor) -> Result<(Self, Self), DistributionError> {
        let rest = [self.treasury_micro_synor, self.burn_micro_synor];
        let operators = self.operators.iter().map(|share| share.amount_micro_synor);
        let parts: Vec<_> = rest.into_iter().chain(operators).collect();
        let weights: Vec<_> = parts
            .iter()
            .map(|part| Exact::from_integer(i128::from(part.micro())))
            .collect();
        let mut taken = split(amount, &weights)?.into_iter();
        let (mut left, mut gone) = (self.clone(), self.clone());
        let mut take = |left: &mut MicroSynor, gone: &mut MicroSynor| {
            *gone = taken.next().unwrap_or(MicroSynor::ZERO);
            *left = left.checked_sub(*gone)?;
            Ok::<(), MoneyError>(())
        };
        take(
            &mut left.treasury_micro_synor,
            &mut gone.treasury_micro_synor,
        )?;
        take(&mut left.burn_micro_synor, &mut gone.burn_micro_synor)?;
        for (left, gone) in left.operators.iter_mut().zip(&mut gone.operators) {
            take(&mut left.amount_micro_synor, &mut gone.amount_micro_synor)?;
        }
        left.collected_micro_synor = self.collected_micro_synor.checked_sub(amount)?;
        gone.collected_micro_synor = amount;
        Ok((left, gone))
    }

    /// The invariant: the parts sum to what was collected.
    pub fn is_whole(&self) -> bool {
        let operators = self.operators.iter().map(|o| o.amount_micro_synor);
        let rest = [self.treasury_micro_synor, self.burn_micro_synor];
        MicroSynor::sum(operators.chain(rest)) == Ok(self.collected_micro_synor)
    }
}
