//! What a transaction has to write for the batches that share it. Decided here, of what the log
//! holds already, without asking anything.

use std::collections::{BTreeMap, HashMap};

use synor_economics::id::AccountId;
use synor_economics::metering::EventId;
use synor_economics::money::MoneyError;
use synor_economics::period::Timestamp;
use synor_economics::quantity::Quantity;
use uuid::Uuid;

use super::row::{meter_id, quarter, withdrawal_digest};
use crate::error::UsageLogError;
use crate::log::{Appended, Duplicate};
use crate::prepared::{PreparedBatch, PreparedEvent};

/// An event that the log holds, or will hold with this transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) digest: [u8; 32],
    pub(super) meter: Uuid,
    pub(super) is_sample: bool,
    pub(super) time: Timestamp,
    pub(super) quantity: Quantity,
    pub(super) is_withdrawn: bool,
}

/// A place in the transaction, from 1; the position is that many after the end of the log.
pub(super) type Ordinal = i32;

/// An event to insert.
pub(super) struct NewEvent<'b> {
    pub(super) ordinal: Ordinal,
    pub(super) meter: Uuid,
    pub(super) prepared: &'b PreparedEvent,
}

/// A withdrawal to insert.
pub(super) struct NewWithdrawal<'b> {
    pub(super) ordinal: Ordinal,
    pub(super) event: &'b EventId,
    pub(super) time: Timestamp,
}

/// What the transaction holds of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) last: Ordinal,
    pub(super) first_time: Timestamp,
    pub(super) last_time: Timestamp,
}

