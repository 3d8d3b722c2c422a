//! Credit notes and refunds: correcting an invoice that is finalized, and giving back what was paid.

use serde::{Deserialize, Serialize};
use synor_economics::billing::settlement_corrections::noted;
use synor_economics::billing::{
    CreditNote, CreditNoteLine, CreditNoteNumber, Invoice, NewCreditNote, RefundTo,
};
use synor_economics::distribution::Distribution;
use synor_economics::id::{AccountId, CreditNoteId, InvoiceId};
use synor_economics::money::MicroSynor;
use synor_store::{ChangeSet, Counter, Kind, ListQuery, Scope};

use crate::credits::{invalid_reply, request_of, scope_of};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::refunds::RefundTransfer;

/// The sequence that numbers credit notes.
pub(crate) const CREDIT_NOTE_NUMBERS: &str = "credit_note_numbers";

/// A correction of an invoice.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewInvoiceCredit {
    /// What for, with taxes.
    pub lines: Vec<CreditNoteLine>,
    /// Why, for people.
    pub reason: String,
}

/// A refund of what was paid on an invoice.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRefund {
    /// How much.
    pub amount_micro_synor: MicroSynor,
    /// Where to.
    pub to: RefundTo,
    /// Why, for people.
    pub reason: String,
}

impl Engine {
    /// Corrects an invoice by a credit note: it takes off what is owed, and gives back the rest as
    /// credit. The same command makes one.
    pub async fn credit_invoice(
        &self,
        id: InvoiceId,
        new: NewInvoiceCredit,
        command: &str,
    ) -> Result<CreditNote, EngineError> {
        let command = format!("credit note/{id}/{command}");
        let request = request_of(&new)?;
        self.make_note(id, command, request, new.reason, new.lines, None)
            .await
    }

    /// Gives back what was paid in coins on an invoice, all or part of it: by a credit note, with
    /// what was distributed of it and its taxes. The same command refunds once.
    pub async fn refund_invoice(
        &self,
        id: InvoiceId,
        new: NewRefund,
        command: &str,
    ) -> Result<CreditNote, EngineError> {
        if let RefundTo::Address(address) = &new.to {
            self.chain.check_address(address)?;
            if address == self.pay_to() {
                let reason = "it is the billing address itself".to_owned();
                return Err(EngineError::Invalid {
                    field: "to",
                    reason,
                });
            }
        }
        let command = format!("refund/{id}/{command}");
        let request = request_of(&new)?;
        let lines = vec![CreditNoteLine {
            description: "Refund".to_owned(),
            amount_micro_synor: new.amount_micro_synor,
        }];
        self.make_note(id, command, request, new.reason, lines, Some(new.to))
            .await
    }

    /// The credit notes of an account, in order of their numbers.
    pub async fn credit_notes(&self, account: &AccountId) -> Result<Vec<CreditNote>, EngineError> {
        self.account(account).await?;
        let query = ListQuery::of(Kind::CreditNote, account);
        Ok(self.store.list(query).await?.items)
    }

    /// A credit note of an account by its number.
    pub async fn credit_note(
        &self,
        account: &AccountId,
        number: CreditNoteNumber,
    ) -> Result<CreditNote, EngineError> {
        let found: Option<CreditNote> = self.store.find(&number.to_string()).await?;
        found
            .filter(|note| note.account_id == *account)
            .ok_or(EngineError::NotFound {
                what: "credit note",
                id: number.to_string(),
            })
    }

    /// An invoice, whosever it is.
    pub(crate) async fn any_invoice(&self, id: InvoiceId) -> Result<Invoice, EngineError> {
        let found: Option<Invoice> = self.store.get(&id.to_string()).await?;
        found.ok_or_else(|| EngineError::NotFound {
            what: "invoice",
            id: id.to_string(),
        })
    }

    async fn make_note(
        &self,
        id: InvoiceId,
        command: String,
        request: String,
        reason: String,
        lines: Vec<CreditNoteLine>,
        refund_to: Option<RefundTo>,
    ) -> Result<CreditNote, EngineError> {
        if reason.trim().is_empty() {
            let reason = "a credit note says why there is one".to_owned();
            return Err(EngineError::Invalid {
                field: "reason",
                reason,
            });
        }
        let account_scope = scope_of(&self.any_invoice(id).await?.account_id);
        self.decide(&Scope::CreditNoteNumbers, || async {
            if let Some(before) = self.store.replay(&command, &request).await? {
                return serde_json::from_value(before.reply).map_err(invalid_reply);
            }
            let version = self.store.version(&account_scope).await?;
            let (numbers, mut counter) = self.credit_note_numbers().await?;
            let invoice = self.any_invoice(id).await?;
            let last: Option<Distribution> = self.store.get(&id.to_string()).await?;
            counter.last += 1;
            let now = self.now();
            let made = CreditNote::on(
                invoice,
                NewCreditNote {
                    credit_note_id: CreditNoteId::derived(&[&command]),
                    number: CreditNoteNumber::new(counter.last),
                    reason: reason.clone(),
                    lines: lines.clone(),
                    refund_to: refund_to.clone(),
                    now,
                },
            );
            let (note, invoice) = match made {
                Ok(made) => made,
                // Another node may have carried this very command out since it was looked for.
                Err(refused) => match self.store.replay(&command, &request).await? {
                    Some(before) => {
                        return serde_json::from_value(before.reply).map_err(invalid_reply);
                    }
                    None => return Err(refused.into()),
                },
            };
            let done = noted(&note, &invoice, last, &self.fee_split)?;
            let mut changes = ChangeSet::new(command.clone(), now);
            changes.request.clone_from(&request);
            changes.reply = serde_json::to_value(&note).map_err(invalid_reply)?;
            changes
                .expect(account_scope.clone(), version)
                .expect(Scope::CreditNoteNumbers, numbers)
                .put(&counter)?
                .put(&invoice)?
                .put(&note)?;
            for credit in &done.credits {
                changes.put(credit)?;
            }
            if let Some(distribution) = &done.distribution {
                changes.put(distribution)?;
            }
            if let Some(transfer) = RefundTransfer::of(&note) {
                changes.put(&transfer)?;
            }
            changes.entries = done.entries;
            let committed = self.commit(changes).await?;
            serde_json::from_value(committed.reply).map_err(invalid_reply)
        })
        .await
    }

    /// The sequence of credit note numbers, with the version that it is read at.
    pub(crate) async fn credit_note_numbers(&self) -> Result<(u64, Counter), EngineError> {
        let version = self.store.version(&Scope::CreditNoteNumbers).await?;
        let counter: Option<Counter> = self.store.get(CREDIT_NOTE_NUMBERS).await?;
        let name = CREDIT_NOTE_NUMBERS.to_owned();
        Ok((version, counter.unwrap_or(Counter { name, last: 0 })))
    }
}
