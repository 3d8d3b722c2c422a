//! Which events of a batch a quota stops, exactly: from the look at what is used to the append, no
//! other batch of the same account and resource passes.
//!
//! The order is kept within one process. Several nodes on one usage log each keep their own, and
//! may together exceed a quota by what the others append between a look and its append; events of
//! one account that go to one node are limited exactly.

use std::collections::{BTreeMap, HashSet};

use synor_economics::metering::{EventId, UsageEvent};
use synor_economics::money::MoneyError;
use synor_economics::period::{Period, Zone};
use synor_economics::quantity::Quantity;
use synor_economics::quota::{Quota, QuotaExceeded};
use tokio::sync::OwnedMutexGuard;

use super::book::{Limited, Quotas};
use crate::engine::Engine;
use crate::error::EngineError;

/// What the quotas say to a batch. As long as this is held, no other batch of the same accounts and
/// resources is decided: hold it until what passes is appended, and drop it then.
#[derive(Debug, Default)]
#[must_use = "the turn ends when this is dropped, which must be after the append"]
pub struct QuotaTurn {
    /// For each event of the batch, in its order, the quota that stops it, if one does.
    pub rejections: Vec<Option<QuotaExceeded>>,
    _turns: Vec<OwnedMutexGuard<()>>,
}

impl Engine {
    /// Which events the quotas stop, to be left out of the append. Events are admitted in their
    /// order as long as they fit; one that does not fit does not stop a smaller one after it. An
    /// event that the log holds already is not stopped, because it is counted already. Corrections
    /// below zero pass and make room.
    ///
    /// Where no account of the batch has a quota that stops, nothing is read and nobody waits.
    pub async fn quota_rejections(&self, events: &[UsageEvent]) -> Result<QuotaTurn, EngineError> {
        let mut turn = QuotaTurn {
            rejections: vec![None; events.len()],
            ..QuotaTurn::default()
        };
        let quotas = self.quotas.current(&*self.store).await?;
        let limited = limited(&quotas, events);
        // In one order for all batches, or two of them could wait for each other.
        for meter in limited.keys() {
            turn._turns.push(self.quotas.turn(meter).lock_owned().await);
        }
        for ((account, resource), places) in limited {
            let quotas: Vec<_> = quotas.stops(&account, resource).collect();
            let zone = self.account(&account).await?.time_zone;
            let room = Room::read(self, &quotas, &places, &zone).await?;
            let mut decided = room.clone().decide(&quotas, &places, &HashSet::new())?;
            if decided.iter().any(|(_, stopped)| stopped.is_some()) {
                // Only now does it matter which of them are known already.
                let known = self.known(&places).await?;
                decided = room.decide(&quotas, &places, &known)?;
            }
            for (place, stopped) in decided {
                if let Some(rejection) = turn.rejections.get_mut(place) {
                    *rejection = stopped;
                }
            }
        }
        Ok(turn)
    }

    /// The identities that the log holds.
    async fn known(
        &self,
        places: &[(usize, &UsageEvent)],
    ) -> Result<HashSet<EventId>, EngineError> {
        let ids: Vec<_> = places.iter().map(|(_, e)| e.identity.clone()).collect();
        let held = self.usage.holds(ids.clone()).await?;
        let known = ids.into_iter().zip(held).filter(|(_, held)| *held);
        Ok(known.map(|(id, _)| id).collect())
    }
}

/// The events that a quota could stop, with their places, by account and resource.
fn limited<'e>(
    quotas: &Quotas,
    events: &'e [UsageEvent],
) -> BTreeMap<Limited, Vec<(usize, &'e UsageEvent)>> {
    let mut limited: BTreeMap<Limited, Vec<(usize, &UsageEvent)>> = BTreeMap::new();
    if quotas.is_empty() {
        return limited;
    }
    for (place, event) in events.iter().enumerate() {
        let account = &event.identity.account;
        if quotas.stops(account, event.resource).next().is_some() {
            let meter = (account.clone(), event.resource);
            limited.entry(meter).or_default().push((place, event));
        }
    }
    limited
}

/// What is used of each quota, in the periods that the batch's events belong to.
#[derive(Debug, Clone, Default)]
struct Room(Vec<Vec<Span>>);

/// One period of a quota.
#[derive(Debug, Clone, Copy)]
struct Span {
    period: Period,
    limit: Quantity,
    used: Quantity,
}

