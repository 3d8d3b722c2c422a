//! Documents: what the book remembers besides the journal, and the keys it finds them by.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use synor_economics::account::Account;
use synor_economics::billing::{
    AutoPayConfig, CreditEntry, CreditUse, Deposit, Invoice, Payment, PaymentStatus,
};
use synor_economics::distribution::Distribution;
use synor_economics::id::{AccountId, DeductionId, HoldId};
use synor_economics::money::MicroSynor;
use synor_economics::period::Timestamp;
use synor_economics::pricing::promotion::{Promotion, Redemption};
use synor_economics::pricing::reserved::Commitment;
use synor_economics::quota::Quota;

use crate::error::StoreError;

/// The kinds of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Kind {
    Account,
    Alert,
    ApiKey,
    AuditEntry,
    AuditHead,
    AutoPay,
    AutoPayCharge,
    BillingContact,
    Budget,
    Commitment,
    Counter,
    Credit,
    CreditNote,
    CreditExpiry,
    Deduction,
    Delivery,
    DeliveryQueue,
    Deposit,
    Distribution,
    Incident,
    Hold,
    Invoice,
    OracleHour,
    OracleState,
    OutboxMessage,
    Payment,
    PeriodRate,
    PriceList,
    Promotion,
    Quota,
    Redemption,
    Referral,
    Refund,
    Reminder,
    Session,
    SlaOutcome,
    SpendTally,
    SpotAsk,
    SpotBid,
    SpotClearing,
    SpotHolding,
    SpotInterruption,
    SpotMarket,
    SpotPrice,
    Suspension,
    TopUp,
    TopUpConfig,
    WebhookEndpoint,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 48] = [
        Self::Account,
        Self::Alert,
        Self::ApiKey,
        Self::AuditEntry,
        Self::AuditHead,
        Self::AutoPay,
        Self::AutoPayCharge,
        Self::BillingContact,
        Self::Budget,
        Self::Commitment,
        Self::Counter,
        Self::Credit,
        Self::CreditNote,
        Self::CreditExpiry,
        Self::Deduction,
        Self::Delivery,
        Self::DeliveryQueue,
        Self::Deposit,
        Self::Distribution,
        Self::Incident,
        Self::Hold,
        Self::Invoice,
        Self::OracleHour,
        Self::OracleState,
        Self::OutboxMessage,
        Self::Payment,
        Self::PeriodRate,
        Self::PriceList,
        Self::Promotion,
        Self::Quota,
        Self::Redemption,
        Self::Referral,
        Self::Refund,
        Self::Reminder,
        Self::Session,
        Self::SlaOutcome,
        Self::SpendTally,
        Self::SpotAsk,
        Self::SpotBid,
        Self::SpotClearing,
        Self::SpotHolding,
        Self::SpotInterruption,
        Self::SpotMarket,
        Self::SpotPrice,
        Self::Suspension,
        Self::TopUp,
        Self::TopUpConfig,
        Self::WebhookEndpoint,
    ];

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether its documents change many times for once that they are made.
    pub(crate) const fn changes_often(self) -> bool {
        matches!(self, Self::Counter | Self::Credit)
    }

    /// The kind's name, as it is stored.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Alert => "alert",
            Self::ApiKey => "api_key",
            Self::AuditEntry => "audit_entry",
            Self::AuditHead => "audit_head",
            Self::AutoPay => "auto_pay",
            Self::AutoPayCharge => "auto_pay_charge",
            Self::BillingContact => "billing_contact",
            Self::Budget => "budget",
            Self::Commitment => "commitment",
            Self::Counter => "counter",
            Self::Credit => "credit",
            Self::CreditNote => "credit_note",
            Self::CreditExpiry => "credit_expiry",
            Self::Deduction => "deduction",
            Self::Delivery => "delivery",
            Self::DeliveryQueue => "delivery_queue",
            Self::Deposit => "deposit",
            Self::Distribution => "distribution",
            Self::Incident => "incident",
            Self::Hold => "hold",
            Self::Invoice => "invoice",
            Self::OracleHour => "oracle_hour",
            Self::OracleState => "oracle_state",
            Self::OutboxMessage => "outbox_message",
            Self::Payment => "payment",
            Self::PeriodRate => "period_rate",
            Self::PriceList => "price_list",
            Self::Promotion => "promotion",
            Self::Quota => "quota",
            Self::Redemption => "redemption",
            Self::Referral => "referral",
            Self::Refund => "refund",
            Self::Reminder => "reminder",
            Self::Session => "session",
            Self::SlaOutcome => "sla_outcome",
            Self::SpendTally => "spend_tally",
            Self::SpotAsk => "spot_ask",
            Self::SpotBid => "spot_bid",
            Self::SpotClearing => "spot_clearing",
            Self::SpotHolding => "spot_holding",
            Self::SpotInterruption => "spot_interruption",
            Self::SpotMarket => "spot_market",
            Self::SpotPrice => "spot_price",
            Self::Suspension => "suspension",
            Self::TopUp => "top_up",
            Self::TopUpConfig => "top_up_config",
            Self::WebhookEndpoint => "webhook_endpoint",
        }
    }
}

