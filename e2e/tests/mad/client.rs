//! Requests of the three versions of the client's protocol, field by field.

use tidegate_testkit::mad::identifier;
use tidegate_testkit::wire::message;
use tidegate_testkit::{Random, wire};

use crate::cases::{Cases, Phase, fraction, length, prefix, values};

const REQUEST_BYTES: usize = 4 << 20;

fn dimensions(case: &str) -> [(&'static str, String); 4] {
    [("service", "s".into()), ("cluster", "c".into()), ("host", "h".into()), ("case", case.into())]
}

fn id(random: &mut Random) -> [u8; 16] {
    (u128::from(random.draw()) << 64 | u128::from(random.draw())).to_be_bytes()
}

/// A `NumericalData` of version 3.
#[derive(Default)]
struct Numerical {
    samples: Vec<f64>,
    histogram: Option<Vec<u8>>,
}

struct RecordV3 {
    case: String,
    end_ms: i64,
    request_ms: Option<i64>,
    data: Vec<(String, Numerical)>,
}

impl RecordV3 {
    fn encode(&self, random: &mut Random) -> Vec<u8> {
        message(|out| {
            wire::bytes(out, 1, &id(random));
            wire::uint(out, 2, self.end_ms as u64);
            wire::uint(out, 3, self.end_ms as u64);
            for (name, value) in dimensions(&self.case) {
                let entry = message(|out| {
                    wire::bytes(out, 1, &identifier(name));
                    wire::bytes(out, 2, &identifier(&value));
                });
                wire::bytes(out, 4, &entry);
            }
            for (name, numerical) in &self.data {
                let data = message(|out| {
                    if !numerical.samples.is_empty() {
                        let packed: Vec<u8> = numerical.samples.iter().flat_map(|value| value.to_le_bytes()).collect();
                        wire::bytes(out, 1, &packed);
                    }
                    if let Some(histogram) = &numerical.histogram {
                        wire::bytes(out, 2, histogram);
                    }
                });
                let entry = message(|out| {
                    wire::bytes(out, 1, &identifier(name));
                    wire::bytes(out, 2, &data);
                });
                wire::bytes(out, 5, &entry);
            }
            if let Some(request_ms) = self.request_ms {
                wire::uint(out, 6, request_ms as u64);
            }
        })
    }
}

/// An `AugmentedHistogram` of some values; with entries twice, of count 0, and bounds that are off.
fn histogram(random: &mut Random, values: &[f64]) -> Vec<u8> {
    const MASK: u64 = (1 << 19) - 1;
    let strange = random.strikes(200);
    message(|out| {
        for value in values.iter().take(300) {
            let count = if strange { random.below(3) } else { 1 + random.below(5) };
            let entry = message(|out| {
                wire::uint(out, 1, (value.to_bits() >> 45) & MASK);
                wire::uint(out, 2, count);
            });
            wire::bytes(out, 1, &entry);
        }
        wire::uint(out, 2, 7);
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        wire::double(out, 3, if strange { f64::NAN } else { least });
        wire::double(out, 4, greatest);
        wire::double(out, 5, values.iter().sum());
    })
}

fn numerical(random: &mut Random, values: Vec<f64>) -> (&'static str, Numerical) {
    match random.below(10) {
        0 => ("a histogram", Numerical { histogram: Some(histogram(random, &values)), samples: Vec::new() }),
        1 => ("both", Numerical { histogram: Some(histogram(random, &values)), samples: values }),
        _ => ("samples", Numerical { samples: values, histogram: None }),
    }
}

/// Bodies of one request each, as long as there is room.
struct Requests {
    body: Vec<u8>,
    field: u32,
    bodies: Vec<Vec<u8>>,
}

impl Requests {
    fn add(&mut self, record: &[u8]) {
        wire::bytes(&mut self.body, self.field, record);
    }

    /// Records that were added since the last time stay together.
    fn room(&mut self) {
        if self.body.len() > REQUEST_BYTES {
            self.bodies.push(std::mem::take(&mut self.body));
        }
    }

    fn finish(mut self, cases: &mut Cases, phase: Phase, path: &str) {
        self.bodies.push(self.body);
        for (number, body) in self.bodies.into_iter().enumerate() {
            cases.http(format!("{path} {phase:?} {number}"), phase, path, body);
        }
    }
}

fn requests() -> Requests {
    Requests { body: Vec::new(), field: 1, bodies: Vec::new() }
}

pub fn v3(cases: &mut Cases, random: &mut Random, base_ms: i64, count: u64) {
    let (mut first, mut late) = (requests(), requests());
    for number in 0..count {
        let length = length(cases, random);
        let (word, all) = values(random, length);
        let metric = format!("{}/v3/{number}", prefix(random));
        let shape = random.below(8);
        let parts = match shape {
            0..=3 => 1,
            4 => 1 + random.below(3) as usize,
            _ => 2 + random.below(4) as usize,
        };
        let spread_ms = if random.strikes(300) { 90_000 } else { 900 };
        // Around 1970 times are negative, and zero where nothing is.
        let base_ms = if random.strikes(30) { -1_000 * random.below(90) as i64 } else { base_ms };
        let (mut records, mut what) = (Vec::new(), format!("{length} values, {word}, {parts} records"));
        let case = cases.name("v3", "");
        for part in all.chunks(all.len().div_ceil(parts)) {
            let (kind, numerical) = numerical(random, part.to_vec());
            what.push_str(&format!(", {kind}"));
            let mut data = vec![(metric.clone(), numerical)];
            if random.strikes(100) {
                // The same name again within a record, and another one.
                data.push((format!("{metric}/more"), Numerical { samples: vec![1.5], histogram: None }));
                data.push((metric.clone(), Numerical { samples: part[..part.len().min(7)].to_vec(), histogram: None }));
                what.push_str(" twice");
            }
            let end_ms = base_ms + random.below(spread_ms) as i64;
            let request_ms = random.strikes(300).then(|| end_ms - random.below(5_000) as i64);
            records.push(RecordV3 { case: case.clone(), end_ms, request_ms, data });
        }
        let is_late = shape == 7;
        for (at, record) in records.iter().enumerate() {
            let bytes = record.encode(random);
            let to = if is_late && at > 0 { &mut late } else { &mut first };
            to.add(&bytes);
            if shape == 6 {
                what.push_str(", sent twice");
                to.add(&bytes);
            }
        }
        if is_late {
            what.push_str(", all but the first late");
        }
        cases.names.insert(case, what);
        first.room();
        late.room();
    }
    first.finish(cases, Phase::First, "/metrics/v3/application");
    late.finish(cases, Phase::Late, "/metrics/v3/application");
}

/// Kind of unit by the names of version 2, scale by those that belong to it.
const TIMES: [(u64, u64); 8] = [(1, 1), (1, 7), (1, 8), (1, 9), (2, 1), (3, 1), (4, 1), (5, 1)];
const SIZES: [(u64, u64); 8] = [(6, 1), (6, 14), (6, 15), (7, 1), (7, 14), (7, 15), (7, 16), (6, 16)];

/// A record of version 1 or 2: gauges, counters and timers are fields 3, 4 and 5.
pub fn record_v12(random: &mut Random, case: &str, end_ms: i64, metrics: &[(u32, String, Vec<Vec<u8>>)]) -> Vec<u8> {
    message(|out| {
        for (name, value) in dimensions(case) {
            let entry = message(|out| {
                wire::bytes(out, 1, name.as_bytes());
                wire::bytes(out, 2, value.as_bytes());
            });
            wire::bytes(out, 2, &entry);
        }
        for (kind, name, quantities) in metrics {
            let entry = message(|out| {
                wire::bytes(out, 1, name.as_bytes());
                for quantity in quantities {
                    wire::bytes(out, 2, quantity);
                }
            });
            wire::bytes(out, *kind, &entry);
        }
        wire::bytes(out, 6, &id(random));
        wire::uint(out, 7, end_ms as u64);
        wire::uint(out, 8, end_ms as u64);
    })
}

pub fn compound_unit(kind: u64, scale: u64) -> Vec<u8> {
    let unit = message(|out| {
        wire::uint(out, 1, kind);
        wire::uint(out, 2, scale);
    });
    message(|out| wire::bytes(out, 1, &unit))
}

pub fn quantity_v2(value: f64, unit: Option<(u64, u64)>) -> Vec<u8> {
    message(|out| {
        wire::double(out, 1, value);
        if let Some((kind, scale)) = unit {
            wire::bytes(out, 3, &compound_unit(kind, scale));
        }
    })
}

pub fn quantity_v1(value: f64, unit: Option<(u64, u64)>) -> Vec<u8> {
    message(|out| {
        wire::double(out, 1, value);
        if let Some((kind, scale)) = unit {
            wire::bytes(out, 2, &compound_unit(kind, scale));
        }
    })
}

pub fn v2(cases: &mut Cases, random: &mut Random, base_ms: i64, count: u64) {
    let mut requests = requests();
    for number in 0..count {
        let length = length(cases, random).min(5_000);
        let (word, all) = values(random, length);
        let kind = 3 + random.below(3) as u32;
        let units: &[(u64, u64)] = [&[], &TIMES[..], &SIZES[..]][random.below(3) as usize];
        let whole = random.strikes(250);
        let case =
            cases.name("v2", &format!("{length} values, {word}, field {kind}, {} units, whole: {whole}", units.len()));
        let quantities = all
            .iter()
            .map(|value| {
                let unit = random.pick(units).copied();
                if !whole {
                    return quantity_v2(*value, unit);
                }
                message(|out| {
                    wire::uint(out, 2, if random.strikes(100) { random.draw() } else { random.below(1_000) });
                    if let Some((kind, scale)) = unit {
                        wire::bytes(out, 3, &compound_unit(kind, scale));
                    }
                })
            })
            .collect();
        let name = format!("{}/v2/{number}", prefix(random));
        let end_ms = base_ms + random.below(100_000) as i64;
        let record = record_v12(random, &case, end_ms, &[(kind, name.clone(), quantities)]);
        requests.add(&record);
        if units.is_empty() && !name.starts_with("def") {
            // Another kind under one name: together where the name chooses the statistics.
            let again = vec![quantity_v2(fraction(random), None)];
            let record = record_v12(random, &case, end_ms, &[(3 + (kind - 2) % 3, name, again)]);
            requests.add(&record);
        }
        requests.room();
    }
    requests.finish(cases, Phase::First, "/metrics/v2/application");
}

pub fn v1(cases: &mut Cases, random: &mut Random, base_ms: i64, count: u64) {
    let mut requests = requests();
    for number in 0..count {
        let length = length(cases, random).min(1_000);
        let (word, all) = values(random, length);
        let kind = 3 + random.below(3) as u32;
        // Seconds and milliseconds in the numbers of version 1.
        let units: &[(u64, u64)] = [&[], &[(0, 28), (0, 7)][..]][random.below(2) as usize];
        let case = cases.name("v1", &format!("{length} values, {word}, field {kind}, {} units", units.len()));
        let quantities = all.iter().map(|value| quantity_v1(*value, random.pick(units).copied())).collect();
        let metric = (kind, format!("{}/v1/{number}", prefix(random)), quantities);
        // Another kind of the same case, in the same bucket.
        let other = (3 + (kind - 2) % 3, format!("def/v1/{number}/other"), vec![quantity_v1(fraction(random), None)]);
        let end_ms = base_ms + random.below(100_000) as i64;
        let record = record_v12(random, &case, end_ms, &[metric, other]);
        requests.add(&record);
        requests.room();
    }
    requests.finish(cases, Phase::First, "/metrics/v1/application");
}
