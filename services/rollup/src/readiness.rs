//! Whether the target really consumes, and if not, why.

use std::collections::BTreeMap;
use std::time::SystemTime;

use parking_lot::Mutex;
use tidegate_runtime::Part;

/// Ready when every assigned partition has read all that was in the log when
/// it was taken over, and nothing is being tried again.
pub(crate) struct Readiness {
    part: Part,
    partitions: Mutex<BTreeMap<u16, State>>,
}

#[derive(Default)]
struct State {
    caught_up: bool,
    /// By what is being tried again.
    troubles: BTreeMap<&'static str, Trouble>,
}

struct Trouble {
    unavailable: &'static str,
    since: SystemTime,
    error: String,
}

impl Readiness {
    pub fn new(part: Part) -> Self {
        Self { part, partitions: Mutex::default() }
    }

    pub fn assigned(&self, partition: u16) {
        self.change(|partitions| {
            partitions.insert(partition, State::default());
        });
    }

    pub fn revoked(&self, partition: u16) {
        self.change(|partitions| {
            partitions.remove(&partition);
        });
    }

    pub fn caught_up(&self, partition: u16) {
        self.change(|partitions| {
            if let Some(state) = partitions.get_mut(&partition) {
                state.caught_up = true;
            }
        });
    }

    pub fn trouble(&self, partition: u16, what: &'static str, unavailable: &'static str, error: &str) {
        let trouble = Trouble { unavailable, since: SystemTime::now(), error: error.to_owned() };
        self.change(|partitions| {
            if let Some(state) = partitions.get_mut(&partition) {
                state.troubles.insert(what, trouble);
            }
        });
    }

    pub fn recovered(&self, partition: u16, what: &'static str) {
        self.change(|partitions| {
            if let Some(state) = partitions.get_mut(&partition) {
                state.troubles.remove(what);
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut BTreeMap<u16, State>)) {
        let mut partitions = self.partitions.lock();
        change(&mut partitions);
        match reason(&partitions) {
            Some(reason) => self.part.not_ready(reason),
            None => self.part.ready(),
        }
    }
}

fn reason(partitions: &BTreeMap<u16, State>) -> Option<String> {
    let troubles = partitions.values().flat_map(|state| state.troubles.iter());
    if let Some((what, trouble)) = troubles.min_by_key(|(_, trouble)| trouble.since) {
        let since = humantime::format_rfc3339_seconds(trouble.since);
        return Some(format!("{} not available since {since} ({what}): {}", trouble.unavailable, trouble.error));
    }
    let behind: Vec<_> =
        partitions.iter().filter(|(_, state)| !state.caught_up).map(|(partition, _)| partition).collect();
    (!behind.is_empty()).then(|| format!("catching up on partitions {behind:?}"))
}
