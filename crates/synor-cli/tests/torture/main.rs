//! Crash torture of metering: the real server is killed at random moments under full load, and its
//! files are damaged, and every acknowledged event still counts once.
//!
//! CI does this for about a minute. `just torture 60` does it for an hour.
//!
//! | variable | |
//! |---|---|
//! | `SYNOR_TORTURE_MINUTES` | how long; without it, one campaign of a hundred kills |
//! | `SYNOR_TORTURE_SEED` | repeats the load and the damage of a run, though not its timing |
//! | `SYNOR_TORTURE_POSTGRES` | keeps usage in this PostgreSQL database (`postgres://…`), which must be empty; for one campaign |
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test that fails panics"
)]

mod audit;
mod campaign;
mod client;
#[allow(
    dead_code,
    unused_imports,
    reason = "the end-to-end tests use the rest of it"
)]
#[path = "../e2e/common/mod.rs"]
mod common;
mod damage;
mod files;
mod load;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What the folders are set to: segments so small that there is always one being sealed.
const SETTINGS: &str = "[storage]\nsegment_events = 2000\n";

/// Kills of a campaign, each followed by a restart.
const KILLS: u64 = 100;

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The lines of `synor.toml`.
fn settings() -> String {
    match setting("SYNOR_TORTURE_POSTGRES") {
        Some(url) => format!("[storage]\nusage_log = \"{url}\"\n"),
        None => SETTINGS.to_owned(),
    }
}

/// The seed of this run, which is printed.
fn seed() -> u64 {
    let seed = match setting("SYNOR_TORTURE_SEED") {
        Some(seed) => seed.parse().unwrap(),
        None => {
            let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            u64::from(since_1970.subsec_nanos())
        }
    };
    println!("SYNOR_TORTURE_SEED={seed}");
    seed
}

#[test]
fn what_was_acknowledged_counts_once_after_a_hundred_kills() {
    let minutes = setting("SYNOR_TORTURE_MINUTES").map_or(0, |text| text.parse().unwrap());
    let (started, length) = (Instant::now(), Duration::from_secs(minutes * 60));
    let first = seed();
    for seed in first.. {
        campaign::run(seed, KILLS);
        if started.elapsed() >= length {
            break;
        }
    }
}

#[test]
fn a_flipped_bit_and_a_cut_file_are_reported_and_never_read_as_data() {
    damage::find_all(seed());
}
