//! What every usage log must do, as tests that any backend can run.
