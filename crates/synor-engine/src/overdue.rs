//! Invoices that are owed past their due date.

use synor_economics::billing::Invoice;
use synor_store::{ChangeSet, Kind, ListQuery};

use crate::credits::scope_of;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Marks open invoices whose due date has passed. Returns how many were marked.
    pub async fn mark_overdue(&self) -> Result<usize, EngineError> {
        let open: Vec<Invoice> = self
            .store
            .list(ListQuery::all(Kind::Invoice).open())
            .await?
            .items;
        let mut marked = 0;
        for invoice in open {
            if invoice.clone().overdue_at(self.now()) == invoice {
                continue;
            }
            let scope = scope_of(&invoice.account_id);
            let id = invoice.invoice_id.to_string();
            marked += self
                .decide(&scope, || async {
                    let version = self.store.version(&scope).await?;
                    let Some(invoice) = self.store.get::<Invoice>(&id).await? else {
                        return Ok(0);
                    };
                    let after = invoice.clone().overdue_at(self.now());
                    if after == invoice {
                        return Ok(0);
                    }
                    let mut changes = ChangeSet::new(Self::fresh_command("overdue"), self.now());
                    changes.expect(scope.clone(), version).put(&after)?;
                    self.commit(changes).await?;
                    Ok(1)
                })
                .await?;
        }
        Ok(marked)
    }
}
