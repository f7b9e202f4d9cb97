//! Opening a database again after a write of it failed.
//!
//! A failed fsync may leave pages that look written to whoever reads the file
//! now and that the disk never gets: a hole in the journal, once the machine
//! loses power. So what the journal says is written to tables first, and a new
//! journal begins, lest what is acknowledged from now on stands behind a hole.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fjall::{Database, Keyspace, PersistMode};

use crate::engine::EngineError;

/// Longest wait for the tables. Many times what 200 MB of journals need.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(20);
const FLUSH_POLL: Duration = Duration::from_millis(5);

/// Why a database is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    First,
    AfterFailure,
}

/// To be called before a database in `folder` is opened: it will write to a
/// new journal and only read the others.
pub(crate) fn begin_journal(folder: &Path, opening: Opening) -> Result<(), EngineError> {
    if opening == Opening::First {
        return Ok(());
    }
    let begin = || -> io::Result<()> {
        let Some((id, path)) = latest_journal(folder)? else { return Ok(()) };
        // The last attempt may have come this far.
        if is_empty(&path)? {
            return Ok(());
        }
        File::create_new(folder.join(format!("{}.jnl", id + 1)))?.sync_all()?;
        File::open(folder)?.sync_all()
    };
    begin().map_err(|cause| EngineError::Unavailable(format!("{}: {cause}", folder.display())))
}

fn latest_journal(folder: &Path) -> io::Result<Option<(u64, PathBuf)>> {
    let mut latest = None;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jnl")
            && let Some(id) = path.file_stem().and_then(|name| name.to_str()?.parse::<u64>().ok())
        {
            latest = latest.max(Some((id, path)));
        }
    }
    Ok(latest)
}

/// Journals are made large and full of zeros; no record begins with one.
fn is_empty(journal: &Path) -> io::Result<bool> {
    let mut first = [0; 1];
    Ok(File::open(journal)?.read(&mut first)? == 0 || first == [0])
}

/// To be called once the database is open, before anyone reads it: what the
/// former journals hold is in tables when it returns.
pub(crate) fn write_tables<'a>(
    database: &Database,
    keyspaces: impl IntoIterator<Item = &'a Keyspace>,
    opening: Opening,
) -> Result<(), EngineError> {
    if opening == Opening::First {
        return Ok(());
    }
    let began = Instant::now();
    for keyspace in keyspaces {
        keyspace.rotate_memtable()?;
        while keyspace.sealed_memtable_count() > 0 {
            // Fails when the tables could not be written.
            database.persist(PersistMode::Buffer)?;
            if began.elapsed() > FLUSH_TIMEOUT {
                return Err(EngineError::Unavailable("writing tables takes too long".to_owned()));
            }
            std::thread::park_timeout(FLUSH_POLL);
        }
    }
    Ok(())
}
