//! Accounts and meters by number. A meter is what amounts are summed for and levels are kept for: an
//! account's resource with a provider and dimensions, samples apart from amounts.
//!
//! Numbers are given in order of the first accepted event. Replaying the same events gives the same
//! numbers, so they may be written to files.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use synor_economics::id::{AccountId, ProviderId};
use synor_economics::metering::{Dimensions, ResourceType, UsageEvent};

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
    meter_table: HashTable<MeterNo>,
}

/// Hashes what meters are told apart by. The seed is random, because names come from outside.
#[derive(Debug, Clone, Default)]
pub(super) struct MeterHasher(RandomState);

impl MeterHasher {
    /// The hash of the meter that an event belongs to.
    pub(super) fn of_event(&self, event: &UsageEvent) -> u64 {
        self.of(
            event.identity.account.as_str(),
            event.resource,
            event.is_sample,
            event.provider.as_ref(),
            &event.dimensions,
        )
    }

    fn of(
        &self,
        account: &str,
        resource: ResourceType,
        is_sample: bool,
        provider: Option<&ProviderId>,
        dimensions: &Dimensions,
    ) -> u64 {
        let mut hasher = self.0.build_hasher();
        account.hash(&mut hasher);
        (resource, is_sample).hash(&mut hasher);
        provider.map(|name| name.as_str()).hash(&mut hasher);
        for (name, value) in dimensions {
            (name, value).hash(&mut hasher);
        }
        hasher.finish()
    }
}

/// Whether two events belong to one meter.
pub(super) fn same_meter(one: &UsageEvent, other: &UsageEvent) -> bool {
    one.resource == other.resource
        && one.is_sample == other.is_sample
        && one.identity.account == other.identity.account
        && one.provider == other.provider
        && one.dimensions == other.dimensions
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

    /// The number of the meter that an event belongs to; `hash` is that of [`MeterHasher`].
    pub(super) fn find(&self, hash: u64, event: &UsageEvent) -> Option<MeterNo> {
        let is_same = |no: &MeterNo| {
            self.meter(*no).is_some_and(|meter| {
                meter.resource == event.resource
                    && meter.is_sample == event.is_sample
                    && self.name(meter.account) == Some(&event.identity.account)
                    && meter.provider == event.provider
                    && meter.dimensions == event.dimensions
            })
        };
        self.meter_table.find(hash, is_same).copied()
    }

    /// The number of the meter that an event belongs to, which is given if it has none.
    pub(super) fn intern(&mut self, event: &UsageEvent) -> MeterNo {
        let hash = self.hasher.of_event(event);
        if let Some(number) = self.find(hash, event) {
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
        self.meters.push(Arc::new(meter));
        let (hasher, accounts, meters) = (&self.hasher, &self.accounts, &self.meters);
        let hash_of = |&no: &MeterNo| {
            let meter = usize::try_from(no).ok().and_then(|at| meters.get(at));
            meter.map_or(0, |meter| {
                let account = usize::try_from(meter.account).ok();
                let account = account.and_then(|at| accounts.get(at));
                hasher.of(
                    account.map_or("", |entry| entry.name.as_str()),
                    meter.resource,
                    meter.is_sample,
                    meter.provider.as_ref(),
                    &meter.dimensions,
                )
            })
        };
        let hash = hash_of(&number);
        self.meter_table.insert_unique(hash, number, hash_of);
        number
    }
}
