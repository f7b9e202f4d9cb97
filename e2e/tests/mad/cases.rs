//! Cases from a seed. A case has dimensions of its own, so that its buckets open with its first sample and no other
//! case's trouble reaches it.

use std::collections::BTreeMap;

use tidegate_testkit::{Random, now_ms};

use crate::{client, text, units};

#[derive(Default)]
pub struct Cases {
    /// What each case is, by the value of its dimension `case`.
    pub names: BTreeMap<String, String>,
    pub messages: Vec<Message>,
    /// Values that a case has at most.
    pub longest: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    First,
    /// After the shortest buckets of the first phase have closed.
    Late,
}

pub enum To {
    Http { path: String, headers: Vec<(String, String)> },
    Statsd,
    Graphite,
    Telegraf,
    Mapped,
    Stamped,
}

pub struct Message {
    pub name: String,
    pub phase: Phase,
    pub to: To,
    pub body: Vec<u8>,
}

impl Cases {
    /// About `each` of every kind of input. A few are short, so that a recording of them is.
    pub fn generate(random: &mut Random, each: u64) -> Self {
        let is_short = each < 100;
        let mut cases = Self { longest: if is_short { 40 } else { 100_000 }, ..Self::default() };
        // An hour ago, at a full minute: every bucket is late and closes by when its first sample came.
        let base_ms = (now_ms() / 60_000 - 60) * 60_000;
        client::v3(&mut cases, &mut random.fork(), base_ms, 4 * each);
        client::v2(&mut cases, &mut random.fork(), base_ms, 2 * each);
        client::v1(&mut cases, &mut random.fork(), base_ms, each);
        units::every(&mut cases, base_ms, if is_short { 13 } else { 1 });
        text::prometheus(&mut cases, &mut random.fork(), base_ms, each);
        text::collectd(&mut cases, &mut random.fork(), base_ms, each);
        text::graphite(&mut cases, &mut random.fork(), base_ms, each);
        text::telegraf(&mut cases, &mut random.fork(), base_ms, each);
        text::statsd(&mut cases, &mut random.fork(), each);
        cases
    }

    /// The value of a new case's dimension.
    pub fn name(&mut self, kind: &str, what: &str) -> String {
        let case = format!("{kind}-{}", self.names.len());
        self.names.insert(case.clone(), what.to_owned());
        case
    }

    pub fn http(&mut self, name: String, phase: Phase, path: &str, body: Vec<u8>) {
        self.messages.push(Message { name, phase, to: To::Http { path: path.to_owned(), headers: Vec::new() }, body });
    }

    pub fn push(&mut self, name: &str, phase: Phase, to: To, body: Vec<u8>) {
        self.messages.push(Message { name: name.to_owned(), phase, to, body });
    }
}

/// The first part of a metric's name decides its statistics.
pub fn prefix(random: &mut Random) -> &'static str {
    ["all", "all", "tp", "cnt", "cnt/few", "def", "def"][random.below(7) as usize]
}

/// How many values a case has: mostly few.
pub fn length(cases: &Cases, random: &mut Random) -> usize {
    let most = match random.below(100) {
        0 => 100_000,
        1..=3 => 10_000,
        4..=10 => 1_000,
        11..=30 => 100,
        _ => 12,
    };
    (1 + random.below(most) as usize).min(cases.longest)
}

/// In 0..1.
pub fn fraction(random: &mut Random) -> f64 {
    (random.draw() >> 11) as f64 / (1u64 << 53) as f64
}

/// A word for the kind of values, and the values.
pub fn values(random: &mut Random, length: usize) -> (&'static str, Vec<f64>) {
    const SPECIAL: [f64; 14] = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        0.0,
        -0.0,
        f64::MIN_POSITIVE,
        5e-324,
        -5e-324,
        f64::MAX,
        f64::MIN,
        1.0,
        -1.0,
        0.1,
        1e16,
    ];
    let special = |random: &mut Random| SPECIAL[random.below(SPECIAL.len() as u64) as usize];
    let kind = random.below(9);
    let mut one = |kind: u64| match kind {
        0 => random.below(10) as f64,
        1 => fraction(random) * 100.0,
        2 => (fraction(random) * 20.0 - 10.0).exp(),
        3 => fraction(random) - 0.5,
        4 => f64::from_bits(random.draw()),
        5 => special(random),
        6 if random.strikes(100) => special(random),
        6 => fraction(random) * 1e-3,
        // Far apart, so that the order of adding shows.
        7 => (fraction(random) - 0.5) * 10f64.powi(random.below(40) as i32 - 20),
        _ => 42.5,
    };
    let canonical = |value: f64| if value.is_nan() { f64::NAN } else { value };
    let word =
        ["digits", "percents", "exponential", "around zero", "any bits", "special", "some special", "wide", "constant"];
    (word[kind as usize], (0..length).map(|_| canonical(one(kind))).collect())
}
