//! Meters that were seen in the database. They are never removed, so that one once committed need
//! not be inserted again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{PoisonError, RwLock};

use synor_economics::id::AccountId;
use uuid::Uuid;

use crate::prepared::MeterKey;

/// Meters remembered before all are forgotten and inserted, in vain, once more.
const KNOWN_MAX: usize = 100_000;

/// A meter: its account and its id.
pub(super) type MeterName = (AccountId, Uuid);

/// The meters that are known to be there.
#[derive(Default)]
pub(super) struct KnownMeters(RwLock<HashMap<AccountId, HashSet<Uuid>>>);

impl KnownMeters {
    /// Those that are not known to be there, in the order in which all processes insert them.
    pub(super) fn missing<'m>(
        &self,
        meters: impl Iterator<Item = (&'m MeterKey, Uuid)>,
    ) -> BTreeMap<MeterName, &'m MeterKey> {
        // The map is whole whoever panicked while holding it.
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let is_known = |key: &MeterKey, id: Uuid| {
            let of_account = known.get(&key.account);
            of_account.is_some_and(|ids| ids.contains(&id))
        };
        meters
            .filter(|(key, id)| !is_known(key, *id))
            .map(|(key, id)| ((key.account.clone(), id), key))
            .collect()
    }

    /// Remembers meters that have been committed.
    pub(super) fn remember(&self, meters: Vec<MeterName>) {
        if meters.is_empty() {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let count: usize = known.values().map(HashSet::len).sum();
        if count > KNOWN_MAX {
            known.clear();
        }
        for (account, id) in meters {
            known.entry(account).or_default().insert(id);
        }
    }
}
