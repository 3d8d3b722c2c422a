//! Billing: invoices, what pays for them, and the journal that proves it.

pub mod bill;
pub mod credit;
pub mod hold;
pub mod invoice;
pub mod ledger;
pub mod line_item;
pub mod payment;
pub mod prepaid;
pub mod settlement;
pub mod settlement_holds;

pub use bill::{BillError, BillFacts, bill};
pub use credit::{CreditEntry, CreditError, CreditManager, CreditSource, CreditUse};
pub use hold::{HOLD_SECS_MAX, Hold, HoldError, HoldMove, HoldStatus, NewHold};
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
