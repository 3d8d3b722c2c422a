//! Giving up what is owed on an invoice, and marking one as sent.

use synor_economics::billing::Invoice;
use synor_economics::billing::settlement_corrections::written_off;
use synor_economics::id::InvoiceId;
use synor_store::ChangeSet;

use crate::credits::scope_of;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Writes an invoice off: what is owed on it becomes an expense. A payment that comes after all
    /// is still taken, and undoes as much of the expense.
    pub async fn write_off_invoice(
        &self,
        id: InvoiceId,
        reason: &str,
    ) -> Result<Invoice, EngineError> {
        if reason.trim().is_empty() {
            let reason = "an invoice is written off for a reason".to_owned();
            return Err(EngineError::Invalid {
                field: "reason",
                reason,
            });
        }
        let scope = scope_of(&self.any_invoice(id).await?.account_id);
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let invoice = self.any_invoice(id).await?;
            let (invoice, entry) = written_off(invoice, reason, self.now())?;
            let mut changes = ChangeSet::new(Self::fresh_command("write off"), self.now());
            changes.expect(scope.clone(), version).put(&invoice)?;
            changes.entries.push(entry);
            self.commit(changes).await?;
            Ok(invoice)
        })
        .await
    }

    /// Marks an invoice as made known to its customer. Doing it again changes nothing.
    pub async fn mark_sent(&self, id: InvoiceId) -> Result<Invoice, EngineError> {
        let scope = scope_of(&self.any_invoice(id).await?.account_id);
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let before = self.any_invoice(id).await?;
            let invoice = before.clone().send(self.now())?;
            if invoice != before {
                let mut changes = ChangeSet::new(Self::fresh_command("sent"), self.now());
                changes.expect(scope.clone(), version).put(&invoice)?;
                self.commit(changes).await?;
            }
            Ok(invoice)
        })
        .await
    }
}
