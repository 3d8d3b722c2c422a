//! The demonstration's data: a plausible month, the same on every machine.

mod month;

pub use month::{DemoMonth, demo_month};
