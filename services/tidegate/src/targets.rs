//! Which targets there are and what each needs: the one table that start,
//! stop and refusals follow.

use std::fmt;

use anyhow::bail;

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

    /// Whether a target of the selection is pushed to over gRPC.
    pub fn takes_grpc(self) -> bool {
        self.contains(Name::Gateway)
    }

    /// Whether a target of the selection keeps things in log, store or archive.
    pub fn needs_adapters(self) -> bool {
        TABLE.iter().any(|spec| self.contains(spec.name) && !spec.needs.is_empty())
    }

    /// Refuses a target that needs a log or store shared between processes:
    /// the embedded ones live within one process.
    ///
    /// # Errors
    /// Naming what is needed.
    pub fn check(self) -> anyhow::Result<()> {
        let Selection::One(name) = self else { return Ok(()) };
        let needs = TABLE.iter().find(|spec| spec.name == name).map_or(&[][..], |spec| spec.needs);
        if needs.is_empty() {
            return Ok(());
        }
        let sections: Vec<_> = needs.iter().map(|need| need.shared_section()).collect();
        bail!(
            "{name} in a process of its own needs {}, not available in this build yet; `tidegate all` runs it with the \
             rest in one process",
            sections.join(" and ")
        )
    }
}

impl Need {
    /// The configuration section of the adapter that processes can share.
    fn shared_section(self) -> &'static str {
        match self {
            Need::Log => "eventlog.kafka",
            Need::Store => "store.cassandra",
            Need::Archive => "archive.s3",
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
