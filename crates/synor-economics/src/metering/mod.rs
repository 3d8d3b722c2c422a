//! Metering: what can be used, in which units, and how events become quantities.
//!
//! One file per meter says what it measures; `event` is what a service reports, `level` integrates
//! what is held over time, `summary` is what an invoice is made of.

pub mod compute;
pub mod database;
pub mod event;
pub mod hosting;
pub mod level;
pub mod network;
pub mod storage;
pub mod summary;
pub mod unit;

mod event_text;
mod resource;

pub use event::{EventError, EventId, RawEvent, UsageEvent};
pub use event_text::{EventText, QuantityText};
pub use resource::{Measure, ResourceSpec, ResourceType, ServiceType, UnknownResource};
pub use summary::{Dimensions, UsageKey, UsageRow, UsageSummary};
pub use unit::{BaseUnit, MeteringUnit, UnitError};