/// What to write, and what to answer once it is written.
pub(super) struct Plan<'b> {
    pub(super) events: Vec<NewEvent<'b>>,
    pub(super) withdrawals: Vec<NewWithdrawal<'b>>,
    /// What each bucket of the sums changes by, in the order in which all processes lock them.
    pub(super) sums: BTreeMap<(&'b AccountId, i64, Uuid), Quantity>,
    /// Of each account that gets new events.
    pub(super) spans: BTreeMap<&'b AccountId, Span>,
    /// How far streams have been read; of several batches the last says.
    pub(super) streams: BTreeMap<(&'b str, u32), u64>,
    /// For each batch, with positions that count from the end of the log before the transaction.
    pub(super) answers: Vec<Result<Appended, UsageLogError>>,
    digests: blake3::Hasher,
    last: Ordinal,
}

impl<'b> Plan<'b> {
    /// Decides on the batches, one after another. `held` is what the log holds of the identities
    /// that they name. A batch that withdraws the unknown is refused alone.
    pub(super) fn new(
        batches: impl Iterator<Item = &'b PreparedBatch>,
        mut held: HashMap<&'b EventId, Held>,
    ) -> Result<Self, UsageLogError> {
        let mut plan = Self {
            events: Vec::new(),
            withdrawals: Vec::new(),
            sums: BTreeMap::new(),
            spans: BTreeMap::new(),
            streams: BTreeMap::new(),
            answers: Vec::new(),
            digests: blake3::Hasher::new(),
            last: 0,
        };
        for batch in batches {
            let unknown = batch.withdrawals.iter().find(|id| !held.contains_key(id));
            let answer = match unknown {
                Some(id) => Err(UsageLogError::UnknownEvent {
                    event: Box::new(id.clone()),
                }),
                None => Ok(plan.batch(batch, &mut held)?),
            };
            plan.answers.push(answer);
        }
        Ok(plan)
    }

    /// How many events and withdrawals there are to write.
    pub(super) fn records(&self) -> Ordinal {
        self.last
    }

    /// What stands for all of them in the chain.
    pub(super) fn digest(&self) -> [u8; 32] {
        *self.digests.finalize().as_bytes()
    }

    fn batch(
        &mut self,
        batch: &'b PreparedBatch,
        held: &mut HashMap<&'b EventId, Held>,
    ) -> Result<Appended, UsageLogError> {
        let mut appended = Appended::default();
        for id in &batch.withdrawals {
            if let Some(event) = held.get_mut(id)
                && !event.is_withdrawn
            {
                event.is_withdrawn = true;
                let event = *event;
                self.withdraw(id, &event)?;
                appended.withdrawn = appended.withdrawn.saturating_add(1);
            }
        }
        for (index, prepared) in batch.events.iter().enumerate() {
            let id = &prepared.event.identity;
            if let Some(first) = held.get(id) {
                appended.duplicates.push(Duplicate {
                    index,
                    is_conflicting: first.digest != prepared.digest,
                });
            } else {
                held.insert(id, self.append(prepared)?);
                appended.accepted = appended.accepted.saturating_add(1);
            }
        }
        for read in &batch.read {
            let partition = (read.stream.as_str(), read.partition);
            let furthest = self.streams.entry(partition).or_default();
            *furthest = read.next_offset.max(*furthest);
        }
        appended.position = u64::try_from(self.last).unwrap_or_default();
        Ok(appended)
    }

    fn append(&mut self, prepared: &'b PreparedEvent) -> Result<Held, UsageLogError> {
        let event = &prepared.event;
        let ordinal = self.next(&prepared.digest);
        let held = Held {
            digest: prepared.digest,
            meter: meter_id(&prepared.meter),
            is_sample: event.is_sample,
            time: event.time,
            quantity: event.quantity,
            is_withdrawn: false,
        };
        self.add(&event.identity.account, &held, event.quantity)?;
        let span = Span {
            last: ordinal,
            first_time: event.time,
            last_time: event.time,
        };
        let known = self.spans.entry(&event.identity.account).or_insert(span);
        known.last = ordinal;
        known.first_time = known.first_time.min(event.time);
        known.last_time = known.last_time.max(event.time);
        self.events.push(NewEvent {
            ordinal,
            meter: held.meter,
            prepared,
        });
        Ok(held)
    }

    fn withdraw(&mut self, id: &'b EventId, held: &Held) -> Result<(), UsageLogError> {
        let ordinal = self.next(&withdrawal_digest(&held.digest));
        let less = Quantity::ZERO.checked_sub(held.quantity);
        self.add(&id.account, held, less.map_err(sum_of(&id.account))?)?;
        self.withdrawals.push(NewWithdrawal {
            ordinal,
            event: id,
            time: held.time,
        });
        Ok(())
    }

    /// Adds to the bucket of an amount; levels are not summed.
    fn add(
        &mut self,
        account: &'b AccountId,
        held: &Held,
        quantity: Quantity,
    ) -> Result<(), UsageLogError> {
        if held.is_sample {
            return Ok(());
        }
        let bucket = (account, quarter(held.time), held.meter);
        let sum = self.sums.entry(bucket).or_default();
        *sum = sum.checked_add(quantity).map_err(sum_of(account))?;
        Ok(())
    }

    fn next(&mut self, digest: &[u8; 32]) -> Ordinal {
        self.digests.update(digest);
        self.last = self.last.saturating_add(1);
        self.last
    }
}

fn sum_of(account: &AccountId) -> impl FnOnce(MoneyError) -> UsageLogError {
    |source| UsageLogError::Sum {
        account: account.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{event, events};
    use crate::log::{Batch, StreamPosition};

    const ONE: &str = "n/1 network.egress 5 @2026-01-01T00:14:59Z";
    const TWO: &str = "n/2 network.egress 7 @2026-01-01T00:15:00Z";

    fn prepared(withdrawals: &[&str], texts: &[&str]) -> PreparedBatch {
        let batch = Batch {
            withdrawals: withdrawals
                .iter()
                .map(|text| event(text).identity)
                .collect(),
            ..Batch::of(texts.iter().map(|text| event(text)).collect())
        };
        PreparedBatch::new(batch).unwrap()
    }

    fn plan(batches: &[PreparedBatch]) -> Plan<'_> {
        Plan::new(batches.iter(), HashMap::new()).unwrap()
    }

    #[test]
    fn a_refused_batch_leaves_no_trace_and_no_gap() {
        let batches = [
            prepared(&[], &[ONE]),
            prepared(
                &["n/none network.egress 1 @2026-01-01"],
                &["n/x network.egress 1 @2026-01-01"],
            ),
            prepared(&[], &[ONE, TWO]),
        ];
        let plan = plan(&batches);
        let ordinals: Vec<_> = plan.events.iter().map(|event| event.ordinal).collect();
        assert_eq!((ordinals, plan.records()), (vec![1, 2], 2));
        assert!(matches!(
            plan.answers[1],
            Err(UsageLogError::UnknownEvent { .. })
        ));
        let last = plan.answers[2].as_ref().unwrap();
        assert_eq!(
            (last.accepted, last.duplicates.len(), last.position),
            (1, 1, 2)
        );
    }

    #[test]
    fn what_is_withdrawn_in_the_same_transaction_leaves_its_bucket_empty() {
        let batches = [prepared(&[], &[ONE, TWO]), prepared(&[ONE, ONE], &[])];
        let plan = plan(&batches);
        let sums: Vec<_> = plan.sums.values().map(|sum| sum.get()).collect();
        assert_eq!((sums, plan.records()), (vec![0, 7], 3));
        assert_eq!(plan.answers[1].as_ref().unwrap().withdrawn, 1);
    }

    #[test]
    fn levels_are_not_summed() {
        let batches = [prepared(&[], &["n/1 storage.stored_data 5 @2026-01-01"])];
        assert!(plan(&batches).sums.is_empty());
    }

    #[test]
    fn an_account_spans_the_times_of_its_events() {
        let batches = [prepared(
            &[],
            &[TWO, ONE, "n/1 network.egress 1 @2026-02-01 account=other"],
        )];
        let plan = plan(&batches);
        let [acme, _] = plan.spans.values().collect::<Vec<_>>()[..] else {
            panic!("{:?}", plan.spans)
        };
        let [one, two] = &events([ONE, TWO])[..] else {
            panic!()
        };
        let expected = Span {
            last: 2,
            first_time: one.time,
            last_time: two.time,
        };
        assert_eq!(*acme, expected);
    }

    #[test]
    fn of_two_batches_the_one_that_read_further_says_how_far() {
        let read = |next_offset| PreparedBatch {
            read: vec![StreamPosition {
                stream: "s".to_owned(),
                partition: 0,
                next_offset,
            }],
            ..prepared(&[], &[])
        };
        let batches = [read(9), read(4)];
        assert_eq!(plan(&batches).streams, BTreeMap::from([(("s", 0), 9)]));
    }
}