impl Room {
    /// Reads what is used of the quotas in every period that an event belongs to.
    async fn read(
        engine: &Engine,
        quotas: &[&Quota],
        events: &[(usize, &UsageEvent)],
        zone: &Zone,
    ) -> Result<Self, EngineError> {
        let mut room = Self(vec![Vec::new(); quotas.len()]);
        for (quota, spans) in quotas.iter().zip(&mut room.0) {
            for (_, event) in events {
                if spans.iter().any(|span| span.period.contains(event.time)) {
                    continue;
                }
                let period = quota.per.containing(event.time, zone)?;
                let limit = quota.limit_in(period)?;
                let account = &quota.account_id;
                let used = engine.used_in(account, quota.resource, period).await?;
                spans.push(Span {
                    period,
                    limit,
                    used,
                });
            }
        }
        Ok(room)
    }

    /// Admits events in their order as long as they fit. Those that count already are not counted
    /// again.
    fn decide(
        mut self,
        quotas: &[&Quota],
        events: &[(usize, &UsageEvent)],
        known: &HashSet<EventId>,
    ) -> Result<Vec<(usize, Option<QuotaExceeded>)>, MoneyError> {
        let mut admitted: HashSet<&EventId> = HashSet::new();
        let mut decided = Vec::with_capacity(events.len());
        for &(place, event) in events {
            if known.contains(&event.identity) || admitted.contains(&event.identity) {
                decided.push((place, None));
                continue;
            }
            let full = self.0.iter().zip(quotas).find_map(|(spans, quota)| {
                let span = spans.iter().find(|span| span.period.contains(event.time));
                span.and_then(|span| span.stops(quota, event))
            });
            if full.is_none() {
                admitted.insert(&event.identity);
                for span in self.0.iter_mut().flatten() {
                    if span.period.contains(event.time) {
                        span.used = span.used.checked_add(event.quantity)?;
                    }
                }
            }
            decided.push((place, full));
        }
        Ok(decided)
    }
}

impl Span {
    /// What stops an event for which there is no room.
    fn stops(&self, quota: &Quota, event: &UsageEvent) -> Option<QuotaExceeded> {
        let sum = self.used.checked_add(event.quantity);
        if sum.is_ok_and(|sum| sum <= self.limit) || event.quantity.is_negative() {
            return None;
        }
        let left = self.limit.checked_sub(self.used).unwrap_or(Quantity::ZERO);
        Some(QuotaExceeded {
            resource: quota.resource,
            per: quota.per,
            unit: quota.resource.spec().base_unit.name(),
            limit: self.limit,
            used: self.used,
            left: left.max(Quantity::ZERO),
            until: self.period.end(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use synor_economics::period::Timestamp;
    use synor_usage::conformance::events;

    /// What becomes of events when this much of ten bytes a day is used: `+` admitted, `-` stopped.
    fn check<const N: usize>(used: i128, known: &[&str], batch: [&str; N], expected: &str) {
        let quota = Quota {
            account_id: "acme".parse().unwrap(),
            resource: "network.egress".parse().unwrap(),
            per: synor_economics::quota::QuotaPeriod::Day,
            quantity: synor_economics::money::Exact::from_integer(10),
            unit: "bytes".parse().unwrap(),
            effect: synor_economics::quota::QuotaEffect::Stop,
            set_at: Timestamp::from_secs(0),
            removed_at: None,
        };
        let batch = events(batch);
        let places: Vec<_> = batch.iter().enumerate().collect();
        let span = |day: &str, used| Span {
            period: synor_usage::conformance::period(day),
            limit: Quantity::new(10),
            used: Quantity::new(used),
        };
        let room = Room(vec![vec![
            span("2026-01-01..2026-01-02", used),
            span("2026-01-02..2026-01-03", 0),
        ]]);
        let is_known = |event: &&UsageEvent| known.contains(&event.identity.id.as_str());
        let known = batch
            .iter()
            .filter(is_known)
            .map(|e| e.identity.clone())
            .collect();
        let decided = room.decide(&[&quota], &places, &known).unwrap();
        let marks = decided
            .iter()
            .map(|(_, stopped)| if stopped.is_some() { '-' } else { '+' });
        assert_eq!(marks.collect::<String>(), expected);
    }

    #[test]
    fn events_are_admitted_in_order_as_long_as_they_fit() {
        let four = "n/1 network.egress 4 @2026-01-01";
        let six = "n/2 network.egress 6 @2026-01-01";
        let one = "n/3 network.egress 1 @2026-01-01";
        let tomorrow = "n/4 network.egress 10 @2026-01-02";
        check(0, &[], [four, six, one, tomorrow], "++-+");
        check(3, &[], [four, six, one], "+-+");
        check(10, &[], [four, tomorrow], "-+");
        // Twice in a batch counts once; what is known counts already and is not stopped.
        check(0, &[], [six, six, four], "+++");
        check(10, &["1", "2"], [four, six, one], "++-");
        // A correction makes room, also where usage went beyond.
        let less = "n/5 network.egress -2 @2026-01-01 correction";
        check(11, &[], [one, less, one], "-++");
    }
}
