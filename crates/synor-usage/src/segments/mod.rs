//! The usage log of one machine, in segments that are written once.

#[allow(
    dead_code,
    unused_imports,
    reason = "the log that uses it is being built"
)]
pub(crate) mod identities;