/// What a document is found by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys {
    /// Unique within the kind.
    pub id: String,
    /// Whose it is.
    pub account: Option<AccountId>,
    /// Another key that is unique within the kind.
    pub lookup: Option<String>,
    /// The order of lists.
    pub sort_key: i64,
    /// Whether work remains on it: an invoice owed, a credit not used up, a payment not counted.
    pub is_open: bool,
}

/// Something that is stored whole.
pub trait Document: Serialize + DeserializeOwned + Send + Sync {
    /// Its kind.
    const KIND: Kind;

    /// What it is found by.
    fn keys(&self) -> Keys;

    /// Its invariants, asserted before it is stored and after it is read.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }
}

/// A document as it lies in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDocument {
    /// Its kind.
    pub kind: Kind,
    /// What it is found by.
    pub keys: Keys,
    /// Its JSON.
    pub body: String,
}

impl StoredDocument {
    /// Packs a document; refuses one whose invariants do not hold.
    pub fn pack<D: Document>(document: &D) -> Result<Self, StoreError> {
        let keys = document.keys();
        let corrupt = |problem: String| StoreError::Corrupt {
            kind: D::KIND.name(),
            id: keys.id.clone(),
            problem,
        };
        document.check().map_err(corrupt)?;
        let body = serde_json::to_string(document).map_err(|e| corrupt(e.to_string()))?;
        Ok(Self {
            kind: D::KIND,
            keys,
            body,
        })
    }

    /// Unpacks the document; refuses one whose invariants do not hold.
    pub fn unpack<D: Document>(&self) -> Result<D, StoreError> {
        let corrupt = |problem: String| StoreError::Corrupt {
            kind: D::KIND.name(),
            id: self.keys.id.clone(),
            problem,
        };
        let document: D = serde_json::from_str(&self.body).map_err(|e| corrupt(e.to_string()))?;
        document.check().map_err(corrupt)?;
        if document.keys() != self.keys {
            return Err(corrupt("its keys are not those of its content".to_owned()));
        }
        Ok(document)
    }
}

/// The next number of a gapless sequence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// What is counted.
    pub name: String,
    /// The last number given out.
    pub last: u64,
}

/// A version of the prices, kept for ever so that what it priced can be worked out again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceListRecord {
    /// The version.
    pub version: String,
    /// From when on it applies.
    pub effective_from: Timestamp,
    /// The document as it was written.
    pub toml: String,
}

/// Credits spent in real time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deduction {
    /// Which deduction.
    pub deduction_id: DeductionId,
    /// Whose credits.
    pub account_id: AccountId,
    /// How much.
    pub amount_micro_synor: MicroSynor,
    /// Of which credits.
    pub credits: Vec<CreditUse>,
    /// Captured from which hold; absent if it was taken at once.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub hold_id: Option<HoldId>,
    /// What for.
    pub reason: String,
    /// When.
    pub created_at: Timestamp,
}

impl Document for Account {
    const KIND: Kind = Kind::Account;
    fn keys(&self) -> Keys {
        let account = Some(self.account_id.clone());
        let created = self.created_at.secs();
        Keys {
            id: self.account_id.to_string(),
            account,
            sort_key: created,
            ..Keys::default()
        }
    }
}

impl Document for AutoPayConfig {
    const KIND: Kind = Kind::AutoPay;
    fn keys(&self) -> Keys {
        Keys {
            id: self.account_id.to_string(),
            account: Some(self.account_id.clone()),
            // A wallet pays for one account at a time.
            lookup: self.enabled.then(|| self.funding_source.to_string()),
            is_open: self.enabled && self.paused.is_none(),
            ..Keys::default()
        }
    }
}

impl Document for Counter {
    const KIND: Kind = Kind::Counter;
    fn keys(&self) -> Keys {
        Keys {
            id: self.name.clone(),
            ..Keys::default()
        }
    }
}

impl Document for CreditEntry {
    const KIND: Kind = Kind::Credit;
    fn keys(&self) -> Keys {
        Keys {
            id: self.credit_id.to_string(),
            account: Some(self.account_id.clone()),
            lookup: None,
            sort_key: self.created_at.secs(),
            is_open: self.remaining_micro_synor.is_positive(),
        }
    }
    fn check(&self) -> Result<(), String> {
        let fits = !self.remaining_micro_synor.is_negative()
            && self.remaining_micro_synor <= self.amount_micro_synor;
        fits.then_some(())
            .ok_or_else(|| "more remains of it than was granted".to_owned())
    }
}

