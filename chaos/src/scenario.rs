//! Which faults there are, where they can be had, and what clients do meanwhile.

use crate::client::Habits;
use crate::cluster::Topology;
use crate::cluster::Topology::{Embedded, Fleet};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Nothing,
    KillAll,
    Failpoints,
    Freeze,
    LostAnswers,
    Duplicates,
    Late,
    ClientClockBehind,
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
    habits: fn(&mut Habits),
}

impl Scenario {
    pub fn habits(&self) -> Habits {
        let mut habits = Habits::default();
        (self.habits)(&mut habits);
        habits
    }
}

const DAY_MS: i64 = 24 * 3_600_000;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "nothing",
        kind: Kind::Nothing,
        topologies: &[Embedded, Fleet],
        runs: 1,
        runs_a_session: 1,
        quick_runs: 0,
        habits: |_| {},
    },
    Scenario {
        name: "kill-9-all",
        kind: Kind::KillAll,
        topologies: &[Embedded],
        runs: 20,
        runs_a_session: 5,
        quick_runs: 5,
        habits: |_| {},
    },
    Scenario {
        name: "failpoints",
        kind: Kind::Failpoints,
        topologies: &[Embedded],
        runs: 48,
        runs_a_session: 16,
        quick_runs: 6,
        habits: |_| {},
    },
    Scenario {
        name: "freeze-all",
        kind: Kind::Freeze,
        topologies: &[Embedded],
        runs: 3,
        runs_a_session: 3,
        quick_runs: 0,
        habits: |_| {},
    },
    Scenario {
        name: "lost-answers",
        kind: Kind::LostAnswers,
        topologies: &[Embedded, Fleet],
        runs: 3,
        runs_a_session: 1,
        quick_runs: 1,
        habits: |habits| habits.lost_answers_per_mille = 100,
    },
    Scenario {
        name: "same-batch-five-times",
        kind: Kind::Duplicates,
        topologies: &[Embedded, Fleet],
        runs: 3,
        runs_a_session: 1,
        quick_runs: 1,
        habits: |habits| habits.repeated_per_mille = 250,
    },
    Scenario {
        name: "late-and-early",
        kind: Kind::Late,
        topologies: &[Embedded, Fleet],
        runs: 3,
        runs_a_session: 1,
        quick_runs: 1,
        habits: |habits| {
            habits.displaced_per_mille = 300;
            habits.past_ms = 0..DAY_MS;
            habits.past_series = 4;
            habits.pause_ms = 200;
        },
    },
    Scenario {
        name: "client-clock-an-hour-behind",
        kind: Kind::ClientClockBehind,
        topologies: &[Embedded, Fleet],
        runs: 3,
        runs_a_session: 1,
        quick_runs: 0,
        habits: |habits| habits.clock_ahead_ms = -3_600_000,
    },
];

/// Places where the process dies by its own hand; `services/tidegate/src/failpoints.rs` says what each leaves behind.
pub const FAILPOINTS: &[&str] = &[
    "append-after",
    "progress-before",
    "rows-after",
    "ship-before",
    "progress-after",
    "commit-before",
    "append-before",
    "rows-before",
    "commit-after",
    "sightings-before",
    "sightings-after",
    "touch-before",
    "touch-after",
    "series-before",
    "series-after",
    "ship-after",
];
