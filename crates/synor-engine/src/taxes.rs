//! Which taxes an account's invoices carry, from a month on.

use synor_economics::account::Account;
use synor_economics::billing::TaxChange;
use synor_economics::id::AccountId;
use synor_store::ChangeSet;

use crate::credits::scope_of;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Sets the taxes of an account from a month on. Months that were billed do not change their
    /// taxes, and neither do months before the latest change.
    pub async fn set_taxes(
        &self,
        account: &AccountId,
        change: TaxChange,
    ) -> Result<Account, EngineError> {
        change.check().map_err(|error| EngineError::Invalid {
            field: "taxes",
            reason: error.to_string(),
        })?;
        let scope = scope_of(account);
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let mut account = self.account(account).await?;
            let from = change.from.period(&account.time_zone)?.start();
            self.refuse_billed(&account.account_id, from).await?;
            match account.tax_changes.last() {
                Some(last) if *last == change => return Ok(account),
                Some(last) if change.from < last.from => {
                    let reason = format!("the taxes change from {} on already", last.from);
                    return Err(EngineError::Invalid {
                        field: "from",
                        reason,
                    });
                }
                Some(last) if last.from == change.from => {
                    account.tax_changes.pop();
                }
                _ => {}
            }
            account.tax_changes.push(change.clone());
            let mut changes = ChangeSet::new(Self::fresh_command("taxes"), self.now());
            changes.expect(scope.clone(), version).put(&account)?;
            self.commit(changes).await?;
            Ok(account)
        })
        .await
    }
}
