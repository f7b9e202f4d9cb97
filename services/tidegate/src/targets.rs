//! Which targets there are and what each needs: the one table that start,
//! stop and refusals follow.

use std::fmt;

use anyhow::bail;

use crate::adapters::{Place, place};
use crate::config::Config;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    Agent,
    Gateway,
    Rollup,
    Compactor,
    Query,
}

/// What a target cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Log,
    Store,
    Archive,
}

pub struct Spec {
    pub name: Name,
    pub needs: &'static [Need],
}

/// In the order in which targets stop: what feeds others stops first. They
/// start the other way round.
pub const TABLE: [Spec; 5] = [
    Spec { name: Name::Agent, needs: &[] },
    Spec { name: Name::Gateway, needs: &[Need::Log] },
    Spec { name: Name::Rollup, needs: &[Need::Log, Need::Store] },
    Spec { name: Name::Compactor, needs: &[Need::Log, Need::Store, Need::Archive] },
    Spec { name: Name::Query, needs: &[Need::Log, Need::Store, Need::Archive] },
];

/// The targets of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    All,
    One(Name),
}

impl Selection {
    pub fn contains(self, name: Name) -> bool {
        match self {
            Selection::All => true,
            Selection::One(one) => one == name,
        }
    }

    /// Whether the process shall take little memory rather than be fast with much of it.
    pub fn is_small(self) -> bool {
        self == Selection::One(Name::Agent)
    }

    /// Whether a target of the selection is pushed to over gRPC.
    pub fn takes_grpc(self) -> bool {
        self.contains(Name::Gateway)
    }

    /// Whether a target of the selection cannot do without `need`.
    pub fn needs(self, need: Need) -> bool {
        TABLE.iter().any(|spec| self.contains(spec.name) && spec.needs.contains(&need))
    }

    /// Whether something of this process is kept on this machine's disk: a log,
    /// a store or an archive that is not shared, or the agent's buffer.
    pub fn needs_folder(self, config: &Config) -> bool {
        self.contains(Name::Agent)
            || Need::ALL.into_iter().any(|need| self.needs(need) && place(config, need) == Place::Folder)
    }

    /// Refuses a target in a process of its own whose log, store or archive
    /// other processes cannot reach.
    ///
    /// # Errors
    /// Naming the keys that are missing.
    pub fn check(self, config: &Config) -> anyhow::Result<()> {
        let Selection::One(name) = self else { return Ok(()) };
        let missing = Need::ALL.into_iter().filter(|need| self.needs(*need) && place(config, *need) == Place::Folder);
        let missing: Vec<_> = missing.map(Need::shared_key).collect();
        if missing.is_empty() {
            return Ok(());
        }
        bail!(
            "{name} in a process of its own needs {}; `tidegate all` runs it with the rest in one process",
            missing.join(" and ")
        )
    }
}

impl Need {
    const ALL: [Need; 3] = [Need::Log, Need::Store, Need::Archive];

    /// The key that names the servers which processes can share.
    fn shared_key(self) -> &'static str {
        match self {
            Need::Log => "eventlog.kafka.brokers",
            Need::Store => "store.cassandra.contact_points",
            Need::Archive => "archive.s3.bucket",
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selection::All => f.write_str("all"),
            Selection::One(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Name::Agent => "agent",
            Name::Gateway => "gateway",
            Name::Rollup => "rollup",
            Name::Compactor => "compactor",
            Name::Query => "query",
        })
    }
}

#[cfg(test)]
mod tests;
