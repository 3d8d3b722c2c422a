//! Accounts and meters by number. A meter is what amounts are summed for and levels are kept for: an
//! account's resource with a provider and dimensions, samples apart from amounts.
//!
//! Numbers are given in order of the first accepted event. Replaying the same events gives the same
//! numbers, so they may be written to files.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use synor_economics::id::{AccountId, ProviderId};
use synor_economics::metering::{Dimensions, ResourceType, UsageEvent};

use super::row::put_meter;

/// The number of an account.
pub(super) type AccountNo = u32;
/// The number of a meter.
pub(super) type MeterNo = u32;

/// What is measured by one meter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meter {
    pub(super) account: AccountNo,
    pub(super) resource: ResourceType,
    pub(super) is_sample: bool,
    pub(super) provider: Option<ProviderId>,
    pub(super) dimensions: Dimensions,
}

#[derive(Debug)]
struct Account {
    name: AccountId,
    meters: Vec<MeterNo>,
}

/// All accounts and meters.
#[derive(Debug, Default)]
pub(super) struct Meters {
    hasher: MeterHasher,
    accounts: Vec<Account>,
    account_table: HashTable<AccountNo>,
    meters: Vec<Arc<Meter>>,
    /// The account of each meter, close together: it is asked for with every event.
    accounts_of_meters: Vec<AccountNo>,
    /// The keys of the meters one after the other, and where each ends.
    keys: Vec<u8>,
    key_ends: Vec<usize>,
    /// Each with the hash of its key.
    meter_table: HashTable<(u64, MeterNo)>,
}

/// Hashes what meters are told apart by. The seed is random, because names come from outside.
#[derive(Debug, Clone, Default)]
pub(super) struct MeterHasher(RandomState);

impl MeterHasher {
    /// The hash of a meter's key.
    pub(super) fn of_key(&self, key: &[u8]) -> u64 {
        self.0.hash_one(key)
    }
}

/// Appends the key of the meter that an event belongs to: two events belong to one meter if and only
/// if their keys are the same bytes.
pub(super) fn put_key(event: &UsageEvent, out: &mut Vec<u8>) {
    put_key_of(
        event.identity.account.as_str(),
        (event.resource, event.is_sample),
        event.provider.as_ref(),
        &event.dimensions,
        out,
    );
}

fn put_key_of(
    account: &str,
    measured: (ResourceType, bool),
    provider: Option<&ProviderId>,
    dimensions: &Dimensions,
    out: &mut Vec<u8>,
) {
    let pairs = dimensions.iter();
    let pairs = pairs.map(|(name, value)| (name.as_str(), value.as_str()));
    let provider = provider.map(|name| name.as_str());
    let dimensions = (dimensions.len(), pairs);
    put_meter(measured, account, provider, dimensions, out);
}

impl Meters {
    /// How meters are hashed here.
    pub(super) fn hasher(&self) -> &MeterHasher {
        &self.hasher
    }

    /// How many meters there are.
    pub(super) fn len(&self) -> usize {
        self.meters.len()
    }

    /// How many accounts there are.
    pub(super) fn account_count(&self) -> usize {
        self.accounts.len()
    }

    /// The meter of a number that was given.
    pub(super) fn meter(&self, number: MeterNo) -> Option<&Arc<Meter>> {
        self.meters.get(usize::try_from(number).ok()?)
    }

    /// The account that a meter measures.
    pub(super) fn account_of(&self, number: MeterNo) -> AccountNo {
        let place = usize::try_from(number).ok();
        place
            .and_then(|at| self.accounts_of_meters.get(at))
            .copied()
            .unwrap_or(AccountNo::MAX)
    }

    /// The name of an account.
    pub(super) fn name(&self, account: AccountNo) -> Option<&AccountId> {
        let entry = self.accounts.get(usize::try_from(account).ok()?)?;
        Some(&entry.name)
    }

    /// The names of all accounts, in order of number.
    pub(super) fn names(&self) -> impl Iterator<Item = &AccountId> {
        self.accounts.iter().map(|account| &account.name)
    }

