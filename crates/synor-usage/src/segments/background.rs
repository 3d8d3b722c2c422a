//! What goes on behind the writer: sealing full segments, merging files, and loading what tells new
//! ids from known ones. Three threads, each with a queue; all changes of the manifest go through one
//! lock.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::fault::Fault;
use super::identities::{KeyFile, Merge, Merged, RebuildJob, RebuiltPartition, plan_merge};
use super::manifest::{Manifest, SegmentFiles};
use super::meters_file::MetersWriter;
use super::seal::{FullSegment, Scratch, key_file_last, key_file_name, new_meters, seal};
use super::sealed::Sealed;
use super::state::Shared;
use super::totals::Totals;
use super::writer::Wake;
use crate::log::LogPosition;

/// How long after a failure the same is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How long after an event has left the dedup window its id is still remembered: longer than a batch
/// that was let in before can wait to be decided.
const FORGET_LATE_SECS: i64 = 3_600;
/// Entries merged between two looks at whether the log is being closed.
const MERGE_STEP: u64 = 100_000;

/// What a thread reports to the writer.
pub(super) enum Done {
    /// The oldest full segment is sealed.
    Sealed(Arc<KeyFile>),
    /// Sealing failed, and will be tried again.
    NotSealed(Fault),
    /// Key files were merged.
    Merged(Merged),
    /// Key files were not merged.
    NotMerged,
    /// Key files were deleted whose positions are all before this one.
    Forgotten(LogPosition),
    /// Fingerprints were loaded.
    Rebuilt(RebuiltPartition),
    /// Fingerprints were not loaded.
    NotRebuilt(Box<RebuildJob>),
}

/// Key files to merge.
pub(super) type MergeJob = Vec<Arc<KeyFile>>;

/// What the manifest says, and what may change it.
#[derive(Debug)]
pub(super) struct Books {
    pub(super) manifest: Manifest,
    pub(super) meters: MetersWriter,
}

/// The threads. Dropping it waits until they have ended what they are at.
pub(super) struct Background {
    pub(super) files: Files,
    queues: Option<Queues>,
    is_closing: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

/// What changes files, and what must see them unchanged.
#[derive(Clone)]
pub(super) struct Files {
    pub(super) books: Arc<Mutex<Books>>,
    /// Held while files that the manifest names may be deleted, and while a check reads them.
    pub(super) deleting: Arc<Mutex<()>>,
}

/// Where work is put.
#[derive(Clone)]
pub(super) struct Queues {
    pub(super) full: Sender<FullSegment>,
    pub(super) merges: Sender<MergeWork>,
    pub(super) rebuilds: Sender<RebuildJob>,
}

/// Work of the thread that merges.
pub(super) enum MergeWork {
    /// Look whether totals are to be merged.
    Totals,
    /// Merge these.
    Keys(MergeJob),
}

/// What each thread has.
#[derive(Clone)]
struct Context {
    shared: Arc<Shared>,
    files: Files,
    done: Sender<Done>,
    wake: Wake,
    is_closing: Arc<AtomicBool>,
}

impl Background {
    /// Starts the threads; what they report arrives at the receiver.
    pub(super) fn start(
        shared: &Arc<Shared>,
        books: Books,
        wake: Wake,
    ) -> std::io::Result<(Self, Receiver<Done>)> {
        let (done, reports) = channel();
        let files = Files {
            books: Arc::new(Mutex::new(books)),
            deleting: Arc::default(),
        };
        let is_closing = Arc::new(AtomicBool::new(false));
        let context = Context {
            shared: Arc::clone(shared),
            files: files.clone(),
            done,
            wake,
            is_closing: Arc::clone(&is_closing),
        };
        let (full, sealing) = channel();
        let (merges, merging) = channel();
        let (rebuilds, rebuilding) = channel();
        let queues = Queues {
            full,
            merges: merges.clone(),
            rebuilds,
        };
        let sealer = context.clone();
        let merger = context.clone();
        let threads = vec![
            spawn("usage-log-seal", move || sealer.seal_all(sealing, &merges))?,
            spawn("usage-log-merge", move || merger.merge_all(merging))?,
            spawn("usage-log-load", move || context.rebuild_all(rebuilding))?,
        ];
        let background = Self {
            files,
            queues: Some(queues),
            is_closing,
            threads,
        };
        Ok((background, reports))
    }

    /// Where work is put.
    pub(super) fn queues(&self) -> Option<Queues> {
        self.queues.clone()
    }
}

impl Files {
    /// The manifest, and what may change it.
    pub(super) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps live files from being deleted.
    pub(super) fn keep(&self) -> MutexGuard<'_, ()> {
        self.deleting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.is_closing.store(true, Ordering::Release);
        self.queues = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has left files that no manifest names.
            let _ = thread.join();
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(work)
}

impl Context {
    fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    fn report(&self, done: Done) {
        // A writer that has ended needs no reports.
        let _ = self.done.send(done);
        self.wake.wake();
    }

