//! The cost calculator: what usage would cost, by the engine that makes the invoices.
//!
//! `flag` reads quantities as people type them, `collect` sums up the events of a file,
//! `estimator` bills them under any prices, plan and commitment, `commitment` says from which
//! spending on a commitment pays, `forecast` projects a month from its days, `spend` tells what each
//! day cost.

mod collect;
mod commitment;
mod estimator;
mod flag;
mod forecast;
mod spend;

pub use collect::{months_of, usage_of};
pub use commitment::{CommitmentCost, break_even};
pub use estimator::{CostEstimator, Estimate, EstimateError, PlanCost, nobody, usd};
pub use flag::{FLAGS, FlagError, Form, UsageFlag, UsageInput, usage_by_flag};
pub use forecast::{Projection, Rest, project};
pub use spend::spend_by_day;
