//! A fjall database that is opened again after a write failed.
//!
//! fjall refuses every write after one that failed ("poisoned"), since it no
//! longer knows what the file holds. Closing and opening it again replays its
//! journal and cuts off what is torn; acknowledged writes are all there.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, RwLock, RwLockReadGuard};

use crate::recovery::Opening;
use crate::watchdog::{Limits, Watchdog};

/// Least time between two attempts to open a database that failed.
const REOPEN_PAUSE: Duration = Duration::from_millis(500);

/// Why a database cannot be opened or used.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error("{0}")]
    Unavailable(String),
    #[error("{0}")]
    Corrupt(String),
    #[error("the data folder {0} is in use by another process")]
    Locked(String),
    /// Not the database's fault, so it is not opened again.
    #[error("{0}")]
    Refused(String),
}

/// Opens a database and whatever handles go with it.
type Open<H> = Box<dyn Fn(Opening) -> Result<H, EngineError> + Send + Sync>;

/// `H`: the database and its keyspaces; dropping all of it closes it.
pub(crate) struct Engine<H> {
    open: Open<H>,
    handles: RwLock<Option<H>>,
    failure: Mutex<Option<Failure>>,
    reopen_pause: Duration,
    watchdog: Watchdog,
}

struct Failure {
    cause: EngineError,
    since: Instant,
}

impl<H> Engine<H> {
    /// `what` it is, for messages.
    pub fn open(what: &'static str, open: Open<H>) -> Result<Self, EngineError> {
        Self::open_watched(what, open, Limits::default())
    }

    fn open_watched(what: &'static str, open: Open<H>, limits: Limits) -> Result<Self, EngineError> {
        let handles = RwLock::new(Some(open(Opening::First)?));
        let watchdog = Watchdog::start(what, limits)?;
        Ok(Self { open, handles, failure: Mutex::new(None), reopen_pause: REOPEN_PAUSE, watchdog })
    }

    /// Returns once a write takes too long, with what to tell those who wait.
    pub async fn stalled(&self) -> EngineError {
        self.watchdog.stalled().await
    }

    /// Uses the database; a failure changes nothing for others.
    pub fn read<T>(&self, read: impl FnOnce(&H) -> Result<T, EngineError>) -> Result<T, EngineError> {
        let handles = self.handles.read();
        match handles.as_ref() {
            Some(handles) => read(handles),
            None => Err(self.cause()),
        }
    }

    /// Uses the database to write. After a failure it is closed, and opened
    /// again at once or before a later write.
    pub fn write<T>(&self, write: impl FnOnce(&H) -> Result<T, EngineError>) -> Result<T, EngineError> {
        self.watchdog.check()?;
        let _guard = self.watchdog.guard();
        let handles = self.opened()?;
        let written = match handles.as_ref() {
            Some(handles) => write(handles),
            None => Err(self.cause()),
        };
        drop(handles);
        written.inspect_err(|error| {
            if !matches!(error, EngineError::Refused(_)) {
                self.reopen(error.clone());
            }
        })
    }

    fn opened(&self) -> Result<RwLockReadGuard<'_, Option<H>>, EngineError> {
        let handles = self.handles.read();
        if handles.is_some() {
            return Ok(handles);
        }
        drop(handles);
        let failed = self.failure.lock().as_ref().map(|failure| (failure.cause.clone(), failure.since));
        if let Some((cause, since)) = failed {
            if since.elapsed() < self.reopen_pause {
                return Err(cause);
            }
            self.reopen(cause);
        }
        Ok(self.handles.read())
    }

    fn reopen(&self, cause: EngineError) {
        let mut handles = self.handles.write();
        // The old one holds the lock of the folder: it goes first.
        *handles = None;
        tracing::warn!(%cause, "a write failed; the database is opened again");
        match (self.open)(Opening::AfterFailure) {
            Ok(opened) => {
                *handles = Some(opened);
                *self.failure.lock() = None;
            }
            Err(error) => {
                tracing::error!(%error, "the database cannot be opened again yet");
                *self.failure.lock() = Some(Failure { cause: error, since: Instant::now() });
            }
        }
    }

    fn cause(&self) -> EngineError {
        match self.failure.lock().as_ref() {
            Some(failure) => failure.cause.clone(),
            None => EngineError::Unavailable("the database is closed".to_owned()),
        }
    }
}

/// Runs `open` of a database in `folder`. Files that are damaged can make
/// fjall panic; that too becomes an error.
pub(crate) fn open_guarded<H>(folder: &Path, open: impl FnOnce() -> Result<H, fjall::Error>) -> Result<H, EngineError> {
    match catch_unwind(AssertUnwindSafe(open)) {
        Ok(opened) => opened.map_err(|error| match error {
            fjall::Error::Locked => EngineError::Locked(folder.display().to_string()),
            error => match failure(error) {
                EngineError::Unavailable(cause) => EngineError::Unavailable(format!("{}: {cause}", folder.display())),
                EngineError::Corrupt(cause) => EngineError::Corrupt(format!("{}: {cause}", folder.display())),
                other => other,
            },
        }),
        Err(_) => Err(EngineError::Corrupt(format!("{}: its files cannot be read", folder.display()))),
    }
}

/// What an error of fjall means to a caller.
pub(crate) fn failure(error: fjall::Error) -> EngineError {
    match error {
        fjall::Error::Io(cause) => EngineError::Unavailable(cause.to_string()),
        fjall::Error::Storage(fjall::LsmError::Io(cause)) => EngineError::Unavailable(cause.to_string()),
        fjall::Error::Poisoned => {
            EngineError::Unavailable("an earlier write failed, or writing in the background did".to_owned())
        }
        fjall::Error::KeyspaceDeleted => EngineError::Unavailable("the data was dropped by retention".to_owned()),
        other => EngineError::Corrupt(format!("{other:?}")),
    }
}

impl From<fjall::Error> for EngineError {
    fn from(error: fjall::Error) -> Self {
        failure(error)
    }
}

#[cfg(test)]
mod tests;
