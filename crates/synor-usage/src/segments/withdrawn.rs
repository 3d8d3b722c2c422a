//! Which events count no more, and from which position on.

use std::collections::HashMap;

use super::meters::{AccountNo, MeterNo};
use crate::log::LogPosition;

/// A withdrawal, with what it takes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Withdrawal {
    /// Its own position.
    pub(super) position: LogPosition,
    /// The position of its event.
    pub(super) event: LogPosition,
    pub(super) meter: MeterNo,
    pub(super) time_secs: i64,
    pub(super) quantity: i128,
    pub(super) is_sample: bool,
}

/// All withdrawals. They are rare, so all of them are in memory.
#[derive(Debug, Default)]
pub(super) struct Withdrawn {
    by_event: HashMap<LogPosition, LogPosition>,
    by_account: HashMap<AccountNo, Vec<Withdrawal>>,
}

impl Withdrawn {
    /// Adds the next withdrawal.
    pub(super) fn push(&mut self, account: AccountNo, withdrawal: Withdrawal) {
        self.by_event.insert(withdrawal.event, withdrawal.position);
        self.by_account.entry(account).or_default().push(withdrawal);
    }

    /// Where the event at this position was withdrawn.
    pub(super) fn at(&self, event: LogPosition) -> Option<LogPosition> {
        self.by_event.get(&event).copied()
    }

    /// The withdrawals of an account's events, in order.
    pub(super) fn of_account(&self, account: AccountNo) -> &[Withdrawal] {
        self.by_account.get(&account).map_or(&[], Vec::as_slice)
    }
}
