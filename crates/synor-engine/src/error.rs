//! Why a use case did not happen. Nothing of it remains.

use synor_chain::ChainError;
use synor_economics::billing::settlement::SettlementError;
use synor_economics::billing::{
    AutoPayPolicyError, BillError, CreditError, HoldError, InvoiceError, PaymentError,
    PrepaidError, TopUpError,
};
use synor_economics::budget::{BudgetError, BudgetExceeded};
use synor_economics::distribution::DistributionError;
use synor_economics::id::{AccountId, Address};
use synor_economics::money::{MicroSynor, MoneyError};
use synor_economics::oracle::{Price, TwapError};
use synor_economics::period::{Month, PeriodError, Timestamp};
use synor_economics::pricing::promotion::PromotionError;
use synor_economics::pricing::reserved::CommitmentError;
use synor_economics::pricing::spot::SpotError;
use synor_economics::pricing::{PriceListError, PricingError};
use synor_economics::quota::QuotaError;
use synor_economics::sla::SlaError;
use synor_store::StoreError;
use synor_usage::UsageLogError;
use thiserror::Error;

use crate::answer_once::Asked;
use crate::ingest::Rejection;
use crate::oracle::OracleConfigError;

/// Why a use case did not happen.
#[derive(Debug, Error)]
#[allow(missing_docs)]
pub enum EngineError {
    #[error("account `{0}` does not exist")]
    UnknownAccount(AccountId),
    #[error("{what} `{id}` does not exist")]
    NotFound { what: &'static str, id: String },
    #[error("account `{0}` exists already")]
    AccountExists(AccountId),
    #[error("{}", rejections(.0))]
    Rejected(Vec<Rejection>),
    #[error("{month} ends at {end} in {zone}; it cannot be closed before")]
    PeriodOpen {
        month: Month,
        end: Timestamp,
        zone: String,
    },
    #[error("this Idempotency-Key was used before for another request: then {before}, now {now}")]
    NameTaken { before: Box<Asked>, now: Box<Asked> },
    #[error("this book collects at {book}, but the billing wallet here is {node}")]
    AnotherAddress { book: Address, node: Address },
    #[error("the API key is not valid")]
    Unauthenticated,
    #[error("this key may not do that: {0}")]
    Forbidden(String),
    #[error("{field}: {reason}")]
    Invalid { field: &'static str, reason: String },
    #[error("{owner} has granted {spender} at most {granted} a charge, which is less than {asked}")]
    GrantTooSmall {
        owner: Address,
        spender: Address,
        granted: MicroSynor,
        asked: MicroSynor,
    },
    #[error(
        "price list {version} was stored with other prices; give the changed one a new version"
    )]
    PriceListChanged { version: String },
    #[error(
        "price list {version} would be in force from {effective_from}, but invoices were made for \
         time up to {end}; prices of billed time do not change"
    )]
    PriceListBackDated {
        version: String,
        effective_from: Timestamp,
        end: Timestamp,
    },
    #[error("no price oracle is configured; [oracle] in synor.toml says which sources to ask")]
    NoOracle,
    #[error(
        "prices are in USD, and there is no rate for {month}: {reason}; nothing is guessed, so set \
         it (`synor oracle rate {month} 0.25 --reason …`), or wait until there is a price"
    )]
    NoRate { month: Month, reason: String },
    #[error("the rate of {month} is {rate} USD for one SYNOR already, and does not change")]
    RateExists { month: Month, rate: Price },
    #[error(transparent)]
    Twap(#[from] TwapError),
    #[error(transparent)]
    OracleConfig(#[from] OracleConfigError),
    #[error("no price list is in force at {0}")]
    NoPriceList(Timestamp),
    #[error(transparent)]
    PriceList(#[from] PriceListError),
    #[error(transparent)]
    Pricing(#[from] PricingError),
    #[error(transparent)]
    Bill(#[from] BillError),
    #[error(transparent)]
    Promotion(#[from] PromotionError),
    #[error(transparent)]
    Commitment(Box<CommitmentError>),
    #[error(transparent)]
    Quota(#[from] QuotaError),
    #[error(transparent)]
    BudgetRefused(#[from] BudgetError),
    #[error(transparent)]
    Budget(#[from] BudgetExceeded),
    #[error(transparent)]
    TopUp(#[from] TopUpError),
    #[error(transparent)]
    AutoPayPolicy(#[from] AutoPayPolicyError),
    #[error(transparent)]
    Sla(#[from] SlaError),
    #[error(transparent)]
    Spot(Box<SpotError>),
    #[error(transparent)]
    Period(#[from] PeriodError),
    #[error(transparent)]
    Payment(#[from] PaymentError),
    #[error(transparent)]
    Prepaid(#[from] PrepaidError),
    #[error(transparent)]
    Settlement(#[from] SettlementError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Usage(#[from] UsageLogError),
    #[error(transparent)]
    Chain(#[from] ChainError),
}

fn rejections(rejected: &[Rejection]) -> String {
    match rejected {
        [] => "no event was accepted".to_owned(),
        [only] => format!("event {}: {}", only.index, only.event),
        [first, rest @ ..] => {
            format!(
                "event {}: {} (and {} more)",
                first.index,
                first.event,
                rest.len()
            )
        }
    }
}

impl From<MoneyError> for EngineError {
    fn from(error: MoneyError) -> Self {
        Self::Settlement(SettlementError::Money(error))
    }
}

// These two are larger than all others.
impl From<CommitmentError> for EngineError {
    fn from(error: CommitmentError) -> Self {
        Self::Commitment(Box::new(error))
    }
}

impl From<SpotError> for EngineError {
    fn from(error: SpotError) -> Self {
        Self::Spot(Box::new(error))
    }
}

impl From<CreditError> for EngineError {
    fn from(error: CreditError) -> Self {
        Self::Settlement(SettlementError::Credit(error))
    }
}

impl From<InvoiceError> for EngineError {
    fn from(error: InvoiceError) -> Self {
        Self::Settlement(SettlementError::Invoice(error))
    }
}

impl From<DistributionError> for EngineError {
    fn from(error: DistributionError) -> Self {
        Self::Settlement(SettlementError::Distribution(error))
    }
}

impl EngineError {
    /// Whether money was not spent because a rule says so, before anything was changed.
    pub(crate) const fn is_refusal(&self) -> bool {
        use HoldError::{Closed, Exceeded, Expiry, NotPositive};
        matches!(
            self,
            Self::Prepaid(
                PrepaidError::InsufficientBalance { .. }
                    | PrepaidError::NotPositive(_)
                    | PrepaidError::NoOpenHold(_)
                    | PrepaidError::Hold(
                        Closed { .. } | Exceeded { .. } | Expiry { .. } | NotPositive(_)
                    )
            )
        )
    }

    /// Whether a decision was made on what has changed meanwhile, so that deciding again may help.
    pub(crate) const fn is_conflict(&self) -> bool {
        matches!(self, Self::Store(StoreError::Conflict { .. }))
    }
}
