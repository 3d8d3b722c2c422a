//! The EVM chain against a development node with the contracts of `contracts/` on it.
#![allow(clippy::unwrap_used, reason = "these are tests")]

mod endpoints;
mod following;
mod paying;
mod sending;
mod world;
