//! The one HTTP client of all sources: with TLS, without redirects, and never reading more than a
//! stated size, so that a source that lies cannot also fill the memory.

use std::time::Duration;

use serde::de::DeserializeOwned;

use crate::feed::FeedError;

/// The largest answer that is read, in bytes.
pub const BODY_MAX_BYTES: usize = 256 * 1024;

/// An HTTP client for sources.
#[derive(Debug, Clone)]
pub struct Http {
    client: reqwest::Client,
}

impl Http {
    /// A client that gives up on a request after `timeout`.
    pub fn new(timeout: Duration) -> Result<Self, FeedError> {
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("synor/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(unreachable)?;
        Ok(Self { client })
    }

    /// What is at a URL, read as JSON.
    pub async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, FeedError> {
        let sent = self.client.get(url).send().await;
        read(sent.map_err(unreachable)?).await
    }

    /// What a URL answers to a body of JSON, read as JSON.
    #[cfg(feature = "evm")]
    pub async fn post<T: DeserializeOwned>(
        &self,
        url: &str,
        body: &serde_json::Value,
    ) -> Result<T, FeedError> {
        let request = self
            .client
            .post(url)
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(body.to_string());
        read(request.send().await.map_err(unreachable)?).await
    }
}

async fn read<T: DeserializeOwned>(mut answer: reqwest::Response) -> Result<T, FeedError> {
    let status = answer.status();
    if !status.is_success() {
        return Err(FeedError::Status(status.as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > BODY_MAX_BYTES {
            return Err(FeedError::TooLong(BODY_MAX_BYTES));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body).map_err(FeedError::malformed)
}

/// Without the URL, which may carry a key.
fn unreachable(error: reqwest::Error) -> FeedError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    FeedError::Unreachable(text)
}
