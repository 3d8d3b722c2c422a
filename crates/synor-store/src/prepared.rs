//! A change set with everything that can be worked out before the book is asked, so that the one
//! writer, for whom all others wait, has the least to do.

use synor_economics::billing::{JournalEntry, LedgerAccount};
use synor_economics::money::MicroSynor;

use crate::change_set::{ChangeSet, Scope};
use crate::digest::{self, Digest};
use crate::document::StoredDocument;
use crate::error::StoreError;
use crate::lane::Lane;

/// From how many documents and entries on a change set is prepared on a thread of its own, because
/// it would hold up other futures.
const APART_MIN: usize = 32;

/// A change set, ready to be decided.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) command: String,
    pub(crate) request: Digest,
    pub(crate) expects: Vec<(String, u64)>,
    pub(crate) lane: Option<Lane>,
    pub(crate) documents: Vec<PreparedDocument>,
    /// The entries; or why they cannot be posted, which is only said if it comes to posting them.
    pub(crate) entries: Result<Vec<PreparedEntry>, String>,
    pub(crate) reply: serde_json::Value,
    pub(crate) reply_text: String,
    pub(crate) at_secs: i64,
}

/// A document and the digest of its row.
#[derive(Debug)]
pub(crate) struct PreparedDocument {
    pub(crate) document: StoredDocument,
    pub(crate) digest: Digest,
}

/// An entry as it is written, and what it moves.
#[derive(Debug)]
pub(crate) struct PreparedEntry {
    pub(crate) entry_id: String,
    pub(crate) body: String,
    pub(crate) postings: Vec<(LedgerAccount, MicroSynor)>,
}

impl Prepared {
    /// Prepares a change set, beside other work if there is much to do.
    pub(crate) async fn of(changes: ChangeSet) -> Result<Self, StoreError> {
        let size = changes
            .documents
            .len()
            .saturating_add(changes.entries.len());
        if size < APART_MIN {
            return Ok(Self::new(changes));
        }
        let prepared = tokio::task::spawn_blocking(|| Self::new(changes)).await;
        prepared.map_err(|_| StoreError::Closed)
    }

    fn new(changes: ChangeSet) -> Self {
        let documents = changes
            .documents
            .into_iter()
            .map(|document| PreparedDocument {
                digest: digest::of_document(&document),
                document,
            });
        let scope = |(scope, version): (&Scope, &u64)| (scope.to_string(), *version);
        Self {
            request: digest::of_request(&changes.request),
            lane: changes.lane,
            expects: changes.expects.iter().map(scope).collect(),
            documents: documents.collect(),
            entries: changes.entries.into_iter().map(prepared).collect(),
            reply_text: changes.reply.to_string(),
            reply: changes.reply,
            at_secs: changes.at.secs(),
            command: changes.command,
        }
    }
}

fn prepared(entry: JournalEntry) -> Result<PreparedEntry, String> {
    entry.check().map_err(|e| e.to_string())?;
    let postings = entry.postings.iter();
    Ok(PreparedEntry {
        entry_id: entry.entry_id.to_string(),
        body: serde_json::to_string(&entry).map_err(|e| e.to_string())?,
        postings: postings
            .map(|p| (p.account.clone(), p.amount_micro_synor))
            .collect(),
    })
}
