//! The domain of Synor Economics: what usage is, what it costs, who owes and who earned it.
//!
//! Nothing here does I/O, reads a clock or awaits. Facts come in as arguments, decisions go out as
//! values.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::float_arithmetic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss
)]
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)
)]

pub mod account;
pub mod billing;
pub mod budget;
pub mod calculator;
pub mod distribution;
mod exact;
mod fraction;
pub mod id;
pub mod metering;
pub mod money;
pub mod notification;
pub mod oracle;
pub mod period;
pub mod plan;
pub mod pricing;
pub mod quantity;
pub mod quota;
pub mod sla;
mod wire;
