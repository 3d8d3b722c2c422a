//! The writer's side: whatever the background does and when, no known id is ever called new.

use std::collections::HashMap;
use std::collections::VecDeque;

use proptest::prelude::*;
use tempfile::{TempDir, tempdir};

use super::*;

/// What may happen to a log.
#[derive(Debug, Clone)]
enum Step {
    /// A batch of ids: some new, some again.
    Accept(Vec<u16>),
    Rotate,
    Seal,
    BeginRebuild,
    FinishRebuild,
    GiveUpRebuild,
    BeginMerge,
    FinishMerge,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec(0..3000_u16, 1..200).prop_map(Step::Accept),
        2 => Just(Step::Rotate),
        2 => Just(Step::Seal),
        4 => Just(Step::BeginRebuild),
        4 => Just(Step::FinishRebuild),
        1 => Just(Step::GiveUpRebuild),
        1 => Just(Step::BeginMerge),
        1 => Just(Step::FinishMerge),
        1 => Just(Step::Restart),
    ]
}

/// A caller as the log is one, and beside it a map of all there is.
struct Caller {
    folder: TempDir,
    identities: Identities,
    segments: VecDeque<IdentityMap<KeyEntry>>,
    all: HashMap<u64, KeyEntry>,
    rebuilds: VecDeque<RebuildJob>,
    merge: Option<Vec<Arc<KeyFile>>>,
    next_file: u64,
}

impl Caller {
    fn new() -> Self {
        Self {
            folder: tempdir().unwrap(),
            identities: Identities::open(Vec::new()),
            segments: VecDeque::from([IdentityMap::default()]),
            all: HashMap::new(),
            rebuilds: VecDeque::new(),
            merge: None,
            next_file: 0,
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Accept(ids) => self.accept(&ids),
            Step::Rotate => {
                self.identities.begin_segment();
                self.segments.push_back(IdentityMap::default());
            }
            Step::Seal => self.seal(),
            Step::BeginRebuild => self.rebuilds.extend(self.identities.next_rebuild()),
            Step::FinishRebuild => {
                if let Some(job) = self.rebuilds.pop_front() {
                    assert!(self.identities.adopt_rebuilt(job.run().unwrap()));
                }
            }
            Step::GiveUpRebuild => {
                if let Some(job) = self.rebuilds.pop_back() {
                    self.identities.give_up_rebuild(&job);
                    let late = job.run().unwrap();
                    assert!(!self.identities.adopt_rebuilt(late));
                }
            }
            Step::BeginMerge if self.merge.is_none() => self.merge = self.identities.next_merge(),
            Step::BeginMerge => {}
            Step::FinishMerge => self.merge(),
            Step::Restart => self.restart(),
        }
    }

    fn accept(&mut self, ids: &[u16]) {
        for &n in ids {
            self.identities.prefetch(hash(n.into()));
        }
        for n in ids.iter().map(|&n| u64::from(n)) {
            let known = self.all.get(&n).copied();
            assert_eq!(self.find(hash(n)), known, "{n}");
            if known.is_none() {
                let entry = KeyEntry {
                    position: self.all.len() as u64,
                    ..entry(n)
                };
                self.identities.insert(entry.hash);
                self.segments.back_mut().unwrap().insert(entry.hash, entry);
                self.all.insert(n, entry);
            }
        }
    }

    fn find(&self, hash: IdentityHash) -> Option<KeyEntry> {
        if !self.identities.probe(hash) {
            return None;
        }
        let unsealed = self.segments.iter().find_map(|ids| ids.get(&hash).copied());
        unsealed.or_else(|| self.identities.find_sealed(hash).unwrap())
    }

    fn path(&mut self) -> std::path::PathBuf {
        self.next_file += 1;
        self.folder.path().join(format!("{}.ids", self.next_file))
    }

    fn seal(&mut self) {
        if self.segments.len() > 1 {
            let entries: Vec<_> = self.segments.pop_front().unwrap().into_values().collect();
            let first = entries.iter().map(|e| e.position).min().unwrap_or(0);
            let last = entries.iter().map(|e| e.position).max().unwrap_or(0);
            let file = KeyFile::write(&self.path(), first..=last, &entries).unwrap();
            self.identities.adopt_sealed(Arc::new(file));
        }
    }

    fn merge(&mut self) {
        if let Some(inputs) = self.merge.take() {
            let path = self.path();
            let merged = Merge::start(inputs, &path, |_| true)
                .unwrap()
                .finish()
                .unwrap();
            assert!(self.identities.adopt_merged(&merged));
            for input in &merged.inputs {
                std::fs::remove_file(input.path()).unwrap();
            }
        }
    }

