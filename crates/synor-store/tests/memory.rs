//! The book in memory passes the tests that every book must pass.

use std::sync::Arc;

use synor_store::{MemoryStore, Store, store_conformance};

fn open() -> (Arc<dyn Store>, ()) {
    (Arc::new(MemoryStore::default()), ())
}

store_conformance!(open());
