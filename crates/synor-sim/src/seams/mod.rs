//! The seams between the engine and what it works on, with faults and bugs in them.

mod book;
mod chain;
mod log;

pub use book::SimBook;
pub use chain::SimChain;
pub use log::SimLog;
