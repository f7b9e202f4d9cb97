//! Which faults there are, where they can be had, and what clients do meanwhile.

use crate::client::Habits;
use crate::cluster::Topology;
use crate::cluster::Topology::{Embedded, Fleet};
use crate::node::Target;
use crate::stack::Size;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The clients' habits are all that is wrong.
    Nothing,
    /// SIGKILL at a random moment, then a start.
    Kill(Target),
    /// A process dies at a place of its own choice.
    Failpoints,
    /// SIGSTOP for longer than a session lasts, then SIGCONT.
    Freeze(Target),
    /// Some of each of these, one after the other.
    Mixed,
    /// One process of a target hears nothing of its servers for longer than a session lasts, nor they of it.
    Cut(Target, Side),
    /// SIGKILL for each broker in turn.
    Brokers,
    /// A broker whose clock jumps an hour ahead, an hour back, half an hour back; then back to normal.
    BrokerClock,
    /// Clients whose clocks jump an hour ahead, then an hour behind, then back to normal.
    ClientClocks,
    /// Clients that reach no gateway for minutes, and then send what they have kept.
    CutOffClients,
    /// SIGKILL for so many of three nodes of Cassandra.
    Nodes(u16),
    /// Errors, time-outs, lost and wrong answers.
    S3,
    /// A rollup joins or leaves every 5 s for 2 min.
    Storm,
    /// Bytes in the topic that are no record.
    Poison,
    /// Records are deleted that no rollup has read.
    Retention,
    /// Another version of the program is replaced by this one, one process at a time, and this one by it.
    Upgrade,
    /// The topic is deleted and made under the same name, every other time after it was given more partitions.
    MadeAnew,
}

/// What a process is cut off from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    Brokers,
    Store,
    /// Brokers and store.
    Both,
    Archive,
}

impl Side {
    pub fn is_of_brokers(self) -> bool {
        matches!(self, Side::Brokers | Side::Both)
    }

    pub fn is_of_store(self) -> bool {
        matches!(self, Side::Store | Side::Both)
    }
}

#[derive(Clone, Copy)]
pub struct Scenario {
    pub name: &'static str,
    pub kind: Kind,
    pub topologies: &'static [Topology],
    /// Runs that the full version has, in each topology.
    pub runs: u32,
    /// Of those, so many share a session: its start, its recount.
    pub runs_a_session: u32,
    /// Runs in the quick version, in the first of its topologies.
    quick_runs: u32,
    /// Servers that a fleet needs.
    pub size: Size,
    habits: fn(&mut Habits),
}

impl Scenario {
    pub fn habits(&self) -> Habits {
        let mut habits = Habits::default();
        (self.habits)(&mut habits);
        habits
    }

    pub fn quick_runs(&self, topology: Topology) -> u32 {
        if self.topologies.first() == Some(&topology) { self.quick_runs } else { 0 }
    }
}

/// Needs another version of the program to be named.
pub const UPGRADE: &str = "upgrade";

const ONE: Size = Size { brokers: 1, nodes: 1 };
const THREE_BROKERS: Size = Size { brokers: 3, nodes: 1 };
const THREE_NODES: Size = Size { brokers: 1, nodes: 3 };
const DAY_MS: i64 = 24 * 3_600_000;

const ON_A_FLEET: Scenario = Scenario {
    name: "",
    kind: Kind::Nothing,
    topologies: &[Fleet],
    runs: 3,
    runs_a_session: 3,
    quick_runs: 0,
    size: ONE,
    habits: |_| {},
};
const ANYWHERE: Scenario = Scenario { topologies: &[Embedded, Fleet], runs_a_session: 1, ..ON_A_FLEET };
const EMBEDDED: Scenario = Scenario { topologies: &[Embedded], ..ON_A_FLEET };

