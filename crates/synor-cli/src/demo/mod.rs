//! The demonstration's data.
