//! Bits that flip and files that get cut: the platform says so and names the file, or the bytes were
//! not in use. What they say then is never read as usage.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::common::{Folder, Random, Server, integer};
use crate::load::{ACCOUNTS, Load, Name};
use crate::{files, settings};

/// Batches in the log, of so many events each.
const BATCHES: u64 = 20;
const BATCH: u64 = 500;
/// Random bits that are flipped, beside one of each file.
const FLIPS: usize = 16;

/// What became of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It was reported, and the file named.
    Reported,
    /// It was in the last frame of the newest write-ahead file, which then is what a write that was
    /// cut short leaves.
    TakenForTorn,
    /// It was in bytes that say nothing, which a database file has.
    InUnusedBytes,
}

/// Flips bits and cuts files, each in a copy of its own.
pub fn find_all(seed: u64) {
    let mut random = Random::new(seed);
    let folder = filled(Load { seed });
    let sound = folder.verified();
    assert_eq!(sound["events"], BATCHES * BATCH);
    let log = files::of_log(&folder);
    if log.is_empty() {
        println!("the usage log has no files here");
        return;
    }
    let mut targets: Vec<_> = log.iter().collect();
    let weights: Vec<u64> = log.iter().map(|path| length(path)).collect();
    targets.extend((0..FLIPS).map(|_| &log[weighted(&weights, &mut random)]));
    let mut outcomes = Vec::new();
    for target in targets.into_iter().filter(|path| length(path) > 0) {
        let bit = random.below(length(target) * 8);
        let what = format!("bit {bit} of {}", files::name(target));
        let damaged = files::copy(&folder);
        files::flip(&twin(&damaged, &folder, target), bit);
        // A frame holds a batch here, because there is one client.
        outcomes.push(outcome(&what, &damaged, target, &sound, BATCH));
    }
    for target in log.iter().filter(|path| length(path) > 0) {
        let at = random.below(length(target));
        let what = format!("{} cut at {at}", files::name(target));
        let damaged = files::copy(&folder);
        let file = std::fs::File::options()
            .write(true)
            .open(twin(&damaged, &folder, target));
        file.unwrap().set_len(at).unwrap();
        outcomes.push(outcome(&what, &damaged, target, &sound, BATCHES * BATCH));
    }
    let count = |which| outcomes.iter().filter(|found| **found == which).count();
    let reported = count(Outcome::Reported);
    println!(
        "{} damaged copies: {reported} reported, {} taken for torn, {} in unused bytes",
        outcomes.len(),
        count(Outcome::TakenForTorn),
        count(Outcome::InUnusedBytes),
    );
    assert!(reported > 0, "nothing was reported");
}

/// A folder whose server was killed and whose log has been opened since.
fn filled(load: Load) -> Folder {
    let folder = Folder::new();
    folder.configure(&settings());
    for account in ACCOUNTS {
        folder.synor(&["admin", "open-account", account]).ok();
    }
    let server = Server::start(&folder);
    let api = server.api();
    for batch in 0..BATCHES {
        let numbers = batch * BATCH..(batch + 1) * BATCH;
        let names: Vec<Name> = numbers.map(|number| (0, number)).collect();
        let body = load.lines(&names);
        let kind = "application/x-ndjson";
        let answer = api.post_text(&server.secret, "/events", kind, &body);
        assert_eq!(answer.expect(200)["accepted"], BATCH);
    }
    server.kill();
    // What the crash left over is gone when the log has been opened again.
    folder.verified();
    folder
}

/// Verifies a damaged folder and says what became of it. At most so many events may be gone with
/// the end of the newest write-ahead file.
fn outcome(what: &str, damaged: &Folder, target: &Path, sound: &Value, most: u64) -> Outcome {
    let ran = damaged.type_in("admin verify --format json").run();
    if matches!(ran.code, Some(1 | 2)) {
        let told = format!("{}{}", ran.stdout, ran.stderr);
        // The log in a database is one file, and what is wrong is said to be wrong with the log.
        let is_named = told.contains(files::name(target))
            || (is_database(target) && told.contains("usage log"));
        assert!(is_named, "{what}: {ran:?}");
        return Outcome::Reported;
    }
    assert_eq!(ran.code, Some(0), "{what}: {ran:?}");
    let found: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(found["problems"], json!([]), "{what}");
    let events = |found: &Value| integer(&found["events"]);
    let lost = events(sound) - events(&found);
    assert!(
        (0..=i128::from(most)).contains(&lost),
        "{what}: {lost} events are gone"
    );
    if is_database(target) {
        assert_eq!(lost, 0, "{what}: events are gone, and nobody says so");
        return Outcome::InUnusedBytes;
    }
    let newest = files::write_ahead(damaged).pop();
    let newest = newest.as_deref().map(files::name);
    assert_eq!(newest, Some(files::name(target)), "{what}: nobody says so");
    Outcome::TakenForTorn
}

fn is_database(path: &Path) -> bool {
    files::name(path).contains(".sqlite")
}

/// The same file in the copy.
fn twin(copy: &Folder, of: &Folder, path: &Path) -> PathBuf {
    copy.data().join(path.strip_prefix(of.data()).unwrap())
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len()
}

/// A place, chosen by weight.
fn weighted(weights: &[u64], random: &mut Random) -> usize {
    let mut left = random.below(weights.iter().sum::<u64>().max(1));
    for (place, weight) in weights.iter().enumerate() {
        if left < *weight {
            return place;
        }
        left -= weight;
    }
    weights.len() - 1
}
