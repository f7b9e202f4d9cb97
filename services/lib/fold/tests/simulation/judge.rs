//! What ought to be stored, by an account of its own: which batches count,
//! and what each window of a series then holds, whatever fragments it is
//! spread over.

use std::collections::{BTreeMap, HashMap};

use tidegate_model::{BatchId, Clock, Window, WindowValue};

use crate::cluster::{Cluster, Payload, Sample};
use crate::run::RULES;

/// A window of a series, all its fragments together. Values are whole numbers
/// drawn from 2^40, so that their sum names the set of them.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Held {
    count: u32,
    sum: f64,
    min: f64,
    max: f64,
    first_ms: i64,
    last_ms: i64,
}

impl Held {
    fn add(&mut self, other: Held) {
        self.count += other.count;
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.first_ms = self.first_ms.min(other.first_ms);
        self.last_ms = self.last_ms.max(other.last_ms);
    }
}

type Windows = BTreeMap<(u8, i64), Held>;

fn add(windows: &mut Windows, key: (u8, i64), held: Held) {
    windows.entry(key).and_modify(|sum| sum.add(held)).or_insert(held);
}

fn add_sample(windows: &mut Windows, sample: &Sample, length_ms: i64) {
    let Sample { series, time_ms, value } = *sample;
    let held = Held { count: 1, sum: value, min: value, max: value, first_ms: time_ms, last_ms: time_ms };
    add(windows, (series, time_ms.div_euclid(length_ms) * length_ms), held);
}

fn stored(cluster: &Cluster, of: fn(&crate::cluster::StoredRow) -> &[Window]) -> Windows {
    let mut windows = Windows::new();
    for row in cluster.rows.values() {
        for window in of(row) {
            let WindowValue::Float(w) = &window.value else { panic!("only floats were sent") };
            let (first_ms, last_ms) = (w.first.time_ms, w.last.time_ms);
            let held = Held { count: w.count, sum: w.sum, min: w.min, max: w.max, first_ms, last_ms };
            add(&mut windows, (row.key.series, window.start_ms), held);
        }
    }
    windows
}

/// Every accepted sample once, in the windows and in the totals.
pub fn rows_are_right(cluster: &Cluster) -> bool {
    let (mut windows, mut totals) = (Windows::new(), Windows::new());
    for sample in accepted(cluster) {
        add_sample(&mut windows, sample, 5_000);
        add_sample(&mut totals, sample, 60_000);
    }
    stored(cluster, |row| &row.windows) == windows && stored(cluster, |row| &row.totals) == totals
}

/// Counted is what the rows hold, hour by hour; the rest is accounted for.
pub fn ledger_is_right(cluster: &Cluster) -> bool {
    let mut in_rows: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    for row in cluster.rows.values() {
        *in_rows.entry((row.key.era, row.key.minute / 60)).or_default() += u64::from(row.samples);
    }
    let mut counted: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    let (mut sum, mut duplicates, mut poison) = (0, 0, 0);
    let both = cluster.final_ledger.iter().filter(|(key, _)| !cluster.progress.ledger.contains_key(key));
    for (key, entry) in cluster.progress.ledger.iter().chain(both) {
        if entry.counted > 0 {
            *counted.entry((key.era, key.hour)).or_default() += entry.counted;
        }
        sum += entry.counted;
        duplicates += entry.duplicate;
        poison += entry.poison;
    }
    let mut received = 0;
    let mut unreadable = 0;
    for record in &cluster.log {
        match &record.payload {
            Payload::Poison => unreadable += 1,
            Payload::Parts(parts) => received += parts.iter().map(|part| part.samples.len() as u64).sum::<u64>(),
        }
    }
    in_rows == counted && received == sum + duplicates && poison == unreadable
}

