//! What a month's lines cost day by day, for charts: each line's amount is split over the days by
//! how much of its resource was used on each, so that the days sum to the lines exactly.

use std::collections::BTreeMap;

use crate::billing::LineItem;
use crate::metering::{ResourceType, ServiceType};
use crate::money::{MicroSynor, MoneyError, split};
use crate::quantity::Quantity;

/// What each service cost on each of `days` days, before discounts. Lines that correct another
/// month are left out. Where the days show no usage of a line's resource, its amount falls on the
/// last day.
///
/// `used` is how much of each resource was used on each day, in its base unit.
pub fn spend_by_day(
    lines: &[LineItem],
    used: &BTreeMap<ResourceType, Vec<Quantity>>,
    days: usize,
) -> Result<BTreeMap<ServiceType, Vec<MicroSynor>>, MoneyError> {
    let mut spend: BTreeMap<ServiceType, Vec<MicroSynor>> = BTreeMap::new();
    if days == 0 {
        return Ok(spend);
    }
    for line in lines.iter().filter(|line| line.adjusts.is_none()) {
        let mut weights: Vec<_> = match used.get(&line.resource) {
            Some(quantities) => quantities.iter().map(|q| q.exact()).collect(),
            None => Vec::new(),
        };
        weights.resize(days, Quantity::ZERO.exact());
        // A day on which corrections outweigh usage has no part; a line has to fall on some day.
        for weight in &mut weights {
            if weight.is_negative() {
                *weight = Quantity::ZERO.exact();
            }
        }
        if !weights.iter().any(|weight| weight.is_positive())
            && let Some(last) = weights.last_mut()
        {
            *last = Quantity::new(1).exact();
        }
        let parts = split(line.amount_micro_synor, &weights)?;
        let sums = spend
            .entry(line.service)
            .or_insert_with(|| vec![MicroSynor::ZERO; days]);
        for (sum, part) in sums.iter_mut().zip(parts) {
            *sum = sum.checked_add(part)?;
        }
    }
    Ok(spend)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calculator::{CostEstimator, nobody, usage_by_flag};
    use crate::period::{Month, Zone};
    use crate::plan::Plan;
    use crate::pricing::PriceList;

    fn lines(flags: &[(&str, &str)]) -> Vec<LineItem> {
        let list = PriceList::built_in().unwrap();
        let month: Month = "2026-01".parse().unwrap();
        let period = month.period(&Zone::utc()).unwrap();
        let rows = flags
            .iter()
            .map(|(name, value)| usage_by_flag(name, value, period.secs()).unwrap())
            .collect();
        let estimator =
            CostEstimator::of_usage(nobody().unwrap(), month, period, &list, Plan::Free, rows);
        estimator.estimate().unwrap().line_items
    }

    #[test]
    fn days_follow_usage_and_sum_to_the_lines() {
        let lines = lines(&[("storage", "500GB"), ("requests", "30M"), ("egress", "1GB")]);
        let total: i64 = lines.iter().map(|l| l.amount_micro_synor.micro()).sum();
        let used = BTreeMap::from([
            (
                ResourceType::StorageStoredData,
                [1, 1, 1].map(Quantity::new).to_vec(),
            ),
            // A third of the requests on the first day, none on the second.
            (
                ResourceType::NetworkRequests,
                [10, -4, 20].map(Quantity::new).to_vec(),
            ),
        ]);
        let spend = spend_by_day(&lines, &used, 3).unwrap();
        // 500 GB-months at 0.02 are 10 SYNOR: a third a day.
        let storage = [3_333_334, 3_333_333, 3_333_333].map(MicroSynor::new);
        assert_eq!(spend[&ServiceType::Storage], storage);
        // 30M requests at 0.10 a million are 3 SYNOR; the egress is on the last day.
        let network = &spend[&ServiceType::Network];
        assert_eq!(network[0], MicroSynor::new(1_000_000));
        assert_eq!(network[1], MicroSynor::ZERO);
        let shown: i64 = spend.values().flatten().map(|part| part.micro()).sum();
        assert_eq!(shown, total);
    }

    #[test]
    fn no_days_no_spend() {
        assert!(
            spend_by_day(&lines(&[("requests", "1M")]), &BTreeMap::new(), 0)
                .unwrap()
                .is_empty()
        );
    }
}
