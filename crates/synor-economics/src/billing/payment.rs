//! Payments: coins that arrive on chain with a reference, and what they settle.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::auto_pay::AutoPayPause;
use super::invoice::{Invoice, InvoiceError};
use super::number::InvoiceNumber;
use super::status::InvoiceStatus;
use crate::id::{AccountId, Address, DepositId, InvoiceId, PaymentId, TxId};
use crate::money::{MICRO_PER_SYNOR, MicroSynor, MoneyError};
use crate::period::Timestamp;

/// Why a payment was refused. Nothing was taken.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PaymentError {
    /// The invoice's state does not take payments.
    #[error("invoice {number} is {status}; only finalized, sent or overdue invoices are payable")]
    InvoiceNotPayable {
        /// Which invoice.
        number: InvoiceNumber,
        /// Its state.
        status: InvoiceStatus,
    },
    /// A payment or maximum of nothing.
    #[error("an amount must be above zero, not {0}")]
    NotPositive(MicroSynor),
    /// The invoice refused.
    #[error(transparent)]
    Invoice(#[from] InvoiceError),
    /// The amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// How many blocks must follow before a payment counts: the larger it is, the more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmationPolicy {
    /// `(up to this amount, confirmations)`, ascending; the first one that holds applies.
    pub steps: Vec<(MicroSynor, u64)>,
    /// Confirmations above the last step.
    pub above: u64,
}

impl Default for ConfirmationPolicy {
    /// Under 100 SYNOR 10, up to 10,000 SYNOR 50, above that 100.
    fn default() -> Self {
        let synor = |n: i64| MicroSynor::new(n.saturating_mul(MICRO_PER_SYNOR));
        let under_100 = MicroSynor::new(synor(100).micro().saturating_sub(1));
        Self {
            steps: vec![(under_100, 10), (synor(10_000), 50)],
            above: 100,
        }
    }
}

impl ConfirmationPolicy {
    /// The confirmations that an amount asks for.
    ///
    /// ```
    /// use synor_economics::billing::ConfirmationPolicy;
    /// let policy = ConfirmationPolicy::default();
    /// let asked = ["99.999999 SYNOR", "100 SYNOR", "10000 SYNOR", "10000.000001 SYNOR"]
    ///     .map(|amount| policy.required(amount.parse().unwrap()));
    /// assert_eq!(asked, [10, 50, 50, 100]);
    /// ```
    pub fn required(&self, amount: MicroSynor) -> u64 {
        let step = self.steps.iter().find(|(up_to, _)| amount <= *up_to);
        step.map_or(self.above, |(_, confirmations)| *confirmations)
    }
}

/// What a customer is asked to transfer, and how the transfer is recognized.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentRequest {
    /// What the transfer is for.
    pub target: PaymentTarget,
    /// How much to transfer.
    pub amount_micro_synor: MicroSynor,
    /// Where to.
    pub pay_to: Address,
    /// The memo that the transfer must carry.
    pub reference: String,
    /// After how many confirmations it counts.
    pub confirmations_required: u64,
    /// The link that pays, on a chain whose wallets read links (EIP-681).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub payment_uri: Option<String>,
    /// The link that lets the billing contract take the amount first, for wallets that do not ask by
    /// themselves.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub approval_uri: Option<String>,
}

/// How far a payment has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum PaymentStatus {
    /// Seen on chain, not yet counted.
    Pending,
    /// Counted.
    Confirmed,
    /// Not counted, or not any more.
    Failed {
        /// Why.
        reason: String,
    },
}

/// What came of a transfer that the server was handed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentResult {
    /// Which payment.
    pub payment_id: PaymentId,
    /// The transfer.
    pub tx_id: TxId,
    /// How much.
    pub amount_micro_synor: MicroSynor,
    /// When.
    pub timestamp: Timestamp,
    /// How far it has come.
    pub status: PaymentStatus,
}

/// What a transfer is for, by its memo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type", content = "id")]
pub enum PaymentTarget {
    /// To settle an invoice.
    Invoice(InvoiceId),
    /// To fill up a prepaid balance.
    Deposit(DepositId),
    /// The memo names nothing known; the coins are kept in suspense.
    Unmatched,
}

impl PaymentTarget {
    /// Reads a memo.
    pub fn from_memo(memo: &str) -> Self {
        let memo = memo.trim();
        match (memo.parse(), memo.parse()) {
            (Ok(invoice), _) => Self::Invoice(invoice),
            (_, Ok(deposit)) => Self::Deposit(deposit),
            _ => Self::Unmatched,
        }
    }
}

