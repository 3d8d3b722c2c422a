//! Refunds on their way: the billing wallet signs each, it is written down before it is sent, and
//! counts when the chain has confirmed it. One that the chain refuses becomes prepaid credit.

use serde::{Deserialize, Serialize};
use synor_chain::{Instruction, Order, Soma, TransferStatus};
use synor_economics::billing::settlement_corrections::{refund_confirmed, refund_refused};
use synor_economics::billing::{CreditNote, PaymentTarget};
use synor_economics::id::{AccountId, Address, CreditNoteId, InvoiceId, TxId};
use synor_economics::money::MicroSynor;
use synor_economics::period::Timestamp;
use synor_store::{ChangeSet, Document, Keys, Kind, ListQuery};

use crate::credits::scope_of;
use crate::engine::{BillingKey, Engine};
use crate::error::EngineError;

/// How far a refund has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum RefundStatus {
    /// Decided, and to be sent or waiting for its confirmations.
    Pending,
    /// Transferred.
    Confirmed,
    /// The chain refused it; it became prepaid credit.
    Refused {
        /// Why.
        reason: String,
    },
}

/// A refund to an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundTransfer {
    /// The credit note that it carries out.
    pub credit_note_id: CreditNoteId,
    /// Of which invoice.
    pub invoice_id: InvoiceId,
    /// Whose.
    pub account_id: AccountId,
    /// Where to.
    pub to: Address,
    /// How much.
    pub amount_micro_synor: MicroSynor,
    /// The transfer, once it is signed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tx_id: Option<TxId>,
    /// What the chain is handed: signed by the billing wallet, or to be signed by the chain's key.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signed: Option<Instruction>,
    /// How far it has come.
    pub status: RefundStatus,
    /// When it was decided.
    pub created_at: Timestamp,
}

impl Document for RefundTransfer {
    const KIND: Kind = Kind::Refund;
    fn keys(&self) -> Keys {
        Keys {
            id: self.credit_note_id.to_string(),
            account: Some(self.account_id.clone()),
            lookup: self.tx_id.as_ref().map(ToString::to_string),
            sort_key: self.created_at.secs(),
            is_open: self.status == RefundStatus::Pending,
        }
    }
}

impl RefundTransfer {
    /// The transfer that a credit note asks for, if it does.
    pub(crate) fn of(note: &CreditNote) -> Option<Self> {
        Some(Self {
            credit_note_id: note.credit_note_id,
            invoice_id: note.invoice_id,
            account_id: note.account_id.clone(),
            to: note.refund_to.clone()?,
            amount_micro_synor: note.refund_micro_synor,
            tx_id: None,
            signed: None,
            status: RefundStatus::Pending,
            created_at: note.created_at,
        })
    }
}

/// What the chain says about a refund.
enum Outcome {
    /// Nothing new.
    Waits,
    Confirmed,
    Refused(String),
}

impl Engine {
    /// The refunds to addresses of an account's invoices, in order of time.
    pub async fn refunds(&self, account: &AccountId) -> Result<Vec<RefundTransfer>, EngineError> {
        self.account(account).await?;
        let query = ListQuery::of(Kind::Refund, account);
        Ok(self.store.list(query).await?.items)
    }

    /// Sends the refunds that were decided, and looks whether those that were sent are confirmed.
    /// Returns how many have come further.
    pub async fn send_refunds(&self) -> Result<usize, EngineError> {
        let query = ListQuery::all(Kind::Refund).open();
        let open: Vec<RefundTransfer> = self.store.list(query).await?.items;
        let mut moved = 0;
        for refund in open {
            let outcome = match &refund.signed {
                Some(signed) => self.look_after(&refund, signed).await?,
                None => {
                    // Signed one by one, so that a refused one does not leave a gap in the nonces.
                    let signed = self.sign_refund(&refund).await?;
                    self.send_refund(signed).await?
                }
            };
            moved += usize::from(self.record_outcome(&refund, outcome).await?);
        }
        Ok(moved)
    }