    fn restart(&mut self) {
        let open = |file: &Arc<KeyFile>| Arc::new(KeyFile::open(file.path()).unwrap());
        let files = self.identities.files().iter().map(open).collect();
        self.identities = Identities::open(files);
        self.rebuilds.clear();
        self.merge = None;
        for (n, segment) in self.segments.iter().enumerate() {
            if n > 0 {
                self.identities.begin_segment();
            }
            segment
                .keys()
                .for_each(|&hash| self.identities.insert(hash));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_known_id_is_ever_called_new(steps in prop::collection::vec(step(), 1..60)) {
        let mut caller = Caller::new();
        for step in steps {
            caller.take(step);
        }
        for (&n, &entry) in &caller.all {
            prop_assert_eq!(caller.find(hash(n)), Some(entry));
        }
    }
}

/// Hashes without the cost of hashing text.
fn quick_hash(n: u64) -> IdentityHash {
    let mut bits = u128::from(n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    for _ in 0..2 {
        bits = (bits ^ (bits >> 67)).wrapping_mul(0xda94_2042_e4dd_58b5_94d0_49bb_1331_11eb);
    }
    IdentityHash::from_bytes((bits ^ (bits >> 71)).to_be_bytes())
}

#[test]
fn partitions_grow_while_ids_come_in() {
    let mut identities = Identities::open(Vec::new());
    let empty = identities.memory_bytes();
    assert!(empty < 5_000_000, "{empty}");
    let mut jobs = VecDeque::new();
    let mut rebuilds = 0;
    for n in 0..700_000 {
        identities.insert(quick_hash(n));
        if n % 2000 == 0 {
            // Each job is given out, ids come in, and then it is taken over.
            if let Some(job) = jobs.pop_front() {
                let job: RebuildJob = job;
                assert!(identities.adopt_rebuilt(job.run().unwrap()));
                rebuilds += 1;
            }
            jobs.extend(identities.next_rebuild());
        }
    }
    assert!(rebuilds > 15, "{rebuilds}");
    assert_eq!(identities.health().turned_away, 0);
    for n in (0..700_000).step_by(7) {
        assert!(identities.probe(quick_hash(n)), "{n}");
    }
    let new = 700_000..800_000;
    let wrong = new.filter(|&n| identities.probe(quick_hash(n))).count();
    // Two lines of 26 in 2^16 values would be 0.08 %.
    assert!((10..100).contains(&wrong), "{wrong} of 100,000");
}

#[test]
fn partitions_that_never_grow_are_slow_and_right() {
    let mut identities = Identities::open(Vec::new());
    for n in 0..1_050_000 {
        identities.insert(quick_hash(n));
    }
    assert!(identities.health().turned_away > 0);
    // The late ones are those that found no place.
    let sample = || (0..900_000).step_by(10).chain(900_000..1_050_000);
    assert!(sample().all(|n| identities.probe(quick_hash(n))));
    // All of them ask to grow; once they may, new ids are told from known ones again.
    while let Some(job) = identities.next_rebuild() {
        assert!(identities.adopt_rebuilt(job.run().unwrap()));
    }
    assert_eq!(identities.health().turned_away, 0);
    assert!(sample().all(|n| identities.probe(quick_hash(n))));
    let wrong = (3_000_000..3_100_000)
        .filter(|&n| identities.probe(quick_hash(n)))
        .count();
    assert!(wrong < 100, "{wrong} of 100,000");
}

#[test]
fn after_a_restart_everything_may_be_known_until_it_is_loaded() {
    let folder = tempdir().unwrap();
    let mut identities = Identities::open(vec![file(&folder, 0..5000)]);
    assert_eq!(identities.health().partitions_not_loaded, 256);
    assert!((0..6000).all(|n| identities.probe(hash(n))));
    identities.insert(hash(5001));
    while let Some(job) = identities.next_rebuild() {
        // What comes in while its partition is loaded counts, too.
        identities.insert(hash(6000 + u64::from(job.partition)));
        assert!(identities.adopt_rebuilt(job.run().unwrap()));
    }
    assert_eq!(identities.health().partitions_not_loaded, 0);
    assert!(
        (0..5000)
            .chain([5001])
            .chain(6000..6256)
            .all(|n| identities.probe(hash(n)))
    );
    let wrong = (10_000..20_000)
        .filter(|&n| identities.probe(hash(n)))
        .count();
    assert!(wrong < 20, "{wrong} of 10,000");
}
