//! The audit log: who changed what, from what to what. An entry is written in the commit of the change
//! itself, and is linked to the one before it, so that none can be altered, taken out or put in
//! without being noticed.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use synor_economics::id::AccountId;
use synor_economics::period::Timestamp;

use crate::actor::Actor;
use crate::digest;
use crate::document::{Document, Keys, Kind, StoredDocument};
use crate::error::StoreError;

/// From how many documents on a change is told by their digests alone: it is a run over many accounts,
/// and its documents are there to be read.
pub(crate) const TOLD_DOCUMENTS_MAX: usize = 32;

/// How many bytes of documents are told whole; larger ones by their digests.
const TOLD_BYTES_MAX: usize = 16 << 10;

/// The name of the one [`AuditHead`].
pub(crate) const HEAD_ID: &str = "audit";

/// What stands in the place of a secret.
const REDACTED: &str = "redacted";

/// A change, and who made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its place, from 1.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// The command that was committed.
    pub command: String,
    /// The accounts whose documents were changed, in order.
    pub accounts: Vec<AccountId>,
    /// The documents that were changed.
    pub changes: Vec<AuditChange>,
    /// The journal entries that were posted.
    pub entries: Vec<String>,
    /// The BLAKE3 link to the entry before, in hexadecimal.
    pub chain: String,
}

/// A document that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditChange {
    /// Its kind.
    pub kind: String,
    /// Its id.
    pub id: String,
    /// What it was; nothing if it is new or was not told.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<Value>,
    /// What it is now, if it is told.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub after: Option<Value>,
    /// The BLAKE3 digest of the row as it is now, in hexadecimal.
    pub digest: String,
}

/// The end of the audit log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditHead {
    /// The place of the last entry, 0 before the first.
    pub last: u64,
    /// Its link.
    pub chain: String,
}

impl AuditEntry {
    /// The link that this entry has after the one with this link.
    pub(crate) fn link_after(&self, before: &str) -> Result<String, serde_json::Error> {
        let bare = Self {
            chain: String::new(),
            ..self.clone()
        };
        let body = serde_json::to_string(&bare)?;
        let link = digest::chain_after(before.as_bytes(), self.sequence, &body);
        Ok(digest::hex(&link))
    }

    /// The entry in its place, and the new end of the log.
    pub(crate) fn placed(mut self, head: &AuditHead) -> Result<(Self, AuditHead), StoreError> {
        self.sequence = head.last.saturating_add(1);
        let link = self.link_after(&head.chain);
        self.chain = link.map_err(|e| StoreError::Corrupt {
            kind: Kind::AuditEntry.name(),
            id: self.sequence.to_string(),
            problem: e.to_string(),
        })?;
        let head = AuditHead {
            last: self.sequence,
            chain: self.chain.clone(),
        };
        Ok((self, head))
    }
}

/// How a change is told: whole, if it is not too large, and never with a secret.
pub(crate) fn change(
    after: &StoredDocument,
    digest: &digest::Digest,
    before: Option<&str>,
) -> AuditChange {
    let told = |body: &str| {
        let whole = (body.len() <= TOLD_BYTES_MAX).then(|| serde_json::from_str(body).ok());
        whole.flatten().map(redacted)
    };
    AuditChange {
        kind: after.kind.name().to_owned(),
        id: after.keys.id.clone(),
        before: before.and_then(told),
        after: told(&after.body),
        digest: digest::hex(digest),
    }
}

/// A value without what may be a secret, or the hash of one.
fn redacted(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| {
                let is_secret = ["secret", "password", "token", "hash"]
                    .iter()
                    .any(|word| name.contains(word));
                let value = match value {
                    Value::String(_) if is_secret => Value::from(REDACTED),
                    Value::Array(_) | Value::Object(_) if is_secret => Value::from(REDACTED),
                    other => redacted(other),
                };
                (name, value)
            });
            Value::Object(fields.collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(redacted).collect()),
        other => other,
    }
}

impl Document for AuditEntry {
    const KIND: Kind = Kind::AuditEntry;
    fn keys(&self) -> Keys {
        Keys {
            // So that the order of names is that of places.
            id: format!("{:020}", self.sequence),
            sort_key: i64::try_from(self.sequence).unwrap_or(i64::MAX),
            ..Keys::default()
        }
    }
}

impl Document for AuditHead {
    const KIND: Kind = Kind::AuditHead;
    fn keys(&self) -> Keys {
        Keys {
            id: HEAD_ID.to_owned(),
            ..Keys::default()
        }
    }
}

/// Follows the audit log from its first entry to its end.
#[derive(Debug, Default)]
pub(crate) struct AuditTrail {
    at: AuditHead,
    head: AuditHead,
}

impl AuditTrail {
    /// Takes in the next document of the log; what is wrong with it, if anything is.
    pub(crate) fn follow(&mut self, document: &StoredDocument) -> Option<String> {
        match document.kind {
            Kind::AuditEntry => self.entry(document).err(),
            Kind::AuditHead => {
                let head = serde_json::from_str(&document.body);
                head.map(|head| self.head = head)
                    .err()
                    .map(|e| e.to_string())
            }
            _ => None,
        }
    }

    fn entry(&mut self, document: &StoredDocument) -> Result<(), String> {
        let entry: AuditEntry = document.unpack().map_err(|e| e.to_string())?;
        let last = self.at.last;
        let link = entry.link_after(&self.at.chain);
        self.at = AuditHead {
            last: entry.sequence,
            chain: entry.chain.clone(),
        };
        if entry.sequence != last.saturating_add(1) {
            let sequence = entry.sequence;
            return Err(format!(
                "audit entry {sequence} follows entry {last}, so some are missing"
            ));
        }
        if link.map_err(|e| e.to_string())? != entry.chain {
            let sequence = entry.sequence;
            return Err(format!(
                "audit entry {sequence} is not what was written: the chain breaks here"
            ));
        }
        Ok(())
    }

    /// What is wrong with its end, if anything is.
    pub(crate) fn end(&self) -> Option<String> {
        let (found, noted) = (self.at.last, self.head.last);
        (self.at != self.head).then(|| {
            format!("the audit log ends with entry {found}, but {noted} is noted as its end")
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_are_told_to_nobody() {
        let key = json!({ "key_id": "key_1", "hash": "abc", "label": "hash", "nested":
            [{ "webhook_secret": "s", "smtp_password": ["p"], "amount": 5, "token_hash": "t" }] });
        let told = json!({ "key_id": "key_1", "hash": REDACTED, "label": "hash", "nested":
            [{ "webhook_secret": REDACTED, "smtp_password": REDACTED, "amount": 5,
               "token_hash": REDACTED }] });
        assert_eq!(redacted(key), told);
    }
}
