//! A signed price report: what is signed, word for word, so that a signature for one oracle, pair
//! or time is none for another.

use serde::{Deserialize, Serialize};

use super::price::Price;
use super::price_feed::Quote;
use crate::period::Timestamp;

/// What an off-chain oracle says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PriceReport {
    /// Who says it.
    pub oracle_id: String,
    /// Of what: `SYNOR/USD`.
    pub pair: String,
    /// USD for one SYNOR.
    pub price: Price,
    /// The time that it is the price of.
    pub observed_at: Timestamp,
}

impl PriceReport {
    /// The bytes that an ed25519 signature is over.
    ///
    /// ```
    /// use synor_economics::oracle::report::PriceReport;
    /// use synor_economics::period::Timestamp;
    /// let report = PriceReport {
    ///     oracle_id: "acme".into(),
    ///     pair: "SYNOR/USD".into(),
    ///     price: "0.25".parse()?,
    ///     observed_at: Timestamp::from_secs(1_767_225_600),
    /// };
    /// let text = "synor price report 1\nacme\nSYNOR/USD\n0.25\n1767225600";
    /// assert_eq!(report.message(), text.as_bytes());
    /// # Ok::<(), synor_economics::oracle::PriceError>(())
    /// ```
    pub fn message(&self) -> Vec<u8> {
        // A name with a line break is refused in the configuration, so that lines cannot be moved.
        format!(
            "synor price report 1\n{}\n{}\n{}\n{}",
            self.oracle_id,
            self.pair,
            self.price,
            self.observed_at.secs()
        )
        .into_bytes()
    }

    /// The report as a quote.
    pub const fn quote(&self) -> Quote {
        Quote {
            price: self.price,
            observed_at: self.observed_at,
            volume_24h: None,
        }
    }
}
