//! The binary `synor` from outside: real processes on real folders, over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that fails panics"
)]

mod access;
mod backup;
mod bad_input;
mod bad_input_http;
mod browser;
mod commands;
mod common;
mod concurrency;
mod corrections;
mod cost;
mod crash;
mod endpoints;
#[cfg(feature = "evm")]
mod evm;
mod focus;
mod holds;
mod invoice_life;
mod ledger;
mod limits;
mod nodes;
mod notifications;
mod openmeter;
mod operating;
mod oracle;
mod quotas;
mod real_bill;
mod send;
mod spot;
#[cfg(feature = "redis")]
mod streams;
mod tamper;
mod usage_export;
mod usage_series;
