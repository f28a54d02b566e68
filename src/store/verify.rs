//! Looks at everything in a data folder that nobody has open: is what is there what was written, is all of it there,
//! and has the index what snapshot and log say? Nothing is repaired, and what is acknowledged is only read.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};

use super::backup::Progress;
use super::folder::INDEX;
use super::lock::FolderLock;
use super::manifest::{self, StoreId};
use super::segment::{self, LookOn, SEGMENT_HEADER, SegmentReader};
use super::snapshot::{self, SnapshotInfo, SnapshotReader};
use super::trust::{self, Trust};
use super::{Disk, Index, OsDisk, Position, SledIndex, SledOptions, StoreError, frame};

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// Where in it, if it is one place.
    pub offset: Option<u64>,
    /// What is wrong there.
    pub problem: String,
}

/// What became of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexState {
    /// It was compared; it has this many keys, up to this frame. Later frames are applied at the next start.
    Compared {
        /// Its keys.
        keys: u64,
        /// The last frame that was applied.
        applied: Position,
    },
    /// It was not looked at, since the next start builds it anew: why.
    Unused(String),
    /// It was not looked at, since damage elsewhere leaves nothing to compare it with.
    Incomparable,
}

/// What was seen, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyReport {
    /// Which store it is.
    pub store: StoreId,
    /// The last frame of the newest snapshot, if there is one, and how many keys it has.
    pub snapshot: Option<(Position, u64)>,
    /// Segments of the log.
    pub segments: u64,
    /// Frames in them.
    pub frames: u64,
    /// The last frame.
    pub newest: Position,
    /// Keys that live.
    pub keys: u64,
    /// The index.
    pub index: IndexState,
    /// What is wrong; nothing, in a sound folder.
    pub findings: Vec<Finding>,
}

/// Length and checksum of a value: enough to tell whether two are the same.
type Looks = (usize, u32);

/// How keys were left by the frames after the snapshot; `None` is deleted.
type Changes = BTreeMap<Vec<u8>, Option<Looks>>;

struct Verifier<'a> {
    disk: OsDisk,
    report: VerifyReport,
    snapshot: Option<SnapshotInfo>,
    changes: Changes,
    /// Keys that the log changes after what the index has.
    ahead_of_index: BTreeSet<Vec<u8>>,
    progress: Progress<'a>,
    done: u64,
    total: u64,
}

/// Verifies a data folder.
///
/// # Errors
///
/// When it can't be looked at: it is in use, no data folder, or of a newer format. Damage is no error but a finding.
pub fn verify(folder: &Path, index: SledOptions, progress: Progress<'_>) -> Result<VerifyReport, StoreError> {
    let disk = OsDisk::new(folder);
    let Some(store) = manifest::read(&disk)? else {
        let problem = "it has no MANIFEST".to_owned();
        return Err(StoreError::NotADataFolder { folder: folder.to_path_buf(), problem });
    };
    let _lock = FolderLock::take_to_read(folder)?;
    let report = VerifyReport {
        store,
        snapshot: None,
        segments: 0,
        frames: 0,
        newest: Position(0),
        keys: 0,
        index: IndexState::Incomparable,
        findings: Vec::new(),
    };
    let mut verifier = Verifier {
        total: bytes_of_truth(folder)?,
        disk,
        report,
        snapshot: None,
        changes: Changes::new(),
        ahead_of_index: BTreeSet::new(),
        progress,
        done: 0,
    };
    verifier.run(index)?;
    Ok(verifier.report)
}

/// Bytes of all snapshots and segments.
fn bytes_of_truth(folder: &Path) -> Result<u64, StoreError> {
    let failed = |e| StoreError::io("listing", folder, e);
    let mut sum = 0;
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.ends_with(".snap") || name.ends_with(".seg")) {
            sum += entry.metadata().map_err(failed)?.len();
        }
    }
    Ok(sum)
}