/// In the order in which they are run: the short ones that find most come first.
pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "mixed", kind: Kind::Mixed, runs: 6, runs_a_session: 6, quick_runs: 6, ..ON_A_FLEET },
    Scenario {
        name: "kill-9-all",
        kind: Kind::Kill(Target::All),
        runs: 20,
        runs_a_session: 5,
        quick_runs: 5,
        ..EMBEDDED
    },
    Scenario { name: "failpoints", kind: Kind::Failpoints, runs: 48, runs_a_session: 4, quick_runs: 6, ..ANYWHERE },
    Scenario { name: "freeze-all", kind: Kind::Freeze(Target::All), ..EMBEDDED },
    Scenario { name: "lost-answers", quick_runs: 1, habits: |habits| habits.lost_answers_per_mille = 100, ..ANYWHERE },
    Scenario {
        name: "same-batch-five-times",
        quick_runs: 1,
        habits: |habits| habits.repeated_per_mille = 250,
        ..ANYWHERE
    },
    Scenario {
        name: "late-and-early",
        quick_runs: 1,
        habits: |habits| {
            habits.displaced_per_mille = 300;
            habits.past_ms = 0..DAY_MS;
            habits.past_series = 4;
            habits.pause_ms = 200;
        },
        ..ANYWHERE
    },
    Scenario { name: "client-clocks-jump", kind: Kind::ClientClocks, ..ANYWHERE },
    Scenario { name: "clients-cut-off", kind: Kind::CutOffClients, habits: |habits| habits.pause_ms = 300, ..ANYWHERE },
    Scenario { name: "zombie-rollup", kind: Kind::Freeze(Target::Rollup), runs: 20, runs_a_session: 5, ..ON_A_FLEET },
    Scenario { name: "kill-9-rollup", kind: Kind::Kill(Target::Rollup), runs: 20, runs_a_session: 10, ..ON_A_FLEET },
    Scenario { name: "kill-9-gateway", kind: Kind::Kill(Target::Gateway), runs: 20, runs_a_session: 10, ..ON_A_FLEET },
    Scenario {
        name: "kill-9-compactor",
        kind: Kind::Kill(Target::Compactor),
        runs: 20,
        runs_a_session: 10,
        ..ON_A_FLEET
    },
    Scenario { name: "kill-9-query", kind: Kind::Kill(Target::Query), runs: 20, runs_a_session: 10, ..ON_A_FLEET },
    Scenario { name: "gateway-cut-from-broker", kind: Kind::Cut(Target::Gateway, Side::Brokers), ..ON_A_FLEET },
    Scenario { name: "rollup-cut-from-broker", kind: Kind::Cut(Target::Rollup, Side::Brokers), ..ON_A_FLEET },
    Scenario {
        name: "rollup-cut-from-store",
        kind: Kind::Cut(Target::Rollup, Side::Store),
        runs_a_session: 2,
        ..ON_A_FLEET
    },
    Scenario {
        name: "rollup-cut-from-both",
        kind: Kind::Cut(Target::Rollup, Side::Both),
        runs_a_session: 2,
        ..ON_A_FLEET
    },
    Scenario {
        name: "compactor-cut-from-broker",
        kind: Kind::Cut(Target::Compactor, Side::Brokers),
        runs_a_session: 2,
        ..ON_A_FLEET
    },
    Scenario {
        name: "compactor-cut-from-store",
        kind: Kind::Cut(Target::Compactor, Side::Store),
        runs_a_session: 2,
        ..ON_A_FLEET
    },
    Scenario {
        name: "compactor-cut-from-archive",
        kind: Kind::Cut(Target::Compactor, Side::Archive),
        runs_a_session: 2,
        ..ON_A_FLEET
    },
    Scenario { name: UPGRADE, kind: Kind::Upgrade, runs_a_session: 1, ..ON_A_FLEET },
    Scenario { name: "rebalance-storm", kind: Kind::Storm, runs_a_session: 1, ..ON_A_FLEET },
    Scenario { name: "retention-overrun", kind: Kind::Retention, runs_a_session: 1, ..ON_A_FLEET },
    Scenario { name: "topic-made-anew", kind: Kind::MadeAnew, runs_a_session: 1, ..ON_A_FLEET },
    Scenario { name: "poison-record", kind: Kind::Poison, ..ON_A_FLEET },
    Scenario { name: "s3-faults", kind: Kind::S3, runs_a_session: 1, ..ON_A_FLEET },
    Scenario { name: "broker-clock-jumps", kind: Kind::BrokerClock, runs_a_session: 1, ..ON_A_FLEET },
    Scenario { name: "frozen-gateway", kind: Kind::Freeze(Target::Gateway), ..ON_A_FLEET },
    Scenario { name: "frozen-compactor", kind: Kind::Freeze(Target::Compactor), ..ON_A_FLEET },
    Scenario { name: "one-broker-of-three", kind: Kind::Brokers, size: THREE_BROKERS, ..ON_A_FLEET },
    Scenario { name: "one-node-of-three", kind: Kind::Nodes(1), runs_a_session: 1, size: THREE_NODES, ..ON_A_FLEET },
    Scenario { name: "two-nodes-of-three", kind: Kind::Nodes(2), runs_a_session: 1, size: THREE_NODES, ..ON_A_FLEET },
];

/// Places where the process dies by its own hand; `services/tidegate/src/failpoints.rs` says what each leaves behind.
pub const FAILPOINTS: &[(&str, Target)] = &[
    ("append-after", Target::Gateway),
    ("progress-before", Target::Rollup),
    ("rows-after", Target::Rollup),
    ("ship-before", Target::Compactor),
    ("progress-after", Target::Rollup),
    ("commit-before", Target::Rollup),
    ("append-before", Target::Gateway),
    ("rows-before", Target::Rollup),
    ("commit-after", Target::Rollup),
    ("sightings-before", Target::Rollup),
    ("sightings-after", Target::Rollup),
    ("touch-before", Target::Rollup),
    ("touch-after", Target::Rollup),
    ("series-before", Target::Rollup),
    ("series-after", Target::Rollup),
    ("ship-after", Target::Compactor),
];
