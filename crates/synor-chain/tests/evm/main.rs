//! The EVM chain against a development node with the contracts of `contracts/` on it.

mod endpoints;
mod following;
mod paying;
mod sending;
mod world;
