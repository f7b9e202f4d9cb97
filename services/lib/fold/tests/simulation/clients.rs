//! Those who push: with sessions, one batch in flight, or without any id; now
//! and then a batch is sent again.

use tidegate_model::BatchId;

use crate::cluster::{Cluster, Part, Payload, Record, Sample};
use crate::random::{Random, mix};
use crate::run::Mode;

const SESSIONS: usize = 3;

pub struct Clients {
    /// Of each session the batch in flight.
    in_flight: [Option<Part>; SESSIONS],
    sequences: [u64; SESSIONS],
    sent: Vec<Part>,
    now_ms: i64,
}

impl Clients {
    pub fn new(now_ms: i64) -> Self {
        Self { in_flight: Default::default(), sequences: [0; SESSIONS], sent: Vec::new(), now_ms }
    }

    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Appends a record or two.
    pub fn push(&mut self, cluster: &mut Cluster, random: &mut Random, mode: Mode) {
        self.now_ms += random.pick(&[0, 0, 300, 1_000, 2_000, 5_000, 20_000]);
        let jump_s = match mode {
            Mode::LogTruncated => 0,
            _ if random.chance(0.05) => random.pick(&[-100, -30, 3_600]),
            _ => 0,
        };
        let payload = if random.chance(0.01) {
            Payload::Poison
        } else {
            let count = if random.chance(0.2) { 2 } else { 1 };
            Payload::Parts((0..count).map(|_| self.part(random)).collect())
        };
        self.append(cluster, self.now_ms + jump_s * 1_000, payload);
        if random.chance(0.15)
            && let Some(again) = self.earlier(random)
        {
            self.append(cluster, self.now_ms, Payload::Parts(vec![again]));
        }
    }

    pub fn tick(&mut self, cluster: &mut Cluster, append_ms: i64) {
        self.append(cluster, append_ms, Payload::Parts(Vec::new()));
    }

    fn append(&mut self, cluster: &mut Cluster, append_ms: i64, payload: Payload) {
        cluster.log.push(Record { append_ms, payload, true_ms: self.now_ms });
    }

    /// A batch that was sent before, from the recent past or from any time.
    fn earlier(&self, random: &mut Random) -> Option<Part> {
        let recent = if random.chance(0.5) { 5 } else { self.sent.len() };
        let from = self.sent.len().saturating_sub(recent);
        self.sent.get(from + random.below(self.sent.len() - from)).cloned()
    }

    fn part(&mut self, random: &mut Random) -> Part {
        let part = if random.chance(0.5) { self.session_part(random) } else { self.content_part(random) };
        self.sent.push(part.clone());
        part
    }

    fn content_part(&mut self, random: &mut Random) -> Part {
        let number = self.sent.len() as u64;
        let id = u128::from(mix(number)) << 64 | u128::from(number);
        Part { batch: BatchId::Content(id), samples: self.samples(random, number) }
    }

    fn session_part(&mut self, random: &mut Random) -> Part {
        let client = random.below(SESSIONS);
        if let Some(unanswered) = self.in_flight[client].take() {
            // No answer came: the same batch again, and perhaps once more.
            if random.chance(0.5) {
                self.in_flight[client] = Some(unanswered.clone());
            }
            return unanswered;
        }
        self.sequences[client] += 1 + random.below(2) as u64;
        let batch = BatchId::Session { session: client as u128, sequence: self.sequences[client] };
        let number = (client as u64 + 1) << 32 | self.sequences[client];
        let part = Part { batch, samples: self.samples(random, number) };
        if random.chance(0.2) {
            self.in_flight[client] = Some(part.clone());
        }
        part
    }

    fn samples(&self, random: &mut Random, batch: u64) -> Vec<Sample> {
        let count = random.between(1, 3) as u64;
        (0..count)
            .map(|index| {
                let late_s = if random.chance(0.3) {
                    random.pick(&[-900, -300, -70, -5, 0, 1, 2, 3, 9, 12, 30, 70, 200, 5_000])
                } else {
                    random.between(0, 3)
                };
                Sample {
                    series: random.below(3) as u8,
                    time_ms: self.now_ms - late_s * 1_000 - random.between(0, 999),
                    value: (mix(batch << 4 | index) >> 24) as f64,
                }
            })
            .collect()
    }
}
