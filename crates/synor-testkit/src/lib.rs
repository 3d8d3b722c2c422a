//! What tests of several crates need. Nothing of the product depends on it.

pub mod evm;
pub mod postgres;
