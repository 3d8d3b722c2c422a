//! Reading usage from files: what each format says, as events.
