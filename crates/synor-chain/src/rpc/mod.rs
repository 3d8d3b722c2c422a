//! The chain over JSON-RPC 2.0: [`RpcServer`] answers for a node, [`RpcChain`] asks one.
//!
//! Parameters may be given by position or by name. An error has a stable code, the message that the
//! node would show, and in `data` the whole error, from which the client makes the same one again.

mod client;
mod codes;
pub mod methods;
mod server;

pub use client::RpcChain;
pub use server::RpcServer;
