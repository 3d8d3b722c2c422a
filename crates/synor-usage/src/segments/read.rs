//! The answers.

use synor_economics::id::AccountId;
use synor_economics::metering::summary::Tally;
use synor_economics::metering::{UsageKey, UsageSummary};
use synor_economics::period::{Period, Timestamp};

use super::fault::Fault;
use super::state::Shared;
use super::usage::Usage;
use super::view::{LiveRows, View, Wanted};
use crate::log::{EventQuery, LogPosition, LoggedEvent, Page, StreamPosition};
use crate::series::{LineTally, Series, SeriesQuery, steps};

/// [`UsageLog::summary`](crate::UsageLog::summary).
pub(super) fn summary(
    shared: &Shared,
    account: &AccountId,
    period: Period,
    through: Option<LogPosition>,
) -> Result<UsageSummary, Fault> {
    let usage = Usage::take(shared, account, &[period], through)?;
    let overflow = |error| Fault::sum(account, error);
    let mut tally = Tally::default();
    for (number, meter) in &usage.view.meters {
        let used = usage.of(*number, meter)?;
        let key = UsageKey::new(meter.resource, &meter.dimensions, meter.provider.clone());
        for quantity in used {
            tally.add(key.clone(), quantity).map_err(overflow)?;
        }
    }
    Ok(UsageSummary {
        account: account.clone(),
        period,
        rows: tally.into_rows(),
        log_position: usage.through,
    })
}

/// [`UsageLog::series`](crate::UsageLog::series).
pub(super) fn series(shared: &Shared, query: &SeriesQuery) -> Result<Series, Fault> {
    let overflow = |error| Fault::sum(&query.account, error);
    let steps = steps(query.period, query.step, &query.zone)?;
    let usage = Usage::take(shared, &query.account, &steps, None)?;
    let mut lines = LineTally::new(steps);
    for (number, meter) in &usage.view.meters {
        if query
            .resource
            .is_some_and(|wanted| wanted != meter.resource)
        {
            continue;
        }
        let quantities = usage.of(*number, meter)?;
        let split = query.split.as_ref();
        let group = split.and_then(|s| s.group(meter.provider.as_ref(), &meter.dimensions));
        lines
            .add(meter.resource, group, quantities)
            .map_err(overflow)?;
    }
    Ok(lines.into_series(query.account.clone(), usage.through))
}

/// [`UsageLog::changed_since`](crate::UsageLog::changed_since).
pub(super) fn changed_since(
    shared: &Shared,
    account: &AccountId,
    position: LogPosition,
    before: Timestamp,
) -> Result<bool, Fault> {
    let before = before.secs();
    let sealed = {
        let visible = shared.visible();
        let Some(number) = visible.meters.account(account) else {
            return Ok(false);
        };
        let withdrawals = visible.withdrawn.of_account(number).iter().rev();
        let mut recent = withdrawals.take_while(|w| w.position > position);
        if recent.any(|w| w.time_secs < before) {
            return Ok(true);
        }
        for segment in visible.live() {
            let mut recent = segment
                .rows_of(number)
                .take_while(|row| row.position > position);
            if recent.any(|row| row.time_secs < before) {
                return Ok(true);
            }
        }
        std::sync::Arc::clone(&visible.sealed)
    };
    sealed.changed_since(account.as_str(), position, before)
}

/// [`UsageLog::events`](crate::UsageLog::events).
pub(super) fn events(shared: &Shared, query: &EventQuery) -> Result<Page<LoggedEvent>, Fault> {
    let limit = query.page_limit();
    let times = match query.period {
        Some(period) => (period.start().secs(), period.end().secs()),
        None => (i64::MIN, i64::MAX),
    };
    let mut wanted = Wanted {
        times: vec![times],
        after: query.after,
        through: LogPosition::MAX,
    };
    let (view, live) = {
        let visible = shared.visible();
        wanted.through = visible.head();
        let view = View::take(&visible, &query.account, i64::MIN);
        (view, LiveRows::take(&visible, &query.account, &wanted))
    };
    let mut page = PageBuilder {
        query,
        limit,
        view: &view,
        items: Vec::new(),
    };
    let account = query.account.as_str();
    for segment in view.sealed.segments_after(query.after) {
        if page.is_full() {
            break;
        }
        let mut found = segment.events(&shared.log, account, &wanted)?;
        found.sort_unstable_by_key(|(position, _)| *position);
        for (position, event) in found {
            page.push(position, event);
        }
    }
    live.read_while(|row| {
        page.push(row.position, row.event()?);
        Ok(!page.is_full())
    })?;
    Ok(page.finish())
}

/// Collects one event more than a page holds: it tells whether there is a next one.
struct PageBuilder<'a> {
    query: &'a EventQuery,
    limit: usize,
    view: &'a View,
    items: Vec<LoggedEvent>,
}

impl PageBuilder<'_> {
    fn is_full(&self) -> bool {
        self.items.len() > self.limit
    }

    fn push(&mut self, position: LogPosition, event: synor_economics::metering::UsageEvent) {
        let is_wanted = self.query.resource.is_none_or(|r| r == event.resource);
        if is_wanted && !self.is_full() {
            self.items.push(LoggedEvent {
                position,
                withdrawn: self.view.withdrawn(position),
                event,
            });
        }
    }

    fn finish(mut self) -> Page<LoggedEvent> {
        let is_more = self.is_full();
        self.items.truncate(self.limit);
        let last = self.items.last().map(|last| last.position);
        Page {
            next: last.filter(|_| is_more),
            items: self.items,
        }
    }
}

/// [`UsageLog::accounts`](crate::UsageLog::accounts).
pub(super) fn accounts(shared: &Shared) -> Vec<AccountId> {
    let mut names: Vec<_> = shared.visible().meters.names().cloned().collect();
    names.sort_unstable();
    names
}

/// [`UsageLog::stream_positions`](crate::UsageLog::stream_positions).
pub(super) fn stream_positions(shared: &Shared, stream: &str) -> Vec<StreamPosition> {
    let visible = shared.visible();
    let all = visible.streams.iter();
    let of_stream = all.filter(|((name, _), _)| name == stream);
    of_stream
        .map(|((stream, partition), next_offset)| StreamPosition {
            stream: stream.clone(),
            partition: *partition,
            next_offset: *next_offset,
        })
        .collect()
}
