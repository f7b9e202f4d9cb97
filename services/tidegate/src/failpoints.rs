//! Places where a test may have the process die: around the calls to log and
//! store after which things are on disk. Without `TIDEGATE_FAILPOINT` nothing
//! is between the targets and their adapters.
//!
//! | place | what a death there leaves behind |
//! |---|---|
//! | `append-before` | a batch that is nowhere |
//! | `append-after` | a batch in the log whose client was not answered |
//! | `rows-before` | closed fragments that are not stored |
//! | `rows-after` | rows in the store that no progress covers |
//! | `progress-before` | rows, sightings and touched hours without progress |
//! | `progress-after` | progress whose offset is not committed |
//! | `commit-before`, `commit-after` | the same; nothing |
//! | `ship-before` | an object in the archive that its hour is not marked with |
//! | `ship-after` | a marked hour without `_SUCCESS` |
//! | `sightings-…`, `touch-…`, `series-…` | a flush cut off in between |

mod log;
mod store;

use std::sync::Arc;

use tidegate_eventlog::EventLog;
use tidegate_hotstore::HotStore;
use tidegate_runtime::failpoint::{Failpoint, FailpointError, VARIABLE};

use crate::adapters::Adapters;

/// The names of the places.
mod place {
    /// Before a call and after it.
    pub struct Around {
        pub before: &'static str,
        pub after: &'static str,
    }

    pub const APPEND: Around = Around { before: "append-before", after: "append-after" };
    pub const COMMIT: Around = Around { before: "commit-before", after: "commit-after" };
    pub const ROWS: Around = Around { before: "rows-before", after: "rows-after" };
    pub const SIGHTINGS: Around = Around { before: "sightings-before", after: "sightings-after" };
    pub const TOUCH: Around = Around { before: "touch-before", after: "touch-after" };
    pub const SERIES: Around = Around { before: "series-before", after: "series-after" };
    pub const PROGRESS: Around = Around { before: "progress-before", after: "progress-after" };
    pub const SHIP: Around = Around { before: "ship-before", after: "ship-after" };

    pub fn all() -> Vec<&'static str> {
        let around = [APPEND, COMMIT, ROWS, SIGHTINGS, TOUCH, SERIES, PROGRESS, SHIP];
        around.iter().flat_map(|around| [around.before, around.after]).collect()
    }
}

/// The place that the environment asks for; said loudly.
///
/// # Errors
/// When the variable's value makes no sense.
pub fn from_environment() -> Result<Option<Arc<Failpoint>>, FailpointError> {
    let Some(value) = std::env::var_os(VARIABLE) else { return Ok(None) };
    let failpoint = Failpoint::parse(&value.to_string_lossy(), &place::all())?;
    tracing::error!(%failpoint, "{VARIABLE} is set: this process will abort there. It is for tests only");
    Ok(Some(Arc::new(failpoint)))
}

/// The adapters with the place in between.
pub fn around(adapters: Adapters, failpoint: Option<&Arc<Failpoint>>) -> Adapters {
    let Some(failpoint) = failpoint else { return adapters };
    Adapters {
        log: adapters.log.map(|log| Arc::new(log::FailingLog::new(log, failpoint.clone())) as Arc<dyn EventLog>),
        store: adapters
            .store
            .map(|store| Arc::new(store::FailingStore::new(store, failpoint.clone())) as Arc<dyn HotStore>),
        ..adapters
    }
}
