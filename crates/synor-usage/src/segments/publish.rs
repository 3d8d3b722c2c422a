//! Shows a group of batches, once its frame is durable.

use synor_economics::metering::UsageEvent;

use super::active::NewRow;
use super::decide::{Decided, DecidedBatch};
use super::frame::PREFIX_BYTES;
use super::meters::{MeterNo, Meters};
use super::prepared::{PreparedBatch, PreparedMeter};
use super::state::{Shared, Visible};
use super::withdrawn::{Withdrawal, Withdrawn};
use super::writer::Request;
use crate::log::LogPosition;

/// Shows what was decided. All of it at once: a read sees a batch whole or not at all.
pub(super) fn publish(shared: &Shared, group: &[Request], decided: &Decided) {
    let mut visible = shared.change();
    let before = visible.head();
    for (request, outcome) in group.iter().zip(&decided.batches) {
        if outcome.is_done {
            show(&mut visible, &request.batch, outcome, decided.frame_offset);
        }
    }
    let end = decided.end;
    let records = end.position.saturating_sub(before);
    visible.active.end_frame(records, end.offset, end.chain);
}

fn show(visible: &mut Visible, batch: &PreparedBatch, outcome: &DecidedBatch, frame_offset: u64) {
    let mut position = outcome.first;
    for withdrawal in &outcome.withdrawn {
        let offset = frame_offset.saturating_add(wide(withdrawal.at));
        let places = (position, withdrawal.position, offset);
        withdraw(visible, places, &withdrawal.event);
        position = position.saturating_add(1);
    }
    let mut numbers: Vec<Option<MeterNo>> = batch.meters.iter().map(|m| m.number).collect();
    let mut duplicates = outcome.duplicates.iter().map(|d| d.index).peekable();
    let mut offset = frame_offset.saturating_add(wide(outcome.at));
    let mut record_start = 0;
    for (index, row) in batch.rows.iter().enumerate() {
        let length = u64::from(row.end.saturating_sub(record_start));
        record_start = row.end;
        if duplicates.next_if_eq(&index).is_some() {
            continue;
        }
        let Some(meter) = number(visible, batch, &mut numbers, row.meter) else {
            continue;
        };
        let account = visible.meters.account_of(meter);
        let new = NewRow {
            offset: offset.saturating_add(wide(PREFIX_BYTES)),
            position,
            meter,
            time_secs: row.time_secs,
            quantity: row.quantity,
            is_sample: row.is_sample,
        };
        visible.active.push(account, new);
        offset = offset.saturating_add(length);
        position = position.saturating_add(1);
    }
    for read in &batch.read {
        let stream = (read.stream.clone(), read.partition);
        // A position only moves forward.
        let held = visible.streams.entry(stream).or_default();
        *held = read.next_offset.max(*held);
    }
}

/// The number of a batch's meter, given now if it had none: only accepted events give numbers.
fn number(
    visible: &mut Visible,
    batch: &PreparedBatch,
    numbers: &mut [Option<MeterNo>],
    meter: u32,
) -> Option<MeterNo> {
    let place = usize::try_from(meter).ok()?;
    let known = numbers.get_mut(place)?;
    if known.is_none() {
        let PreparedMeter { event, .. } = batch.meters.get(place)?;
        *known = Some(visible.meters.intern(event.as_ref()?));
    }
    *known
}

/// Shows a withdrawal: its position, that of its event, and where its record begins in the
/// write-ahead file.
pub(super) fn withdraw(
    visible: &mut Visible,
    (position, event, offset): (LogPosition, LogPosition, u64),
    taken_back: &UsageEvent,
) {
    let withdrawal = remember_withdrawal(
        &mut visible.meters,
        &mut visible.withdrawn,
        (position, event),
        taken_back,
    );
    visible.active.withdraw(withdrawal, offset);
}

/// Remembers a withdrawal, wherever it was made.
pub(super) fn remember_withdrawal(
    meters: &mut Meters,
    withdrawn: &mut Withdrawn,
    (position, event): (LogPosition, LogPosition),
    taken_back: &UsageEvent,
) -> Withdrawal {
    let meter = meters.intern(taken_back);
    let withdrawal = Withdrawal {
        position,
        event,
        meter,
        time_secs: taken_back.time.secs(),
        quantity: taken_back.quantity.get(),
        is_sample: taken_back.is_sample,
    };
    withdrawn.push(meters.account_of(meter), withdrawal);
    withdrawal
}

fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
