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
    /// SIGKILL for each broker in turn.
    Brokers,
    /// A broker whose clock jumps an hour ahead, an hour back, half an hour back; then back to normal.
    BrokerClock,
    /// SIGKILL for so many of three nodes of Cassandra.
    Nodes(u16),
    /// Errors, time-outs, lost and wrong answers.
    S3,
    /// A rollup joins or leaves every 5 s for 2 min.
    Storm,
    /// Bytes in the topic that are no record.
    Poison,
}

pub struct Scenario {
    pub name: &'static str,
    pub kind: Kind,
    pub topologies: &'static [Topology],
    /// Runs that the full version has.
    pub runs: u32,
    /// Of those, so many share a session: its start, its recount.
    pub runs_a_session: u32,
    /// Runs in the quick version, in one session.
    pub quick_runs: u32,
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
}

const ONE: Size = Size { brokers: 1, nodes: 1 };
const THREE_BROKERS: Size = Size { brokers: 3, nodes: 1 };
const THREE_NODES: Size = Size { brokers: 1, nodes: 3 };
const DAY_MS: i64 = 24 * 3_600_000;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "nothing",
        kind: Kind::Nothing,
        topologies: &[Embedded, Fleet],
        runs: 1,
        runs_a_session: 1,
        quick_runs: 0,
        size: ONE,
        habits: |_| {},
    },
    Scenario {
        name: "kill-9-all",
        kind: Kind::Kill(Target::All),
        topologies: &[Embedded],
        runs: 20,
        runs_a_session: 5,
        quick_runs: 5,
        size: ONE,
        habits: |_| {},
    },
    Scenario {
        name: "failpoints",
        kind: Kind::Failpoints,
        topologies: &[Embedded, Fleet],
        runs: 48,
        runs_a_session: 16,
        quick_runs: 6,
        size: ONE,
        habits: |_| {},
    },
    Scenario {
        name: "freeze-all",
        kind: Kind::Freeze(Target::All),
        topologies: &[Embedded],
        runs: 3,
        runs_a_session: 3,
        quick_runs: 0,
        size: ONE,
        habits: |_| {},
    },
    Scenario {
        name: "lost-answers",
        kind: Kind::Nothing,
        topologies: &[Embedded, Fleet],
        runs: 3,
        runs_a_session: 1,
        quick_runs: 1,
        size: ONE,
        habits: |habits| habits.lost_answers_per_mille = 100,
    },
    Scenario {
        name: "same-batch-five-times",
        kind: Kind::Nothing,
        topologies: &[Embedded, Fleet],
        runs: 3,
        runs_a_session: 1,
        quick_runs: 1,
        size: ONE,
        habits: |habits| habits.repeated_per_mille = 250,
    },
    Scenario {
        name: "late-and-early",
        kind: Kind::Nothing,
        topologies: &[Embedded, Fleet],
        runs: 3,
        runs_a_session: 1,
        quick_runs: 1,
        size: ONE,
        habits: |habits| {
            habits.displaced_per_mille = 300;
            habits.past_ms = 0..DAY_MS;
            habits.past_series = 4;
            habits.pause_ms = 200;
        },
    },
    Scenario {
        name: "client-clock-an-hour-behind",
        kind: Kind::Nothing,
        topologies: &[Embedded, Fleet],
        runs: 3,
        runs_a_session: 1,
        quick_runs: 0,
        size: ONE,
        habits: |habits| habits.clock_ahead_ms = -3_600_000,
    },
    Scenario {
        name: "kill-9-gateway",
        kind: Kind::Kill(Target::Gateway),
        topologies: &[Fleet],
        runs: 20,
        runs_a_session: 10,
        quick_runs: 0,
        size: ONE,
        habits: |_| {},
    },
    Scenario {
        name: "kill-9-rollup",
        kind: Kind::Kill(Target::Rollup),
        topologies: &[Fleet],
        runs: 20,
        runs_a_session: 10,
        quick_runs: 0,
        size: ONE,
        habits: |_| {},
    },
    Scenario {
        name: "kill-9-compactor",
        kind: Kind::Kill(Target::Compactor),
        topologies: &[Fleet],
        runs: 20,
        runs_a_session: 10,
        quick_runs: 0,
        size: ONE,
        habits: |_| {},
    },
    Scenario {
        name: "kill-9-query",
        kind: Kind::Kill(Target::Query),
        topologies: &[Fleet],
        runs: 20,
        runs_a_session: 10,
        quick_runs: 0,
        size: ONE,
        habits: |_| {},
    },
    Scenario {
        name: "zombie-rollup",
        kind: Kind::Freeze(Target::Rollup),
        topologies: &[Fleet],
        runs: 20,
        runs_a_session: 5,
        quick_runs: 0,
        size: ONE,
        habits: |_| {},
    },
    Scenario {
        name: "frozen-gateway",
        kind: Kind::Freeze(Target::Gateway),
        topologies: &[Fleet],
        runs: 3,
        runs_a_session: 3,
        quick_runs: 0,
        size: ONE,
        habits: |_| {},
    },
    Scenario {
        name: "frozen-compactor",
        kind: Kind::Freeze(Target::Compactor),
        topologies: &[Fleet],
        runs: 3,
        runs_a_session: 3,
        quick_runs: 0,
        size: ONE,
        habits: |_| {},
    },
    Scenario {
        name: "s3-faults",
        kind: Kind::S3,
        topologies: &[Fleet],
        runs: 3,
        runs_a_session: 1,
        quick_runs: 0,
        size: ONE,
        habits: |_| {},
    },
    Scenario {
        name: "rebalance-storm",
        kind: Kind::Storm,
        topologies: &[Fleet],
        runs: 3,
        runs_a_session: 1,
        quick_runs: 0,
        size: ONE,
        habits: |_| {},
    },
    Scenario {
        name: "poison-record",
        kind: Kind::Poison,
        topologies: &[Fleet],
        runs: 3,
        runs_a_session: 3,
        quick_runs: 0,
        size: ONE,
        habits: |_| {},
    },
    Scenario {
        name: "one-broker-of-three",
        kind: Kind::Brokers,
        topologies: &[Fleet],
        runs: 3,
        runs_a_session: 3,
        quick_runs: 0,
        size: THREE_BROKERS,
        habits: |_| {},
    },
    Scenario {
        name: "one-node-of-three",
        kind: Kind::Nodes(1),
        topologies: &[Fleet],
        runs: 3,
        runs_a_session: 3,
        quick_runs: 0,
        size: THREE_NODES,
        habits: |_| {},
    },
    Scenario {
        name: "two-nodes-of-three",
        kind: Kind::Nodes(2),
        topologies: &[Fleet],
        runs: 3,
        runs_a_session: 3,
        quick_runs: 0,
        size: THREE_NODES,
        habits: |_| {},
    },
    Scenario {
        name: "broker-clock-jumps",
        kind: Kind::BrokerClock,
        topologies: &[Fleet],
        runs: 3,
        runs_a_session: 3,
        quick_runs: 0,
        size: ONE,
        habits: |_| {},
    },
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
