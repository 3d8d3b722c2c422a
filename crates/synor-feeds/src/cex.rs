//! The ticker of an exchange. Which exchange is configuration: a URL, and where in its JSON the
//! price, the volume and the time are.

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use synor_economics::money::{Exact, MICRO_PER_SYNOR, MicroSynor, settle};
use synor_economics::oracle::{PriceSource, Quote};
use synor_economics::period::Timestamp;

use crate::feed::{FeedError, PriceFeed};
use crate::http::Http;

/// How an exchange writes the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeFormat {
    /// Unix seconds.
    #[default]
    Seconds,
    /// Unix milliseconds.
    Milliseconds,
    /// RFC 3339.
    Rfc3339,
}

/// Where in a ticker's JSON what we need is, as JSON pointers (RFC 6901): `/result/SYNORUSD/c/0`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TickerMapping {
    /// The last price, in USD for one SYNOR.
    pub price: String,
    /// How much was traded in 24 hours, in SYNOR.
    #[serde(default)]
    pub volume: Option<String>,
    /// The time of the ticker. Without it the ticker counts as of now, however old it is.
    #[serde(default)]
    pub time: Option<String>,
    /// How the time is written.
    #[serde(default)]
    pub time_format: TimeFormat,
}

/// An exchange's ticker.
#[derive(Debug, Clone)]
pub struct Cex {
    exchange: String,
    url: String,
    mapping: TickerMapping,
    http: Http,
}

impl Cex {
    /// The ticker at a URL.
    pub fn new(exchange: String, url: String, mapping: TickerMapping, http: Http) -> Self {
        Self {
            exchange,
            url,
            mapping,
            http,
        }
    }
}

#[async_trait]
impl PriceFeed for Cex {
    fn source(&self) -> PriceSource {
        PriceSource::Cex {
            exchange: self.exchange.clone(),
            api_endpoint: without_query(&self.url).to_owned(),
        }
    }

    async fn quote(&self, now: Timestamp) -> Result<Quote, FeedError> {
        let ticker: Value = self.http.get(&self.url).await?;
        self.mapping.read(&ticker, now)
    }
}

/// A query may carry a key.
fn without_query(url: &str) -> &str {
    url.split_once('?').map_or(url, |(path, _)| path)
}

impl TickerMapping {
    /// What a ticker says.
    pub fn read(&self, ticker: &Value, now: Timestamp) -> Result<Quote, FeedError> {
        let price = number_at(ticker, &self.price)?.parse()?;
        let volume_24h = match &self.volume {
            None => None,
            Some(pointer) => Some(micro_synor(&number_at(ticker, pointer)?)?),
        };
        let observed_at = match &self.time {
            None => now,
            Some(pointer) => self.time_format.read(&number_at(ticker, pointer)?)?,
        };
        Ok(Quote {
            price,
            observed_at,
            volume_24h,
        })
    }
}

/// The text of the number or string at a place. A number is taken by its shortest decimals, which
/// are those that the exchange wrote, up to the seventeen that a reader of JSON keeps.
fn number_at(ticker: &Value, pointer: &str) -> Result<String, FeedError> {
    match ticker.pointer(pointer) {
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(_) => Err(FeedError::malformed(format!("{pointer} is not a number"))),
        None => Err(FeedError::malformed(format!("there is no {pointer} in it"))),
    }
}

fn micro_synor(volume: &str) -> Result<MicroSynor, FeedError> {
    let wrong = |error| FeedError::malformed(format!("volume: {error}"));
    let exact = Exact::parse_decimal(volume).map_err(wrong)?;
    let scale = Exact::from_integer(i128::from(MICRO_PER_SYNOR));
    let micro = exact.checked_mul(scale).and_then(settle).map_err(wrong)?;
    if micro.is_negative() {
        return Err(FeedError::malformed("volume: it is below zero"));
    }
    Ok(micro)
}

impl TimeFormat {
    fn read(self, text: &str) -> Result<Timestamp, FeedError> {
        let wrong = || FeedError::malformed(format!("`{text}` is not a time"));
        // Some write fractions of a second.
        let whole = text.split_once('.').map_or(text, |(whole, _)| whole);
        match self {
            Self::Seconds => whole.parse().map(Timestamp::from_secs).map_err(|_| wrong()),
            Self::Milliseconds => {
                let millis: i64 = whole.parse().map_err(|_| wrong())?;
                Ok(Timestamp::from_secs(millis.div_euclid(1_000)))
            }
            Self::Rfc3339 => Timestamp::parse(text).map_err(|_| wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

    fn mapping(
        price: &str,
        volume: Option<&str>,
        time: Option<(&str, TimeFormat)>,
    ) -> TickerMapping {
        TickerMapping {
            price: price.to_owned(),
            volume: volume.map(str::to_owned),
            time: time.map(|(pointer, _)| pointer.to_owned()),
            time_format: time.map(|(_, format)| format).unwrap_or_default(),
        }
    }

    /// The shapes of the tickers that Kraken, Coinbase and Binance document.
    #[test]
    fn tickers_of_several_shapes() {
        let kraken = json!({"error": [], "result": {"SYNORUSD": {"c": ["0.25120", "100"], "v": ["1", "1234.5"]}}});
        let read = mapping("/result/SYNORUSD/c/0", Some("/result/SYNORUSD/v/1"), None);
        let quote = read.read(&kraken, NOW).unwrap();
        assert_eq!((quote.price.micro_usd(), quote.observed_at), (251_200, NOW));
        assert_eq!(quote.volume_24h, Some(MicroSynor::new(1_234_500_000)));

        let coinbase =
            json!({"price": "0.2513", "volume": "9.87654321", "time": "2026-01-01T00:00:00.123Z"});
        let time = Some(("/time", TimeFormat::Rfc3339));
        let quote = mapping("/price", Some("/volume"), time)
            .read(&coinbase, NOW)
            .unwrap();
        assert_eq!(quote.observed_at.secs(), 1_767_225_600);
        assert_eq!(quote.volume_24h, Some(MicroSynor::new(9_876_543)));

        let binance = json!({"lastPrice": 0.2514, "closeTime": 1_767_225_599_999_u64});
        let time = Some(("/closeTime", TimeFormat::Milliseconds));
        let quote = mapping("/lastPrice", None, time)
            .read(&binance, NOW)
            .unwrap();
        assert_eq!(quote.price.to_string(), "0.2514");
        assert_eq!(quote.observed_at.secs(), 1_767_225_599);
    }

    #[test]
    fn what_is_not_there_or_no_number_is_refused() {
        let cases = [
            (json!({}), "there is no /p"),
            (json!({"p": null}), "/p is not a number"),
            (json!({"p": "abc"}), "not a plain decimal"),
            (json!({"p": 0}), "above zero"),
            (json!({"p": "-1"}), "above zero"),
            (json!({"p": "1", "v": "many"}), "volume"),
            (json!({"p": "1", "v": "-1"}), "below zero"),
            (json!({"p": "1", "v": "1", "t": "soon"}), "not a time"),
        ];
        let read = mapping("/p", Some("/v"), Some(("/t", TimeFormat::Seconds)));
        for (ticker, why) in cases {
            let error = read.read(&ticker, NOW).unwrap_err().to_string();
            assert!(error.contains(why), "{ticker}: {error}");
        }
    }
}
