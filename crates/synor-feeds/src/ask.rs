//! A round: all sources at once, each for as long as any.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use synor_economics::oracle::Answer;
use synor_economics::period::Timestamp;

use crate::feed::{FeedError, PriceFeed};

/// A source with the name that the operator gave it.
#[derive(Clone)]
pub struct NamedFeed {
    /// Its name.
    pub name: String,
    /// The source.
    pub feed: Arc<dyn PriceFeed>,
}

impl std::fmt::Debug for NamedFeed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.name, self.feed.source())
    }
}

/// Asks all sources at once; each answers within `timeout` or not at all. The answers are in the
/// order of the sources.
pub async fn ask_all(feeds: &[NamedFeed], now: Timestamp, timeout: Duration) -> Vec<Answer> {
    let asked = feeds.iter().map(|named| async move {
        let quote = tokio::time::timeout(timeout, named.feed.quote(now)).await;
        let quote = quote.unwrap_or(Err(FeedError::Timeout(timeout.as_millis())));
        Answer {
            name: named.name.clone(),
            source: named.feed.source(),
            quote: quote.map_err(|error| error.to_string()),
        }
    });
    join_all(asked).await
}