impl Verifier<'_> {
    fn run(&mut self, options: SledOptions) -> Result<(), StoreError> {
        let path = self.disk.folder().join(INDEX);
        let session = trust::session(self.disk.folder(), &path);
        let trust = trust::judge(&self.disk, &path, session.as_ref())?;
        let index = match &trust {
            Trust::No(reason) => Err(reason.clone()),
            Trust::Clean(_) => trust::begin(&self.disk, session.as_ref())
                .and_then(|()| SledIndex::open(&path, options))
                .map_err(|e| e.to_string()),
            Trust::SameBoot => SledIndex::open(&path, options).map_err(|e| e.to_string()),
        };
        // Without an index nothing is ahead of it.
        let applied = index.as_ref().map_or(Ok(Position(u64::MAX)), Index::applied)?;
        let outcome = self.check_truth(applied);
        if let (Ok(()), Ok(_)) = (&outcome, &index)
            && applied > self.report.newest
        {
            // The index gets durable frames only.
            let problem =
                format!("the log ends at frame {}, but the index has frame {}", self.report.newest.0, applied.0);
            self.find("", None, problem);
        }
        let outcome = outcome.and_then(|()| self.compare(index.as_ref().map_err(Clone::clone)));
        self.tell_damage(outcome)?;
        if let Ok(index) = index {
            index.close()?;
            if let Trust::Clean(_) = trust {
                // sled writes when it is opened; what it left is what the next start has to find.
                trust::end(&self.disk, &path, applied)?;
            }
        }
        Ok(())
    }

    /// Makes a finding of damage.
    fn tell_damage(&mut self, outcome: Result<(), StoreError>) -> Result<(), StoreError> {
        match outcome {
            Err(StoreError::Damaged { file, offset, problem }) => {
                self.report.findings.push(Finding { file, offset: Some(offset), problem });
                Ok(())
            }
            outcome => outcome,
        }
    }

    fn find(&mut self, name: &str, offset: Option<u64>, problem: String) {
        self.report.findings.push(Finding { file: self.disk.path(name), offset, problem });
    }

    fn advance(&mut self, bytes: u64) {
        self.done = (self.done + bytes).min(self.total);
        (self.progress)(self.done, self.total);
    }

    /// Reads snapshot and log from end to end.
    fn check_truth(&mut self, applied: Position) -> Result<(), StoreError> {
        self.snapshot = snapshot::find(&self.disk)?;
        let covered = self.snapshot.as_ref().map_or(Position(0), |snapshot| snapshot.position);
        self.report.snapshot = self.snapshot.as_ref().map(|snapshot| (snapshot.position, snapshot.entries));
        if let Some(foreign) = self.snapshot.clone().filter(|snapshot| snapshot.store != self.report.store) {
            self.find(&foreign.name, Some(0), "it is a snapshot of another store".to_owned());
        }
        let segments = segment::list(&self.disk)?;
        let mut next = segments.first().copied().unwrap_or(Position(covered.0 + 1));
        if next.0 > covered.0 + 1 {
            let problem = format!("the frames before {} are missing, and no snapshot has them", next.0);
            self.find(&segment::name(next), None, problem);
        }
        for first in &segments {
            if *first != next {
                let problem = format!("the frames from {} to {} are missing", next.0, first.0.saturating_sub(1));
                self.find(&segment::name(*first), None, problem);
            }
            let is_last = segments.last() == Some(first);
            next = self.check_segment(*first, is_last, covered, applied)?;
        }
        if let Some(last) = segments.last().filter(|_| next <= covered) {
            let problem = format!("the log ends at frame {}, before the snapshot", next.0.saturating_sub(1));
            self.find(&segment::name(*last), None, problem);
        }
        self.report.newest = covered.max(Position(next.0.saturating_sub(1)));
        Ok(())
    }

    /// Reads a segment; returns the frame that has to come after it.
    fn check_segment(
        &mut self,
        first: Position,
        is_last: bool,
        covered: Position,
        applied: Position,
    ) -> Result<Position, StoreError> {
        let mut reader = SegmentReader::open(&self.disk, self.report.store, first)?;
        self.report.segments += 1;
        if reader.header()?.is_none() {
            // The making of the last one may have been stopped. Frames come only once its header is durable.
            let unfinished = is_last && !matches!(reader.look_on(SEGMENT_HEADER, Position(0))?, LookOn::Evidence(_));
            let problem = "its header is not what was written";
            return if unfinished { Ok(first) } else { Err(reader.damaged(0, problem)) };
        }
        let (mut next, mut offset) = (first, SEGMENT_HEADER);
        while let Some(found) = reader.frame(offset)? {
            if found.header.is_mark() || found.header.position != next {
                break;
            }
            let body = reader.body(&found)?;
            let (changes, ahead) = (&mut self.changes, &mut self.ahead_of_index);
            let whole = frame::changes(body, |key, value| {
                let key = &body[key];
                if next > applied && !ahead.contains(key) {
                    ahead.insert(key.to_vec());
                }
                if next > covered {
                    changes.insert(key.to_vec(), value.map(|value| looks(&body[value])));
                }
            });
            if whole.is_none() {
                return Err(reader.damaged(offset, format!("frame {} does not hold changes", next.0)));
            }
            let end = found.header.next(offset);
            self.advance(end - offset);
            self.report.frames += 1;
            (next, offset) = (Position(next.0 + 1), end);
        }
        // Behind the last frame of the last segment there may be room, and what was never acknowledged.
        if let LookOn::Evidence(at) = reader.look_on(offset, next)? {
            let problem = format!("frame {} is not what was written, though byte {at} calls it durable", next.0);
            return Err(reader.damaged(offset, problem));
        }
        self.advance(reader.len().saturating_sub(offset));
        Ok(next)
    }

    /// Compares the index with what snapshot and log say, key by key.
    fn compare(&mut self, index: Result<&SledIndex, String>) -> Result<(), StoreError> {
        let mut in_index = match index {
            Ok(index) if self.report.findings.is_empty() => {
                Ok(Scan { index, page: Vec::new().into_iter(), last: None })
            }
            Ok(_) => Err(IndexState::Incomparable),
            Err(reason) => Err(IndexState::Unused(reason)),
        };
        let (mut keys, mut wrong) = (0_u64, Wrong::default());
        let mut held = next_of(&mut in_index)?;
        let mut truth = Truth::new(&self.disk, self.snapshot.as_ref(), std::mem::take(&mut self.changes))?;
        while let Some((key, expected)) = truth.next()? {
            self.report.keys += 1;
            self.advance((key.len() + expected.0) as u64);
            while let Some((extra, _)) = held.as_ref().filter(|(found, _)| *found < key) {
                wrong.note(extra, "is not in the log", &self.ahead_of_index);
                keys += 1;
                held = next_of(&mut in_index)?;
            }
            match &held {
                _ if in_index.is_err() => {}
                Some((found, value)) if *found == key => {
                    if *value != expected {
                        wrong.note(&key, "has another value", &self.ahead_of_index);
                    }
                    keys += 1;
                    held = next_of(&mut in_index)?;
                }
                _ => wrong.note(&key, "is missing", &self.ahead_of_index),
            }
        }
        while let Some((extra, _)) = held {
            wrong.note(&extra, "is not in the log", &self.ahead_of_index);
            keys += 1;
            held = next_of(&mut in_index)?;
        }
        self.report.index = match in_index {
            Ok(scan) => IndexState::Compared { keys, applied: scan.index.applied()? },
            Err(state) => state,
        };
        if let Some(problem) = wrong.problem() {
            self.find(INDEX, None, problem);
        }
        self.advance(self.total);
        Ok(())
    }
}

