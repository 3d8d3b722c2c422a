//! Billing: invoices, what pays for them, and the journal that proves it.

pub mod auto_pay;
pub mod bill;
pub mod credit;
pub mod credit_statement;
pub mod invoice;
pub mod ledger;
pub mod line_item;
pub mod payment;
pub mod prepaid;
mod service_spend;
pub mod settlement;
pub mod top_up;

pub use auto_pay::{AutoPayPause, AutoPayPolicy, AutoPayPolicyError};
pub use bill::{BillError, BillFacts, bill};
pub use credit::{CreditEntry, CreditError, CreditManager, CreditSource, CreditUse};
pub use credit_statement::{CreditExpiry, CreditLine, CreditMove, CreditStatement, expire};
pub use invoice::{
    AppliedDiscount, DiscountType, Draft, Fee, Invoice, InvoiceError, InvoiceNumber, InvoiceStatus,
};
pub use ledger::{JournalEntry, LedgerAccount, LedgerError, Posting};
pub use line_item::{LineItem, ServedBy};
pub use payment::{
    AutoPayConfig, ConfirmationPolicy, Deposit, Payment, PaymentError, PaymentProcessor,
    PaymentRequest, PaymentResult, PaymentStatus, PaymentTarget,
};
pub use prepaid::{PrepaidError, PrepaidManager};
pub use service_spend::service_spend;
pub use top_up::{LastTopUp, TopUpConfig, TopUpDecision, TopUpError};
