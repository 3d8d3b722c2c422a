//! Cancelling an invoice.

use synor_economics::billing::settlement::voided;
use synor_economics::billing::{CreditEntry, CreditManager, Invoice};
use synor_economics::id::InvoiceId;
use synor_store::{ChangeSet, Kind, ListQuery};

use crate::credits::{put_used, scope_of};
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Voids an invoice on which nothing was paid; its credits are given back. Its usage is not
    /// billed again.
    pub async fn void_invoice(&self, id: InvoiceId) -> Result<Invoice, EngineError> {
        let missing = || EngineError::NotFound {
            what: "invoice",
            id: id.to_string(),
        };
        let found: Option<Invoice> = self.store.get(&id.to_string()).await?;
        let scope = scope_of(&found.ok_or_else(missing)?.account_id);
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let found: Option<Invoice> = self.store.get(&id.to_string()).await?;
            let invoice = found.ok_or_else(missing)?;
            let all: Vec<CreditEntry> = self
                .store
                .list(ListQuery::of(Kind::Credit, &invoice.account_id))
                .await?
                .items;
            let mut credits = CreditManager::new(all);
            let (invoice, entries) = voided(invoice, &mut credits, self.now())?;
            let mut changes = ChangeSet::new(Self::fresh_command("void"), self.now());
            changes.expect(scope.clone(), version).put(&invoice)?;
            put_used(&mut changes, &credits, &invoice.credits)?;
            changes.entries = entries;
            self.commit(changes).await?;
            Ok(invoice)
        })
        .await
    }
}
