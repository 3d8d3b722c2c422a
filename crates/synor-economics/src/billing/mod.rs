//! Billing: invoices, what pays for them, and the journal that proves it.

pub mod auto_pay;
pub mod bill;
pub mod credit;
pub mod credit_note;
pub mod credit_statement;
pub mod draft;
pub mod dunning;
pub mod focus;
pub mod hold;
pub mod invoice;
pub mod ledger;
pub mod line_item;
pub mod number;
pub mod payment;
pub mod prepaid;
mod service_spend;
pub mod settlement;
pub mod settlement_corrections;
pub mod settlement_holds;
pub mod status;
pub mod tax;
pub mod top_up;

pub use auto_pay::{AutoPayPause, AutoPayPolicy, AutoPayPolicyError};
pub use bill::{BillError, BillFacts, bill};
pub use credit::{CreditEntry, CreditError, CreditManager, CreditSource, CreditUse};
pub use credit_note::{
    CreditNote, CreditNoteCause, CreditNoteLine, CreditNoteTax, NewCreditNote, RefundTo,
};
pub use credit_statement::{CreditExpiry, CreditLine, CreditMove, CreditStatement, expire};
pub use draft::Draft;
pub use dunning::{Dunned, DunningError, DunningSchedule, FinalStep, Reminder};
pub use focus::{ChargeCategory, FOCUS_COLUMNS, FocusBill, FocusError, FocusRow};
pub use hold::{HOLD_SECS_MAX, Hold, HoldError, HoldMove, HoldStatus, NewHold};
pub use invoice::{AppliedDiscount, DiscountType, Fee, Invoice, InvoiceError};
pub use ledger::{JournalEntry, LedgerAccount, LedgerError, Posting};
pub use line_item::{LineItem, ServedBy};
pub use number::{CreditNoteNumber, InvoiceNumber};
pub use payment::{
    AutoPayConfig, ConfirmationPolicy, Deposit, Payment, PaymentError, PaymentProcessor,
    PaymentRequest, PaymentResult, PaymentStatus, PaymentTarget,
};
pub use prepaid::{PrepaidError, PrepaidManager};
pub use service_spend::service_spend;
pub use status::InvoiceStatus;
pub use tax::{
    TaxChange, TaxError, TaxLine, TaxRate, TaxTreatment, tax_added, tax_lines, tax_total, taxes_in,
};
pub use top_up::{LastTopUp, TopUpConfig, TopUpDecision, TopUpError};