/// A deposit that a customer asked to make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deposit {
    /// Which deposit; its id is the memo.
    pub deposit_id: DepositId,
    /// Whose balance it fills.
    pub account_id: AccountId,
    /// How much was announced. What arrives is what counts.
    pub amount_micro_synor: MicroSynor,
    /// The transfer that was handed in for it, so that a retry does not hand in a second one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tx_id: Option<TxId>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// A transfer to the billing address and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Which payment: derived from the transfer.
    pub payment_id: PaymentId,
    /// Whose, where the memo tells.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub account_id: Option<AccountId>,
    /// What for.
    pub target: PaymentTarget,
    /// The transfer.
    pub tx_id: TxId,
    /// Who paid.
    pub payer: Address,
    /// How much arrived.
    pub amount_micro_synor: MicroSynor,
    /// How much of it settled the invoice.
    pub settled_micro_synor: MicroSynor,
    /// How much of it became prepaid credit.
    pub credited_micro_synor: MicroSynor,
    /// How far it has come.
    pub status: PaymentStatus,
    /// After how many confirmations it counts.
    pub confirmations_required: u64,
    /// How often it has been counted; above one after a reorganization.
    pub times_confirmed: u32,
    /// What had been spent of it when the chain took it back, and is still owed.
    #[serde(skip_serializing_if = "MicroSynor::is_zero_ref", default)]
    pub clawback_micro_synor: MicroSynor,
    /// When it was first seen.
    pub seen_at: Timestamp,
    /// When it last counted.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub confirmed_at: Option<Timestamp>,
}

impl Payment {
    /// A payment just seen.
    pub fn seen(
        target: PaymentTarget,
        account_id: Option<AccountId>,
        tx_id: TxId,
        payer: Address,
        amount: MicroSynor,
        confirmations_required: u64,
        now: Timestamp,
    ) -> Self {
        Self {
            payment_id: PaymentId::derived(&[tx_id.as_str()]),
            account_id,
            target,
            tx_id,
            payer,
            amount_micro_synor: amount,
            settled_micro_synor: MicroSynor::ZERO,
            credited_micro_synor: MicroSynor::ZERO,
            status: PaymentStatus::Pending,
            confirmations_required,
            times_confirmed: 0,
            clawback_micro_synor: MicroSynor::ZERO,
            seen_at: now,
            confirmed_at: None,
        }
    }

    /// The payment as its payer is told of it.
    pub fn result(&self) -> PaymentResult {
        PaymentResult {
            payment_id: self.payment_id,
            tx_id: self.tx_id.clone(),
            amount_micro_synor: self.amount_micro_synor,
            timestamp: self.confirmed_at.unwrap_or(self.seen_at),
            status: self.status.clone(),
        }
    }
}

/// A standing permission to collect invoices from a wallet, within a grant that its owner signed
/// on chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoPayConfig {
    /// Whose invoices.
    pub account_id: AccountId,
    /// From which wallet.
    pub funding_source: Address,
    /// The most that is taken for one invoice.
    pub max_per_invoice_micro_synor: MicroSynor,
    /// Whether it is in force.
    pub enabled: bool,
    /// The transaction of the last grant; a charge waits for it as long as the chain does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub grant_tx: Option<TxId>,
    /// Why it does not collect now, though it is in force.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub paused: Option<AutoPayPause>,
}

/// Decides what to ask for and how much to take.
#[derive(Debug, Clone)]
pub struct PaymentProcessor {
    /// When payments count.
    pub confirmations: ConfirmationPolicy,
    /// The address that collects.
    pub pay_to: Address,
}

impl PaymentProcessor {
    /// What to transfer to settle an invoice; refuses one that is not payable.
    pub fn request(&self, invoice: &Invoice) -> Result<PaymentRequest, PaymentError> {
        if !invoice.status.is_payable() {
            let (number, status) = (invoice.number, invoice.status);
            return Err(PaymentError::InvoiceNotPayable { number, status });
        }
        let amount = invoice.outstanding()?;
        Ok(self.ask(
            PaymentTarget::Invoice(invoice.invoice_id),
            invoice.invoice_id,
            amount,
        ))
    }

    /// What to transfer to make a deposit.
    pub fn deposit_request(&self, deposit: &Deposit) -> PaymentRequest {
        let target = PaymentTarget::Deposit(deposit.deposit_id);
        self.ask(target, deposit.deposit_id, deposit.amount_micro_synor)
    }

    fn ask(
        &self,
        target: PaymentTarget,
        reference: impl ToString,
        amount: MicroSynor,
    ) -> PaymentRequest {
        PaymentRequest {
            target,
            amount_micro_synor: amount,
            pay_to: self.pay_to.clone(),
            reference: reference.to_string(),
            confirmations_required: self.confirmations.required(amount),
            payment_uri: None,
            approval_uri: None,
        }
    }

    /// What auto-pay takes for an invoice: the smaller of what is owed and the payer's maximum;
    /// `None` if nothing is to be taken.
    pub fn auto_pay_amount(
        invoice: &Invoice,
        config: &AutoPayConfig,
    ) -> Result<Option<MicroSynor>, MoneyError> {
        let owed = invoice.outstanding()?;
        let amount = owed.min(config.max_per_invoice_micro_synor);
        Ok((config.enabled && amount.is_positive()).then_some(amount))
    }
}
