//! Pricing: price lists that people write, and the rating of usage by them.

pub mod discounts;
mod model;
mod price_list;
mod price_unit;
pub mod promotion;
mod rate;
mod raw_price;
pub mod reserved;
pub mod spot;

pub use model::{Charge, Cost, Model, PackageRounding, Step, Tier};
pub use price_list::{Price, PriceList, PriceListError, VolumeDiscount};
pub use price_unit::PriceUnit;
pub use rate::{PricingError, Rated, Segment, rate_segments, rate_usage};
