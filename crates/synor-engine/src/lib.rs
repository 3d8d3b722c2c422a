//! What the system does, one file a use case. Each gathers what it needs, lets the domain decide,
//! and commits the decision; this crate owns the clock and the order of things, and no rule.

mod access;
mod accounts;
mod answer_once;
mod audit_log;
mod auto_pay;
mod budgets;
mod charging;
mod clock;
mod close_due;
mod close_period;
mod commitments;
mod corrections;
mod credit_life;
mod credit_notes;
mod credits;
mod deduct;
mod deposit;
mod distribution;
mod draft;
mod dunning;
mod engine;
mod error;
mod estimate;
mod follow_chain;
mod holds;
mod incidents;
mod ingest;
mod job_record;
mod jobs;
mod key_life;
mod leases;
mod ledger;
mod nodes;
mod notify;
mod oracle;
mod overdue;
mod pay;
mod plans;
mod price_lists;
mod promotions;
mod quotas;
mod readiness;
mod referrals;
mod refunds;
mod sessions;
mod spend;
mod spot;
mod taxes;
mod till;
mod top_up;
mod verify;
mod verify_corrections;
mod verify_limits;
mod void_invoice;
mod watch_jobs;
mod write_off;

pub use access::{Caller, KeyOrder, NewKey, new_secret};
pub use accounts::NewAccount;
pub use answer_once::{Answered, Asked};
pub use audit_log::{AuditPart, AuditQuery};
pub use auto_pay::{AutoPayCharge, AutoPayOrder, ChargeFailure, ChargeState};
pub use budgets::{BudgetState, NewBudget};
pub use clock::{Clock, SystemClock};
pub use close_period::{CLOSED_LISTED_MAX, ClosedInvoice, ClosedPeriod, FailedAccount};
pub use commitments::NewCommitment;
pub use corrections::{CORRECTION_MAX, Corrected, Correction};
pub use credit_notes::{NewInvoiceCredit, NewRefund};
pub use credits::{Balance, NewCredit};
pub use deduct::{DeductResult, Sufficiency};
pub use deposit::{DepositState, NewDeposit};
pub use distribution::{DistributionTotals, OperatorTotal};
pub use dunning::DunningRun;
pub use engine::{BillingKey, Engine, EngineConfig};
pub use error::EngineError;
pub use estimate::{
    Asker, CostEstimate, EstimateRequest, Forecast, RepricedAccount, RerateRequest, Rerated,
    UsageBill,
};
pub use holds::{CaptureOrder, CaptureResult, HOLD_SECS_DEFAULT, HoldOrder, HoldResult};
pub use incidents::{IncidentState, NewIncident};
pub use ingest::{Admitted, IngestBatch, Ingested, KnownEvent, Rejection};
pub use job_record::JobRuns;
pub use key_life::{OVERLAP_SECS_MAX, ShownKey};
pub use ledger::{
    JournalPages, LedgerExport, LedgerFormat, PostedIn, Statement, StatementCursor, StatementLine,
    StatementQuery, TrialBalance, TrialRow,
};
pub use nodes::JobLease;
pub use notify::{
    EndpointChange, Mail, Messenger, NewEndpoint, Outcome, ROTATION_OVERLAP_SECS, WebhookPost,
};
pub use oracle::{NewRate, OracleConfig, OracleConfigError, OraclePrice, TwapKind};
pub use pay::InvoicePayment;
pub use plans::NewPlan;
pub use quotas::{NewQuota, QuotaState, QuotaTurn};
pub use readiness::{PartState, Readiness};
pub use refunds::{RefundStatus, RefundTransfer};
pub use sessions::{NewSession, SESSION_IDLE_SECS_MAX, SESSION_SECS_MAX, csrf_token};
pub use spend::DailySpend;
pub use spot::{NewSpotOrder, SPOT_INTERVAL_SECS_MAX, SPOT_INTERVAL_SECS_MIN, SpotPrices};
pub use top_up::{NewTopUp, TopUp, TopUpEnd, TopUpState};
pub use verify::Verification;
