//! The life of a credit after its grant: what is left of it expires when its time is over, and its
//! statement tells what became of it.

use std::collections::BTreeSet;

use synor_economics::billing::{
    CreditEntry, CreditExpiry, CreditMove, CreditStatement, Invoice, expire,
};
use synor_economics::id::{AccountId, CreditId};
use synor_economics::money::{MicroSynor, MoneyError};
use synor_economics::period::Timestamp;
use synor_store::{ChangeSet, Deduction, Kind, ListQuery};

use crate::credits::scope_of;
use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Posts the expiry of every credit whose time is over, and returns how many there were. An
    /// expired credit is not applied before that either.
    pub async fn expire_credits(&self) -> Result<usize, EngineError> {
        let open: Vec<CreditEntry> = self
            .store
            .list(ListQuery::all(Kind::Credit).open())
            .await?
            .items;
        let now = self.now();
        let over = open.into_iter().filter(|credit| !credit.is_valid_at(now));
        let accounts: BTreeSet<AccountId> = over.map(|credit| credit.account_id).collect();
        let mut expired = 0;
        for account in accounts {
            expired += self.expire_credits_of(&account).await?;
            self.budgets.touch(&account);
        }
        Ok(expired)
    }

    async fn expire_credits_of(&self, account: &AccountId) -> Result<usize, EngineError> {
        let scope = scope_of(account);
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let before = self.expiries_of(account).await?;
            let now = self.now();
            let mut changes = ChangeSet::new(Self::fresh_command("expire credits"), now);
            changes.expect(scope.clone(), version);
            let mut expired = 0;
            for credit in self.open_credits(account).await? {
                let rounds = before.iter().filter(|e| e.credit_id == credit.credit_id);
                let last = rounds.map(|expiry| expiry.round).max().unwrap_or(0);
                if let Some((after, expiry, entry)) = expire(&credit, last.saturating_add(1), now)?
                {
                    changes.put(&after)?.put(&expiry)?;
                    changes.entries.push(entry);
                    expired += 1;
                }
            }
            if expired > 0 {
                self.commit(changes).await?;
            }
            Ok(expired)
        })
        .await
    }

    async fn expiries_of(&self, account: &AccountId) -> Result<Vec<CreditExpiry>, EngineError> {
        let query = ListQuery::of(Kind::CreditExpiry, account);
        Ok(self.store.list(query).await?.items)
    }

    /// What became of a credit of an account: its grant, each use, what was given back, its expiry.
    pub async fn credit_statement(
        &self,
        account: &AccountId,
        id: CreditId,
    ) -> Result<CreditStatement, EngineError> {
        self.account(account).await?;
        let found: Option<CreditEntry> = self.store.get(&id.to_string()).await?;
        let credit =
            found
                .filter(|credit| credit.account_id == *account)
                .ok_or(EngineError::NotFound {
                    what: "credit",
                    id: id.to_string(),
                })?;
        let deductions: Vec<Deduction> = self
            .store
            .list(ListQuery::of(Kind::Deduction, account))
            .await?
            .items;
        let mut moves = Vec::new();
        for invoice in self.invoices_of(account).await? {
            moves.extend(moves_of_invoice(&invoice, id)?);
        }
        for deduction in &deductions {
            moves.extend(move_of_deduction(deduction, id)?);
        }
        for expiry in self.expiries_of(account).await? {
            if expiry.credit_id == id {
                let amount = expiry.amount_micro_synor.checked_neg()?;
                moves.push((expiry.posted_at, CreditMove::Expired, amount));
            }
        }
        Ok(CreditStatement::new(credit, moves, self.now())?)
    }
}

type Move = (Timestamp, CreditMove, MicroSynor);

/// What an invoice used of a credit, and what it gave back when it was voided.
fn moves_of_invoice(invoice: &Invoice, credit: CreditId) -> Result<Vec<Move>, MoneyError> {
    let (invoice_id, number) = (invoice.invoice_id, invoice.number);
    let mut moves = Vec::new();
    for used in invoice.credits.iter().filter(|u| u.credit_id == credit) {
        let amount = used.amount_micro_synor;
        let what = CreditMove::UsedByInvoice { invoice_id, number };
        moves.push((invoice.created_at, what, amount.checked_neg()?));
        if let Some(at) = invoice.voided_at {
            moves.push((at, CreditMove::GivenBack { invoice_id, number }, amount));
        }
    }
    Ok(moves)
}

fn move_of_deduction(deduction: &Deduction, credit: CreditId) -> Result<Vec<Move>, MoneyError> {
    let used = deduction.credits.iter().filter(|u| u.credit_id == credit);
    let moved = used.map(|used| {
        let what = CreditMove::UsedByDeduction {
            deduction_id: deduction.deduction_id,
            reason: deduction.reason.clone(),
        };
        let amount = used.amount_micro_synor.checked_neg()?;
        Ok((deduction.created_at, what, amount))
    });
    moved.collect()
}
