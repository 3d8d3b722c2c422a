//! What the contract test works with: the document, and a whole server that is held to it.

pub mod document;
pub mod routes;
pub mod server;