impl Document for Deduction {
    const KIND: Kind = Kind::Deduction;
    fn keys(&self) -> Keys {
        Keys {
            id: self.deduction_id.to_string(),
            account: Some(self.account_id.clone()),
            sort_key: self.created_at.secs(),
            ..Keys::default()
        }
    }
}

impl Document for Deposit {
    const KIND: Kind = Kind::Deposit;
    fn keys(&self) -> Keys {
        Keys {
            id: self.deposit_id.to_string(),
            account: Some(self.account_id.clone()),
            sort_key: self.created_at.secs(),
            ..Keys::default()
        }
    }
}

impl Document for Distribution {
    const KIND: Kind = Kind::Distribution;
    fn keys(&self) -> Keys {
        Keys {
            id: self.invoice_id.to_string(),
            account: Some(self.account_id.clone()),
            lookup: None,
            sort_key: self.distributed_at.secs(),
            is_open: self.reversed_at.is_none(),
        }
    }
    fn check(&self) -> Result<(), String> {
        self.is_whole()
            .then_some(())
            .ok_or_else(|| "its parts are not the whole".to_owned())
    }
}

impl Document for Invoice {
    const KIND: Kind = Kind::Invoice;
    fn keys(&self) -> Keys {
        Keys {
            id: self.invoice_id.to_string(),
            account: Some(self.account_id.clone()),
            lookup: Some(self.number.to_string()),
            sort_key: i64::try_from(self.number.get()).unwrap_or(i64::MAX),
            is_open: self.status.is_payable(),
        }
    }
    fn check(&self) -> Result<(), String> {
        Invoice::check(self).map_err(|e| e.to_string())
    }
}

impl Document for Payment {
    const KIND: Kind = Kind::Payment;
    fn keys(&self) -> Keys {
        Keys {
            id: self.payment_id.to_string(),
            account: self.account_id.clone(),
            lookup: Some(self.tx_id.to_string()),
            sort_key: self.seen_at.secs(),
            is_open: self.status == PaymentStatus::Pending,
        }
    }
}

impl Document for PriceListRecord {
    const KIND: Kind = Kind::PriceList;
    fn keys(&self) -> Keys {
        let effective = self.effective_from.secs();
        Keys {
            id: self.version.clone(),
            sort_key: effective,
            ..Keys::default()
        }
    }
}

/// An account was referred by another, and both are to be rewarded once it has paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Referral {
    /// Who was referred.
    pub account_id: AccountId,
    /// By whom.
    pub referrer_id: AccountId,
    /// Since when.
    pub created_at: Timestamp,
    /// When both were rewarded.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rewarded_at: Option<Timestamp>,
}

impl Document for Referral {
    const KIND: Kind = Kind::Referral;
    fn keys(&self) -> Keys {
        Keys {
            id: self.account_id.to_string(),
            account: Some(self.account_id.clone()),
            lookup: None,
            sort_key: self.created_at.secs(),
            is_open: self.rewarded_at.is_none(),
        }
    }
}

impl Document for Commitment {
    const KIND: Kind = Kind::Commitment;
    fn keys(&self) -> Keys {
        Keys {
            id: self.commitment_id.to_string(),
            account: Some(self.account_id.clone()),
            ..Keys::default()
        }
    }
    fn check(&self) -> Result<(), String> {
        Commitment::check(self).map_err(|e| e.to_string())
    }
}

impl Document for Promotion {
    const KIND: Kind = Kind::Promotion;
    fn keys(&self) -> Keys {
        Keys {
            id: self.code.to_string(),
            sort_key: self.starts_at.secs(),
            ..Keys::default()
        }
    }
    fn check(&self) -> Result<(), String> {
        Promotion::check(self).map_err(|e| e.to_string())
    }
}

impl Document for Redemption {
    const KIND: Kind = Kind::Redemption;
    fn keys(&self) -> Keys {
        Keys {
            id: format!("{}/{}", self.account_id, self.code),
            account: Some(self.account_id.clone()),
            sort_key: self.redeemed_at.secs(),
            ..Keys::default()
        }
    }
}

impl Document for Quota {
    const KIND: Kind = Kind::Quota;
    fn keys(&self) -> Keys {
        Keys {
            id: self.name(),
            account: Some(self.account_id.clone()),
            sort_key: self.set_at.secs(),
            is_open: self.removed_at.is_none(),
            ..Keys::default()
        }
    }
    fn check(&self) -> Result<(), String> {
        Quota::check(self).map_err(|e| e.to_string())
    }
}
