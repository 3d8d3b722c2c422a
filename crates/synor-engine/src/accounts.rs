//! Opening and finding accounts.

use serde::{Deserialize, Serialize};
use synor_economics::account::Account;
use synor_economics::id::AccountId;
use synor_economics::period::Zone;
use synor_store::{ChangeSet, Kind, ListQuery, Scope};

use crate::engine::Engine;
use crate::error::EngineError;

/// What is needed to open an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAccount {
    /// The name the operator gives it.
    pub account_id: AccountId,
    /// What people call it; the id if absent.
    #[serde(default)]
    pub name: Option<String>,
    /// In whose days its months are counted; UTC if absent.
    #[serde(default)]
    pub time_zone: Zone,
}

impl Engine {
    /// Opens an account; refuses a name that is taken.
    pub async fn open_account(&self, new: NewAccount) -> Result<Account, EngineError> {
        let scope = Scope::Account(new.account_id.clone());
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            if self
                .store
                .get::<Account>(new.account_id.as_str())
                .await?
                .is_some()
            {
                return Err(EngineError::AccountExists(new.account_id.clone()));
            }
            let account = Account {
                account_id: new.account_id.clone(),
                name: new
                    .name
                    .clone()
                    .unwrap_or_else(|| new.account_id.to_string()),
                time_zone: new.time_zone.clone(),
                created_at: self.now(),
                plan_changes: Vec::new(),
                referred_by: None,
                tax_changes: Vec::new(),
            };
            let mut changes = ChangeSet::new(Self::fresh_command("open account"), self.now());
            changes.expect(scope.clone(), version).put(&account)?;
            self.commit(changes).await?;
            Ok(account)
        })
        .await
    }

    /// An account by its id.
    pub async fn account(&self, id: &AccountId) -> Result<Account, EngineError> {
        let found = self.store.get(id.as_str()).await?;
        found.ok_or_else(|| EngineError::UnknownAccount(id.clone()))
    }

    /// All accounts, by age.
    pub async fn accounts(&self) -> Result<Vec<Account>, EngineError> {
        Ok(self.store.list(ListQuery::all(Kind::Account)).await?.items)
    }
}