/// After records were lost: what certainly could be read is stored exactly
/// once, nothing is made up, and the loss is in the ledger.
pub fn after_a_gap(cluster: &Cluster, lost: u64) -> (bool, bool) {
    let mut times_sent: HashMap<BatchId, u32> = HashMap::new();
    for (_, batch, _) in sent(cluster) {
        *times_sent.entry(batch).or_default() += 1;
    }
    let (mut certain, mut all) = (Windows::new(), Windows::new());
    let mut uncertain = Vec::new();
    for (offset, batch, samples) in sent(cluster) {
        for sample in samples {
            add_sample(&mut all, sample, 5_000);
            if offset >= cluster.log_start && times_sent[&batch] == 1 {
                add_sample(&mut certain, sample, 5_000);
            } else {
                uncertain.push((sample.series, sample.time_ms.div_euclid(5_000) * 5_000));
            }
        }
    }
    for key in uncertain {
        certain.remove(&key);
    }
    let stored = stored(cluster, |row| &row.windows);
    let complete = certain.iter().all(|(key, held)| stored.get(key) == Some(held));
    let genuine = stored.iter().all(|(key, held)| all.get(key).is_some_and(|all| held.count <= all.count));
    let entries = cluster.progress.ledger.values().chain(cluster.final_ledger.values());
    let in_books: u64 = entries.map(|entry| entry.gap).sum();
    (complete && genuine, in_books >= lost)
}

fn sent(cluster: &Cluster) -> impl Iterator<Item = (usize, BatchId, &[Sample])> {
    cluster.log.iter().enumerate().flat_map(|(offset, record)| {
        let parts = match &record.payload {
            Payload::Parts(parts) => &parts[..],
            Payload::Poison => &[],
        };
        parts.iter().map(move |part| (offset, part.batch, &part.samples[..]))
    })
}

/// The last sighting of a batch, or of a session with its highest sequence.
struct Sighted {
    clock: Clock,
    new_ids: u64,
    sequence: u64,
}

/// Samples of the batches that count, by the rules said as plainly as can be.
fn accepted(cluster: &Cluster) -> Vec<&Sample> {
    let mut clock = Clock::default();
    let mut new_ids = 0;
    let mut content: HashMap<u128, Sighted> = HashMap::new();
    let mut sessions: HashMap<u128, Sighted> = HashMap::new();
    let mut accepted = Vec::new();
    for record in &cluster.log {
        let before = clock;
        if record.append_ms < clock.effective_ms - 60_000 {
            clock = Clock { era: clock.era + 1, effective_ms: record.append_ms };
        } else {
            clock.effective_ms = clock.effective_ms.max(record.append_ms);
        }
        if (before.era, before.effective_ms / 3_600_000) != (clock.era, clock.effective_ms / 3_600_000) {
            sessions.retain(|_, last| {
                let silent_ms = clock.effective_ms - last.clock.effective_ms;
                silent_ms <= RULES.forget_session_ms || new_ids - last.new_ids <= RULES.forget_ids
            });
        }
        let Payload::Parts(parts) = &record.payload else { continue };
        for part in parts {
            let (known, id, sequence) = match part.batch {
                BatchId::Content(id) => (&mut content, id, 0),
                BatchId::Session { session, sequence } => (&mut sessions, session, sequence),
            };
            let new = match (known.get(&id), part.batch) {
                (None, _) => true,
                (Some(last), BatchId::Session { .. }) => sequence > last.sequence,
                (Some(last), BatchId::Content(_)) => {
                    let passed_ms = clock.effective_ms - last.clock.effective_ms;
                    (last.clock.era < clock.era || passed_ms > RULES.forget_ms)
                        && new_ids - last.new_ids > RULES.forget_ids
                }
            };
            new_ids += u64::from(new);
            let highest = known.get(&id).map_or(sequence, |last| last.sequence.max(sequence));
            known.insert(id, Sighted { clock, new_ids, sequence: highest });
            if new {
                accepted.extend(&part.samples);
            }
        }
    }
    accepted
}
