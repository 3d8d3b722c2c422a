//! What a group writes into the audit log: for every set that someone asked for, an entry that says
//! who, and what each document was before and is now.

use std::collections::BTreeSet;

use synor_economics::period::Timestamp;

use super::{Group, Key};
use crate::audit_log::{self, AuditEntry, AuditHead, HEAD_ID, TOLD_DOCUMENTS_MAX};
use crate::digest;
use crate::document::{Document, Kind, StoredDocument};
use crate::error::StoreError;
use crate::prepared::{Prepared, PreparedDocument};

/// The documents that must be known to tell of a set.
pub(super) fn asked(set: &Prepared) -> BTreeSet<Key> {
    if !is_told(set) {
        return BTreeSet::new();
    }
    let is_whole = set.documents.len() <= TOLD_DOCUMENTS_MAX;
    let changed = set.documents.iter().filter(|_| is_whole);
    let changed = changed.map(|put| (put.document.kind, put.document.keys.id.clone()));
    changed
        .chain([(Kind::AuditHead, HEAD_ID.to_owned())])
        .collect()
}

/// Whether someone asked for it, and it changes something: an answer that is kept does not.
fn is_told(set: &Prepared) -> bool {
    let has_entries = set
        .entries
        .as_ref()
        .is_ok_and(|entries| !entries.is_empty());
    set.actor.is_some() && (has_entries || !set.documents.is_empty())
}

impl Group {
    /// The log's new entry and its new end, if someone asked for the set.
    pub(super) fn told(&self, set: &Prepared) -> Result<Option<[PreparedDocument; 2]>, StoreError> {
        let Some(actor) = set.actor.clone().filter(|_| is_told(set)) else {
            return Ok(None);
        };
        let accounts = set.documents.iter();
        let accounts: BTreeSet<_> = accounts
            .filter_map(|put| put.document.keys.account.clone())
            .collect();
        let entries = set.entries.iter().flatten();
        let entry = AuditEntry {
            sequence: 0,
            at: Timestamp::from_secs(set.at_secs),
            actor,
            command: set.command.clone(),
            accounts: accounts.into_iter().collect(),
            changes: self.changes(&set.documents),
            entries: entries.map(|entry| entry.entry_id.clone()).collect(),
            chain: String::new(),
        };
        let (entry, head) = entry.placed(&self.audit_head()?)?;
        Ok(Some([packed(&entry)?, packed(&head)?]))
    }

    fn changes(&self, documents: &[PreparedDocument]) -> Vec<audit_log::AuditChange> {
        let is_whole = documents.len() <= TOLD_DOCUMENTS_MAX;
        let told = documents.iter().filter(|put| {
            // A session is told of by who acts.
            put.document.kind != Kind::Session
        });
        told.map(|put| {
            let mut change = audit_log::change(&put.document, &put.digest, self.before(put));
            if !is_whole {
                (change.before, change.after) = (None, None);
            }
            change
        })
        .collect()
    }

    /// What a document was before this set.
    fn before(&self, put: &PreparedDocument) -> Option<&str> {
        let key = (put.document.kind, put.document.keys.id.clone());
        self.body(&key)
    }

    fn body(&self, key: &Key) -> Option<&str> {
        let changed = self.documents.get(key).map(|put| &put.document.body);
        changed
            .or_else(|| self.known.documents.get(key))
            .map(String::as_str)
    }

    fn audit_head(&self) -> Result<AuditHead, StoreError> {
        let Some(body) = self.body(&(Kind::AuditHead, HEAD_ID.to_owned())) else {
            return Ok(AuditHead::default());
        };
        serde_json::from_str(body).map_err(|e| StoreError::Corrupt {
            kind: Kind::AuditHead.name(),
            id: HEAD_ID.to_owned(),
            problem: e.to_string(),
        })
    }
}

fn packed<D: Document>(document: &D) -> Result<PreparedDocument, StoreError> {
    let document = StoredDocument::pack(document)?;
    Ok(PreparedDocument {
        digest: digest::of_document(&document),
        document,
    })
}