    /// The number of an account.
    pub(super) fn account(&self, name: &AccountId) -> Option<AccountNo> {
        let hash = self.hasher.0.hash_one(name.as_str());
        let found = self
            .account_table
            .find(hash, |&no| self.name(no) == Some(name));
        found.copied()
    }

    /// The numbers of an account's meters, in order.
    pub(super) fn of_account(&self, account: AccountNo) -> &[MeterNo] {
        usize::try_from(account)
            .ok()
            .and_then(|at| self.accounts.get(at))
            .map_or(&[], |account| &account.meters)
    }

    /// The number of the meter that has this key; `hash` is that of [`MeterHasher`].
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<MeterNo> {
        let is_same = |&(held, no): &(u64, MeterNo)| held == hash && self.key(no) == Some(key);
        let found = self.meter_table.find(hash, is_same);
        found.map(|&(_, number)| number)
    }

    /// The number of the meter that an event belongs to, if it has one.
    pub(super) fn find_of(&self, event: &UsageEvent) -> Option<MeterNo> {
        let mut key = Vec::new();
        put_key(event, &mut key);
        self.find(self.hasher.of_key(&key), &key)
    }

    fn key(&self, number: MeterNo) -> Option<&[u8]> {
        let place = usize::try_from(number).ok()?;
        let start = match place.checked_sub(1) {
            Some(before) => *self.key_ends.get(before)?,
            None => 0,
        };
        self.keys.get(start..*self.key_ends.get(place)?)
    }

    /// The number of the meter that an event belongs to, which is given if it has none.
    pub(super) fn intern(&mut self, event: &UsageEvent) -> MeterNo {
        if let Some(number) = self.find_of(event) {
            return number;
        }
        let account = self.intern_account(&event.identity.account);
        self.add(Meter {
            account,
            resource: event.resource,
            is_sample: event.is_sample,
            provider: event.provider.clone(),
            dimensions: event.dimensions.clone(),
        })
    }

    /// The number of an account, which is given if it has none.
    pub(super) fn intern_account(&mut self, name: &AccountId) -> AccountNo {
        if let Some(number) = self.account(name) {
            return number;
        }
        // Numbers run out after four billion accounts, whose names alone no machine holds.
        let number = AccountNo::try_from(self.accounts.len()).unwrap_or(AccountNo::MAX);
        self.accounts.push(Account {
            name: name.clone(),
            meters: Vec::new(),
        });
        let hash = self.hasher.0.hash_one(name.as_str());
        let (hasher, accounts) = (&self.hasher.0, &self.accounts);
        let rehash = |&no: &AccountNo| {
            let name = usize::try_from(no).ok().and_then(|at| accounts.get(at));
            name.map_or(0, |entry| hasher.hash_one(entry.name.as_str()))
        };
        self.account_table.insert_unique(hash, number, rehash);
        number
    }

    /// Adds a meter that is not there yet; its account is.
    pub(super) fn add(&mut self, meter: Meter) -> MeterNo {
        let number = MeterNo::try_from(self.meters.len()).unwrap_or(MeterNo::MAX);
        if let Some(account) = usize::try_from(meter.account)
            .ok()
            .and_then(|at| self.accounts.get_mut(at))
        {
            account.meters.push(number);
        }
        self.accounts_of_meters.push(meter.account);
        let start = self.keys.len();
        let account = self.name(meter.account).cloned();
        put_key_of(
            account.as_ref().map_or("", |name| name.as_str()),
            (meter.resource, meter.is_sample),
            meter.provider.as_ref(),
            &meter.dimensions,
            &mut self.keys,
        );
        self.key_ends.push(self.keys.len());
        self.meters.push(Arc::new(meter));
        let hash = self
            .hasher
            .of_key(self.keys.get(start..).unwrap_or_default());
        self.meter_table
            .insert_unique(hash, (hash, number), |&(hash, _)| hash);
        number
    }
}
