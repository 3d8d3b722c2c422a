//! The SQLite book passes the tests that every book must pass.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::sync::Arc;

use synor_store::{SqliteStore, Store, store_conformance};

fn open() -> (Arc<dyn Store>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("book.db")).unwrap();
    (Arc::new(store), folder)
}

store_conformance!(open());
