//! The book of record: documents (accounts, invoices, credits, payments …) and the journal, behind
//! one seam. Many reads, one write: a [`ChangeSet`] lands whole or not at all.

mod actor;
mod api_key;
mod audit;
mod audit_log;
mod change_set;
pub mod conformance;
mod digest;
mod document;
mod error;
mod group;
mod hold;
mod invoicing;
mod lane;
mod lease;
mod limits;
mod memory;
mod notifications;
mod oracle;
#[cfg(feature = "postgres")]
mod postgres;
mod prepared;
mod session;
mod spot;
mod sqlite;
mod store;
mod transfer;

pub use actor::{Actor, ActorKind};
pub use api_key::{Access, ApiKey, RateLimit, Role};
pub use audit_log::{AuditChange, AuditEntry, AuditHead};
pub use change_set::{ChangeSet, Committed, Scope};
pub use document::{
    Counter, Deduction, Document, Keys, Kind, PriceListRecord, Referral, StoredDocument,
};
pub use error::StoreError;
pub use invoicing::Suspension;
pub use lane::{Landing, Lane};
pub use lease::Lease;
pub use limits::SpendTally;
pub use memory::MemoryStore;
pub use notifications::{
    Attempt, BillingContact, Delivery, DeliveryQueue, DeliveryState, Destination, OutboxMessage,
    PreviousSecret, WebhookEndpoint,
};
pub use oracle::{ORACLE_HOUR_SECS, ORACLE_HOURS_KEPT, OracleHour, OracleState, PeriodRate};
#[cfg(feature = "postgres")]
pub use postgres::{POSTGRES_SCHEMA, PostgresStore};
pub use session::Session;
pub use spot::{
    SpotAsk, SpotBid, SpotClearing, SpotInterruption, SpotMarket, spot_interval_id, spot_market_id,
};
pub use sqlite::{SqliteStore, snapshot_sqlite};
pub use store::{
    AccountRecords, BookCheck, Cursor, JournalLine, ListQuery, Page, RecordsQuery, Store,
};
pub use transfer::{BookPart, BookRow, copy_book};
