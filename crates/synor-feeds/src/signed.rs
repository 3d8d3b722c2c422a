//! Reports that someone signs: whoever serves them cannot change them, and a report for one oracle
//! is none for another.

use async_trait::async_trait;
use ed25519_dalek::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use synor_economics::oracle::report::PriceReport;
use synor_economics::oracle::{Price, PriceSource, Quote};
use synor_economics::period::Timestamp;

use crate::feed::{FeedError, PriceFeed};
use crate::http::Http;

/// A report as it is served.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SignedReport {
    /// USD for one SYNOR, as a decimal text.
    pub price: Price,
    /// The time that it is the price of, in Unix seconds.
    pub observed_at: Timestamp,
    /// The signature, in hexadecimal.
    pub signature: String,
}

/// Whose signature counts.
#[derive(Debug, Clone)]
pub enum Signer {
    /// The holder of an ed25519 key, who signs [`PriceReport::message`].
    Ed25519(VerifyingKey),
    /// The holder of an address of an EVM chain, who signs the report as EIP-712 typed data.
    #[cfg(feature = "evm")]
    Eip712(alloy_primitives::Address),
}

/// A signer's reports at a URL.
#[derive(Debug, Clone)]
pub struct OffChain {
    oracle_id: String,
    pair: String,
    url: String,
    signer: Signer,
    http: Http,
}

impl OffChain {
    /// The reports of a signer, of what `pair` names.
    pub const fn new(
        oracle_id: String,
        pair: String,
        url: String,
        signer: Signer,
        http: Http,
    ) -> Self {
        Self {
            oracle_id,
            pair,
            url,
            signer,
            http,
        }
    }

    /// The quote of a report, if it is signed as it must be.
    pub fn checked(&self, signed: &SignedReport) -> Result<Quote, FeedError> {
        let report = PriceReport {
            oracle_id: self.oracle_id.clone(),
            pair: self.pair.clone(),
            price: signed.price,
            observed_at: signed.observed_at,
        };
        let text = signed.signature.trim_start_matches("0x");
        let bytes = hex::decode(text).map_err(FeedError::malformed)?;
        self.signer.check(&report, &bytes)?;
        Ok(report.quote())
    }
}

impl Signer {
    fn check(&self, report: &PriceReport, signature: &[u8]) -> Result<(), FeedError> {
        let refused = || FeedError::Signature(report.oracle_id.clone());
        match self {
            Self::Ed25519(key) => {
                let signature = Signature::from_slice(signature).map_err(|_| refused())?;
                key.verify_strict(&report.message(), &signature)
                    .map_err(|_| refused())
            }
            #[cfg(feature = "evm")]
            Self::Eip712(address) => {
                let signature =
                    alloy_primitives::Signature::from_raw(signature).map_err(|_| refused())?;
                let hash = crate::evm::price_report_hash(report);
                match signature.recover_address_from_prehash(&hash) {
                    Ok(signer) if signer == *address => Ok(()),
                    _ => Err(refused()),
                }
            }
        }
    }
}

#[async_trait]
impl PriceFeed for OffChain {
    fn source(&self) -> PriceSource {
        PriceSource::OffChain {
            oracle_id: self.oracle_id.clone(),
        }
    }

    async fn quote(&self, _now: Timestamp) -> Result<Quote, FeedError> {
        let signed: SignedReport = self.http.get(&self.url).await?;
        self.checked(&signed)
    }
}
