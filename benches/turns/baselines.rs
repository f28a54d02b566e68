//! What the same disk does without the runtime: callers hand their command to one thread, which takes all that wait,
//! makes them durable together, and answers.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use tokio::sync::oneshot;

use crate::Result;
use crate::load::Durable;
use crate::ours::COMMAND;

/// Most commands that are made durable together.
const GROUP_MOST: usize = 4096;

/// One command, with a key that nobody else uses.
#[derive(Debug)]
pub(crate) struct Turn {
    key: [u8; 12],
    bytes: Vec<u8>,
}

/// Where groups go.
pub(crate) trait Sink: Send + 'static {
    /// Returns when all of them are durable.
    fn commit(&mut self, turns: &[Turn]) -> Result<()>;
}

/// A sink behind a thread that groups.
pub(crate) struct Grouped {
    to: mpsc::Sender<(Turn, oneshot::Sender<()>)>,
}

impl Grouped {
    pub(crate) fn new(mut sink: impl Sink) -> Self {
        let (to, waiting) = mpsc::channel();
        thread::spawn(move || -> Result<()> {
            while let Ok(first) = waiting.recv() {
                let all = std::iter::once(first).chain(waiting.try_iter()).take(GROUP_MOST);
                let (turns, answers): (Vec<Turn>, Vec<oneshot::Sender<()>>) = all.unzip();
                // Callers see a failure as an answer that never comes.
                sink.commit(&turns)?;
                for answer in answers {
                    let _ = answer.send(());
                }
            }
            Ok(())
        });
        Self { to }
    }
}

impl Durable for Grouped {
    async fn turn(&self, caller: usize, number: u64) -> Result<()> {
        let bytes = COMMAND.to_vec();
        let mut key = [0; 12];
        key[..4].copy_from_slice(&u32::try_from(caller)?.to_be_bytes());
        key[4..].copy_from_slice(&number.to_be_bytes());
        let (answer, answered) = oneshot::channel();
        self.to.send((Turn { key, bytes }, answer))?;
        Ok(answered.await?)
    }
}

/// One file: append, fdatasync.
pub(crate) struct BareFile {
    file: File,
    buffer: Vec<u8>,
}

impl BareFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = OpenOptions::new().create_new(true).append(true).open(path)?;
        Ok(Self { file, buffer: Vec::new() })
    }
}

impl Sink for BareFile {
    fn commit(&mut self, turns: &[Turn]) -> Result<()> {
        self.buffer.clear();
        turns.iter().for_each(|turn| self.buffer.extend_from_slice(&turn.bytes));
        self.file.write_all(&self.buffer)?;
        Ok(self.file.sync_data()?)
    }
}

/// sled: one batch, flush, and what its flush leaves out: fdatasync of its file.
pub(crate) struct BareSled {
    db: sled::Db,
    file: PathBuf,
}

impl BareSled {
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let db = sled::Config::new().path(folder).flush_every_ms(None).open()?;
        Ok(Self { db, file: folder.join("db") })
    }
}

impl Sink for BareSled {
    fn commit(&mut self, turns: &[Turn]) -> Result<()> {
        let mut batch = sled::Batch::default();
        turns.iter().for_each(|turn| batch.insert(&turn.key, turn.bytes.as_slice()));
        self.db.apply_batch(batch)?;
        self.db.flush()?;
        Ok(File::open(&self.file)?.sync_data()?)
    }
}

/// SQLite: WAL, `synchronous=FULL`, one transaction.
pub(crate) struct Sqlite(rusqlite::Connection);

impl Sqlite {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let db = rusqlite::Connection::open(path)?;
        db.pragma_update(None, "journal_mode", "WAL")?;
        db.pragma_update(None, "synchronous", "FULL")?;
        db.execute("CREATE TABLE turns (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID", ())?;
        Ok(Self(db))
    }
}

impl Sink for Sqlite {
    fn commit(&mut self, turns: &[Turn]) -> Result<()> {
        let transaction = self.0.transaction()?;
        let mut insert = transaction.prepare_cached("INSERT INTO turns VALUES (?1, ?2)")?;
        for turn in turns {
            insert.execute((turn.key.as_slice(), turn.bytes.as_slice()))?;
        }
        drop(insert);
        Ok(transaction.commit()?)
    }
}