    fn seal_all(&self, waiting: Receiver<FullSegment>, merges: &Sender<MergeWork>) {
        let mut scratch = Scratch::default();
        while let Ok(full) = waiting.recv() {
            while !self.is_closing() {
                match self.seal_one(&full, &mut scratch) {
                    Ok(keys) => {
                        self.report(Done::Sealed(keys));
                        let _ = merges.send(MergeWork::Totals);
                        break;
                    }
                    Err(fault) => {
                        self.report(Done::NotSealed(fault));
                        self.pause();
                    }
                }
            }
            self.shared.spare.keep_active(full.active);
            self.shared.spare.keep_ids(full.ids);
        }
    }

    fn pause(&self) {
        for _ in 0..20 {
            if !self.is_closing() {
                thread::sleep(RETRY / 20);
            }
        }
    }

    fn seal_one(&self, full: &FullSegment, scratch: &mut Scratch) -> Result<Arc<KeyFile>, Fault> {
        let sealed = seal(&self.shared, full, scratch)?;
        let keys = Arc::new(sealed.keys);
        let mut books = self.files.books();
        let meters = {
            let visible = self.shared.visible();
            new_meters(&visible.meters, books.meters.count(), full.meters)
        };
        self.before("the meters")?;
        let meters = books.meters.append(&meters)?;
        let mut manifest = books.manifest.clone();
        manifest.meters = meters;
        manifest.streams.clone_from(&full.streams);
        manifest.segments.push(sealed.segment.files.clone());
        let positions = (sealed.totals.range.first, sealed.totals.range.last);
        manifest.keys.push(key_file_name(positions.0, positions.1));
        manifest.totals.push(sealed.totals.range);
        self.before("the manifest")?;
        manifest.write(&self.shared.folder)?;
        books.manifest = manifest;
        self.change_sealed(
            |next| {
                next.segments.push(Arc::new(sealed.segment));
                next.totals.push(Arc::new(sealed.totals));
            },
            true,
        );
        // From here on the segment is sealed, whatever happens: what cannot be deleted now is deleted
        // at the next start.
        drop(books);
        if self.before("deleting the write-ahead file").is_ok() {
            let _ = fs::remove_file(full.active.wal().path());
        }
        Ok(keys)
    }

