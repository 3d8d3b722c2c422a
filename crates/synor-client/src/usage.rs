//! What a service records, and the CloudEvent that it becomes.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Serialize;
use uuid::Uuid;

/// Something that was used.
///
/// ```
/// use synor_client::Usage;
/// let usage = Usage::new("acme", "storage.retrieval", 5, "GB").provider("op-nyc");
/// assert_eq!(usage.quantity, "5");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// Whose usage it is.
    pub account: String,
    /// What was used: `network.egress`.
    pub resource: String,
    /// How much: a plain decimal number in `unit`.
    pub quantity: String,
    /// The unit of the quantity; the resource's base unit if absent.
    pub unit: Option<String>,
    /// When, in RFC 3339; when it was recorded if absent.
    pub time: Option<String>,
    /// The operator that did the work.
    pub provider: Option<String>,
    /// Anything else that tells usage apart.
    pub dimensions: BTreeMap<String, String>,
    /// Marks an event that may reduce.
    pub correction: bool,
    /// The event's name at its source, where it has one; otherwise one is made.
    pub id: Option<String>,
    /// Who reports it, where it is not the client's own source.
    pub source: Option<String>,
}

impl Usage {
    /// So much of a resource, used by an account now.
    pub fn new(
        account: impl Into<String>,
        resource: impl Into<String>,
        quantity: impl ToString,
        unit: impl Into<String>,
    ) -> Self {
        Self {
            account: account.into(),
            resource: resource.into(),
            quantity: quantity.to_string(),
            unit: Some(unit.into()),
            time: None,
            provider: None,
            dimensions: BTreeMap::new(),
            correction: false,
            id: None,
            source: None,
        }
    }

    /// Used at this time.
    pub fn at(mut self, time: SystemTime) -> Self {
        self.time = Some(rfc3339(time));
        self
    }

    /// Served by this operator.
    pub fn provider(mut self, provider: impl Into<String>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// Told apart by this dimension.
    pub fn dimension(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.dimensions.insert(name.into(), value.into());
        self
    }

    /// The CloudEvent, one line of JSON. What has no id or time yet gets it here, once.
    pub(crate) fn into_line(self, source: &str) -> Result<String, serde_json::Error> {
        let id = self.id.unwrap_or_else(|| Uuid::now_v7().to_string());
        let time = self.time.unwrap_or_else(|| rfc3339(SystemTime::now()));
        serde_json::to_string(&CloudEvent {
            specversion: "1.0",
            id: &id,
            source: self.source.as_deref().unwrap_or(source),
            kind: &self.resource,
            subject: &self.account,
            time: &time,
            data: Data {
                quantity: &self.quantity,
                unit: self.unit.as_deref(),
                provider: self.provider.as_deref(),
                dimensions: &self.dimensions,
                correction: self.correction,
            },
        })
    }
}

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    subject: &'a str,
    time: &'a str,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    quantity: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    dimensions: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    correction: bool,
}

/// A time to the second; one that no calendar has is the epoch, which the server refuses by name.
fn rfc3339(time: SystemTime) -> String {
    let time = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{time:.0}")
}
