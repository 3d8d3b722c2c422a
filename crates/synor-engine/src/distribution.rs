//! What was distributed, and to whom.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use synor_economics::distribution::Distribution;
use synor_economics::id::ProviderId;
use synor_economics::money::MicroSynor;
use synor_economics::period::Month;
use synor_store::{Kind, ListQuery};

use crate::engine::Engine;
use crate::error::EngineError;

/// What one operator earned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorTotal {
    /// Who.
    pub provider: ProviderId,
    /// How much.
    pub amount_micro_synor: MicroSynor,
    /// From how many invoices.
    pub invoices: usize,
}

/// What was distributed, in sum.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DistributionTotals {
    /// From how many invoices.
    pub invoices: usize,
    /// What was collected for them.
    pub collected_micro_synor: MicroSynor,
    /// What operators earned, most first.
    pub operators: Vec<OperatorTotal>,
    /// What went to the treasury.
    pub treasury_micro_synor: MicroSynor,
    /// What is to be burnt.
    pub burn_micro_synor: MicroSynor,
}

impl Engine {
    /// What was distributed from the invoices of a month, or of all months.
    pub async fn distribution(
        &self,
        month: Option<Month>,
    ) -> Result<DistributionTotals, EngineError> {
        let all: Vec<Distribution> = self
            .store
            .list(ListQuery::all(Kind::Distribution).open())
            .await?
            .items;
        let mut totals = DistributionTotals::default();
        let mut operators: BTreeMap<ProviderId, (MicroSynor, usize)> = BTreeMap::new();
        for part in all
            .into_iter()
            .filter(|d| month.is_none_or(|m| m == d.month))
        {
            totals.invoices += 1;
            totals.collected_micro_synor = totals
                .collected_micro_synor
                .checked_add(part.collected_micro_synor)?;
            totals.treasury_micro_synor = totals
                .treasury_micro_synor
                .checked_add(part.treasury_micro_synor)?;
            totals.burn_micro_synor = totals.burn_micro_synor.checked_add(part.burn_micro_synor)?;
            for share in part.operators {
                let sum = operators.entry(share.provider).or_default();
                sum.0 = sum.0.checked_add(share.amount_micro_synor)?;
                sum.1 += 1;
            }
        }
        totals.operators = operators
            .into_iter()
            .map(|(provider, (amount_micro_synor, invoices))| OperatorTotal {
                provider,
                amount_micro_synor,
                invoices,
            })
            .collect();
        totals
            .operators
            .sort_by_key(|o| std::cmp::Reverse(o.amount_micro_synor));
        Ok(totals)
    }
}