    /// Deletes the archives of segments whose newest event is older than it has to be kept.
    fn expire(&self) -> Result<(), Fault> {
        let Some(from) = self.shared.options.keeps_from() else {
            return Ok(());
        };
        let _keep = self.files.keep();
        let mut books = self.files.books();
        let mut manifest = books.manifest.clone();
        let mut gone: Vec<PathBuf> = Vec::new();
        for segment in &mut manifest.segments {
            let is_old = segment
                .archive
                .as_ref()
                .is_some_and(|a| a.time_max < from.secs());
            if is_old && !segment.expired {
                segment.expired = true;
                let parquet = segment.archive_path(&self.shared.folder);
                gone.extend([super::archive::index_path(&parquet), parquet]);
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        manifest.write(&self.shared.folder)?;
        let segments = Sealed::open(&self.shared.folder, &manifest)?.segments;
        books.manifest = manifest;
        self.change_sealed(|next| next.segments = segments, false);
        for path in gone {
            // What cannot be deleted now is deleted at the next start.
            let _ = fs::remove_file(path);
        }
        Ok(())
    }

    /// Deletes the key files of segments whose newest event happened before the dedup window: such an
    /// event is refused as too old, so that nobody asks for its id any more.
    fn forget(&self) -> Result<(), Fault> {
        let Some(window) = self.shared.options.not_before() else {
            return Ok(());
        };
        let from = window.secs().saturating_sub(FORGET_LATE_SECS);
        let _keep = self.files.keep();
        let mut books = self.files.books();
        let mut manifest = books.manifest.clone();
        let is_remembered = |segment: &&SegmentFiles| {
            let newest = segment.archive.as_ref().map(|archive| archive.time_max);
            newest.is_some_and(|newest| newest >= from)
        };
        let oldest = match manifest.segments.iter().find(is_remembered) {
            Some(segment) => segment.first,
            None => manifest.last().saturating_add(1),
        };
        let is_old = |name: &mut String| key_file_last(name).is_some_and(|last| last < oldest);
        let gone: Vec<String> = manifest.keys.extract_if(.., is_old).collect();
        if gone.is_empty() {
            return Ok(());
        }
        manifest.remembers_from_secs = manifest.remembers_from_secs.max(Some(from));
        self.before("forgetting ids")?;
        // Before the ids are gone, so that no event of then finds its id forgotten.
        self.shared.remember_from(from);
        manifest.write(&self.shared.folder)?;
        books.manifest = manifest;
        self.report(Done::Forgotten(oldest));
        for name in gone {
            // What cannot be deleted now is deleted at the next start.
            let _ = fs::remove_file(self.shared.folder.join(name));
        }
        Ok(())
    }

    fn change_sealed(&self, change: impl FnOnce(&mut Sealed), is_oldest_sealed: bool) {
        let mut visible = self.shared.change();
        let mut next = Sealed::clone(&visible.sealed);
        change(&mut next);
        visible.sealed = Arc::new(next);
        if is_oldest_sealed && !visible.frozen.is_empty() {
            let frozen = visible.frozen.remove(0);
            drop(visible);
            self.shared.spare.keep_active(frozen);
        }
    }

    fn before(&self, step: &'static str) -> Result<(), Fault> {
        let storage = &self.shared.options.storage;
        storage.before(step).map_err(Fault::io(&self.shared.folder))
    }

    fn merge_all(&self, waiting: Receiver<MergeWork>) {
        while let Ok(work) = waiting.recv() {
            if self.is_closing() {
                continue;
            }
            match work {
                // What fails is tried again after the next segment; until then there are more files.
                MergeWork::Totals => {
                    let _ = self.expire();
                    let _ = self.forget();
                    while let Ok(true) = self.merge_totals() {}
                }
                MergeWork::Keys(inputs) => {
                    let done = match self.merge_keys(inputs) {
                        Ok(Some(merged)) => Done::Merged(merged),
                        _ => Done::NotMerged,
                    };
                    self.report(done);
                }
            }
        }
    }

    /// Merges key files; none if the log is being closed.
    fn merge_keys(&self, inputs: MergeJob) -> Result<Option<Merged>, Fault> {
        let first = inputs.iter().map(|file| file.first()).min().unwrap_or(0);
        let last = inputs.iter().map(|file| file.last()).max().unwrap_or(0);
        let name = key_file_name(first, last);
        let names: Vec<_> = inputs.iter().filter_map(file_name).collect();
        self.before("merging keys")?;
        let path = self.shared.folder.join(&name);
        let mut merge = Merge::start(inputs, &path, |_| true)?;
        while merge.advance(MERGE_STEP)? {
            if self.is_closing() {
                return Ok(None);
            }
        }
        let merged = merge.finish()?;
        self.before("naming merged keys")?;
        let _keep = self.files.keep();
        let mut books = self.files.books();
        let mut manifest = books.manifest.clone();
        let at = manifest
            .keys
            .iter()
            .position(|key| Some(key) == names.first());
        let Some(at) = at.filter(|at| manifest.keys.get(*at..*at + names.len()) == Some(&names))
        else {
            return Ok(None);
        };
        manifest.keys.splice(at..at + names.len(), [name]);
        manifest.write(&self.shared.folder)?;
        books.manifest = manifest;
        for input in &merged.inputs {
            // Those who have it open can read it until they close it.
            let _ = fs::remove_file(input.path());
        }
        Ok(Some(merged))
    }

    /// Merges totals if there are too many. Whether there were.
    fn merge_totals(&self) -> Result<bool, Fault> {
        if self.is_closing() {
            return Ok(false);
        }
        let live = Arc::clone(&self.shared.visible().sealed);
        let size = |totals: &Arc<Totals>| {
            let records = totals.sums.count().saturating_add(totals.samples.count());
            records.max(1)
        };
        let counts: Vec<u64> = live.totals.iter().map(size).collect();
        let Some(window) = plan_merge(&counts) else {
            return Ok(false);
        };
        let inputs = live.totals.get(window.clone()).unwrap_or_default();
        self.before("merging totals")?;
        let merged = Totals::merge(&self.shared.folder, inputs)?;
        self.before("naming merged totals")?;
        let _keep = self.files.keep();
        let mut books = self.files.books();
        let mut manifest = books.manifest.clone();
        manifest.totals.splice(window.clone(), [merged.range]);
        manifest.write(&self.shared.folder)?;
        books.manifest = manifest;
        self.change_sealed(
            |next| {
                next.totals.splice(window, [Arc::new(merged)]);
            },
            false,
        );
        for totals in inputs {
            let _ = fs::remove_file(totals.sums.path());
            let _ = fs::remove_file(totals.samples.path());
        }
        Ok(true)
    }

    fn rebuild_all(&self, waiting: Receiver<RebuildJob>) {
        while let Ok(job) = waiting.recv() {
            if self.is_closing() {
                continue;
            }
            let done = match job.run() {
                Ok(rebuilt) => Done::Rebuilt(rebuilt),
                Err(_) => {
                    self.pause();
                    Done::NotRebuilt(Box::new(job))
                }
            };
            self.report(done);
        }
    }
}

fn file_name(file: &Arc<KeyFile>) -> Option<String> {
    Some(file.path().file_name()?.to_str()?.to_owned())
}
