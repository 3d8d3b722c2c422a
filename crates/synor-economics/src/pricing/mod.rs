//! Pricing: price lists that people write, and the rating of usage by them.

mod model;
mod price_list;
mod price_unit;
mod rate;
mod raw_price;

pub use model::{Charge, Cost, Model, PackageRounding, Step, Tier};
pub use price_list::{Price, PriceList, PriceListError};
pub use price_unit::PriceUnit;
pub use rate::{PricingError, rate_usage};
