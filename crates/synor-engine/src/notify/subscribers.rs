//! The accounts that are told of anything, kept in memory so that a change to any other costs no
//! read and writes no message.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use synor_economics::id::AccountId;
use synor_store::{BillingContact, Kind, ListQuery, Scope, Store, StoreError, WebhookEndpoint};

/// How long a subscriber that another node took on may stay unnoticed here.
const AGE_MAX: Duration = Duration::from_secs(1);

/// The accounts that are told of anything.
#[derive(Debug, Default)]
pub(crate) struct SubscriberBook(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    version: u64,
    looked_at: Option<Instant>,
    /// How often it was forgotten, so that a read that began before does not undo that.
    forgotten: u64,
    accounts: Arc<HashSet<AccountId>>,
}

impl SubscriberBook {
    /// Makes the next reader look again.
    pub(super) fn forget(&self) {
        let mut held = self.held();
        held.looked_at = None;
        held.forgotten = held.forgotten.wrapping_add(1);
    }

    /// Who is told. The book of record is asked at most once a second whether that has changed.
    pub(super) async fn current(
        &self,
        store: &dyn Store,
    ) -> Result<Arc<HashSet<AccountId>>, StoreError> {
        let (version, forgotten, known) = {
            let held = self.held();
            let age = held.looked_at.map(|at| at.elapsed());
            if age.is_some_and(|age| age < AGE_MAX) {
                return Ok(Arc::clone(&held.accounts));
            }
            let known = age.map(|_| Arc::clone(&held.accounts));
            (held.version, held.forgotten, known)
        };
        let looked_at = Some(Instant::now());
        let now = store.version(&Scope::Subscribers).await?;
        let accounts = match known {
            Some(accounts) if version == now => accounts,
            _ => Arc::new(read(store).await?),
        };
        let mut held = self.held();
        if held.forgotten == forgotten {
            held.version = now;
            held.looked_at = looked_at;
            held.accounts = Arc::clone(&accounts);
        }
        Ok(accounts)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(store: &dyn Store) -> Result<HashSet<AccountId>, StoreError> {
    let query = ListQuery::all(Kind::WebhookEndpoint).open();
    let endpoints: Vec<WebhookEndpoint> = store.list(query).await?.items;
    let query = ListQuery::all(Kind::BillingContact).open();
    let contacts: Vec<BillingContact> = store.list(query).await?.items;
    let endpoints = endpoints.into_iter().map(|e| e.account_id);
    Ok(endpoints
        .chain(contacts.into_iter().map(|c| c.account_id))
        .collect())
}