    /// Signs a refund and writes it down, so that it is sent once whatever happens.
    async fn sign_refund(&self, refund: &RefundTransfer) -> Result<Instruction, EngineError> {
        let scope = scope_of(&refund.account_id);
        let id = refund.credit_note_id.to_string();
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let known: Option<RefundTransfer> = self.store.get(&id).await?;
            // Another node may have signed it; then it is that transfer that is sent.
            if let Some(signed) = known.and_then(|r| r.signed) {
                return Ok(signed);
            }
            let signed = self.refund_instruction(refund, &id).await?;
            let written = RefundTransfer {
                tx_id: Some(signed.tx_id()),
                signed: Some(signed.clone()),
                ..refund.clone()
            };
            let mut changes = ChangeSet::new(Self::fresh_command("sign refund"), self.now());
            changes.expect(scope.clone(), version).put(&written)?;
            self.commit(changes).await?;
            Ok(signed)
        })
        .await
    }

    async fn refund_instruction(
        &self,
        refund: &RefundTransfer,
        memo: &str,
    ) -> Result<Instruction, EngineError> {
        let amount = refund.amount_micro_synor;
        let BillingKey::Wallet(wallet) = &self.billing_key else {
            let target = PaymentTarget::Invoice(refund.invoice_id);
            return Ok(Instruction::Ordered(Order::refund(
                target,
                refund.to.clone(),
                amount,
            )));
        };
        Ok(Instruction::Signed(wallet.sign_transfer(
            &self.chain.chain_id().await?,
            self.chain.next_nonce(self.pay_to()).await?,
            &refund.to,
            Soma::from_micro(amount)?,
            memo,
        )?))
    }

    async fn send_refund(&self, signed: Instruction) -> Result<Outcome, EngineError> {
        match self.chain.carry_out(&signed).await {
            Ok(_) => Ok(Outcome::Waits),
            Err(error) if error.is_passing() => Err(error.into()),
            Err(refused) => Ok(Outcome::Refused(refused.to_string())),
        }
    }

    /// Where a refund that was signed stands. What the chain does not hold, or let go, is handed in
    /// again: it is the same transfer however often it is.
    async fn look_after(
        &self,
        refund: &RefundTransfer,
        signed: &Instruction,
    ) -> Result<Outcome, EngineError> {
        let Some(seen) = self.chain.transfer(&signed.tx_id()).await? else {
            return self.send_refund(signed.clone()).await;
        };
        let asked = self
            .payments
            .confirmations
            .required(refund.amount_micro_synor);
        match seen.status {
            TransferStatus::Included if seen.confirmations >= asked => Ok(Outcome::Confirmed),
            TransferStatus::Included | TransferStatus::Pending => Ok(Outcome::Waits),
            TransferStatus::Retracted => self.send_refund(signed.clone()).await,
            TransferStatus::Failed { reason } => Ok(Outcome::Refused(reason)),
        }
    }

    async fn record_outcome(
        &self,
        refund: &RefundTransfer,
        outcome: Outcome,
    ) -> Result<bool, EngineError> {
        let status = match outcome {
            Outcome::Waits => return Ok(false),
            Outcome::Confirmed => RefundStatus::Confirmed,
            Outcome::Refused(reason) => RefundStatus::Refused { reason },
        };
        let scope = scope_of(&refund.account_id);
        let id = refund.credit_note_id.to_string();
        self.decide(&scope, || async {
            let version = self.store.version(&scope).await?;
            let known: Option<RefundTransfer> = self.store.get(&id).await?;
            let note: Option<CreditNote> = self.store.get(&id).await?;
            let (Some(known), Some(note)) = (known, note) else {
                return Ok(false);
            };
            if known.status != RefundStatus::Pending {
                return Ok(false);
            }
            let now = self.now();
            let mut changes = ChangeSet::new(Self::fresh_command("refund"), now);
            if let RefundStatus::Refused { reason } = &status {
                tracing::warn!(note = %note.number, reason, "a refund was refused");
                let (credit, entry) = refund_refused(&note, reason, now)?;
                changes.put(&credit)?;
                changes.entries.push(entry);
            } else {
                changes.entries.push(refund_confirmed(&note, now)?);
            }
            let status = status.clone();
            changes
                .expect(scope.clone(), version)
                .put(&RefundTransfer { status, ..known })?;
            self.commit(changes).await?;
            Ok(true)
        })
        .await
    }
}
