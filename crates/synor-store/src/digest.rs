//! The digests that prove that what is read from the book is what was written.

use crate::document::StoredDocument;

/// A BLAKE3 digest.
pub(crate) type Digest = [u8; 32];

/// The digest of what a command was asked to do.
pub(crate) fn of_request(request: &str) -> Digest {
    *blake3::hash(request.as_bytes()).as_bytes()
}

/// The digest of everything in a document's row.
pub(crate) fn of_document(document: &StoredDocument) -> Digest {
    let mut hasher = blake3::Hasher::new();
    let keys = &document.keys;
    for part in [
        Some(document.kind.name()),
        Some(&keys.id),
        keys.account.as_ref().map(|a| a.as_str()),
        keys.lookup.as_deref(),
        Some(&document.body),
    ] {
        hasher.update(&[u8::from(part.is_some())]);
        let part = part.unwrap_or_default();
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.update(&keys.sort_key.to_le_bytes());
    hasher.update(&[u8::from(keys.is_open)]);
    *hasher.finalize().as_bytes()
}

/// The link of the journal's chain for an entry that follows `before`.
pub(crate) fn chain_after(before: &[u8], sequence: u64, body: &str) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(before);
    hasher.update(&sequence.to_le_bytes());
    hasher.update(body.as_bytes());
    *hasher.finalize().as_bytes()
}

/// A digest as text, in hexadecimal.
pub(crate) fn hex(digest: &Digest) -> String {
    blake3::Hash::from_bytes(*digest).to_hex().to_string()
}