/// Keys of the index that are not as they should be.
#[derive(Default)]
struct Wrong {
    count: u64,
    first: Option<String>,
}

impl Wrong {
    fn note(&mut self, key: &[u8], problem: &str, ahead: &BTreeSet<Vec<u8>>) {
        if !ahead.contains(key) {
            self.count += 1;
            self.first.get_or_insert_with(|| format!("{} {problem}", key.escape_ascii()));
        }
    }

    fn problem(self) -> Option<String> {
        self.first.map(|first| format!("{} keys differ from the log, the first: {first}", self.count))
    }
}

/// Keys and looks of values, from the index in pages.
struct Scan<'i> {
    index: &'i SledIndex,
    page: std::vec::IntoIter<(Vec<u8>, Looks)>,
    last: Option<Vec<u8>>,
}

fn next_of(scan: &mut Result<Scan<'_>, IndexState>) -> Result<Option<(Vec<u8>, Looks)>, StoreError> {
    const PAGE: usize = 256;
    let Ok(scan) = scan else { return Ok(None) };
    if scan.page.len() == 0 {
        let from = scan.last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let page = scan.index.scan(from, Bound::Unbounded, PAGE)?;
        scan.last = page.last().map(|(key, _)| key.clone()).or(scan.last.take());
        scan.page = page.into_iter().map(|(key, value)| (key, looks(&value))).collect::<Vec<_>>().into_iter();
    }
    Ok(scan.page.next())
}

/// What lives according to snapshot and log, in order.
struct Truth {
    entries: Option<std::iter::Peekable<SnapshotReader<OsDisk>>>,
    changes: std::iter::Peekable<<Changes as IntoIterator>::IntoIter>,
}

impl Truth {
    fn new(disk: &OsDisk, snapshot: Option<&SnapshotInfo>, changes: Changes) -> Result<Self, StoreError> {
        let entries = snapshot.map(|snapshot| SnapshotReader::open(disk, snapshot)).transpose()?;
        Ok(Self { entries: entries.map(Iterator::peekable), changes: changes.into_iter().peekable() })
    }

    fn next(&mut self) -> Result<Option<(Vec<u8>, Looks)>, StoreError> {
        loop {
            let old = self.entries.as_mut().and_then(|entries| entries.peek());
            let take_old = match (old, self.changes.peek()) {
                (Some(Ok((old, _))), Some((new, _))) if old == new => {
                    // The change is what counts.
                    self.entries.as_mut().and_then(Iterator::next);
                    false
                }
                (Some(Ok((old, _))), Some((new, _))) => old < new,
                (old, _) => old.is_some(),
            };
            if take_old {
                let entry = self.entries.as_mut().and_then(Iterator::next).transpose()?;
                return Ok(entry.map(|(key, value)| (key, looks(&value))));
            }
            match self.changes.next() {
                Some((key, Some(looks))) => return Ok(Some((key, looks))),
                Some((_, None)) => {}
                None => return Ok(None),
            }
        }
    }
}

fn looks(value: &[u8]) -> Looks {
    (value.len(), crc32fast::hash(value))
}

#[cfg(test)]
mod tests;
