//! Readings as a push request: symbols once, series as references to them.

use std::collections::BTreeMap;

use bytes::Bytes;
use tidegate_proto::v1::{Metadata, Sample, Series, metadata};

use super::collect::{Family, Kind, Reading};
use crate::session::Session;
use crate::symbols::Symbols;

/// How many batches go between two that carry types and help texts.
const METADATA_EVERY: u64 = 60;

/// Makes the batches of one session, numbered from 1.
pub struct Batches {
    session: Session,
    /// `instance`, `job` and those of the configuration.
    labels: BTreeMap<String, String>,
}

impl Batches {
    /// `labels` come on every series that has no label of the same name.
    pub fn new(session: [u8; 16], agent_id: String, labels: BTreeMap<String, String>) -> Self {
        Self { session: Session::new(session, agent_id), labels }
    }

    /// The next batch, encoded; all readings get one time.
    pub fn encode(&mut self, readings: &[Reading], timestamp_ms: i64) -> Bytes {
        let mut symbols = Symbols::default();
        let series = readings.iter().map(|reading| self.series(reading, timestamp_ms, &mut symbols)).collect();
        let metadata = match self.session.next_sequence() % METADATA_EVERY {
            1 => describe(readings, &mut symbols),
            _ => Vec::new(),
        };
        self.session.encode(symbols, series, metadata)
    }

    fn series(&self, reading: &Reading, timestamp_ms: i64, symbols: &mut Symbols) -> Series {
        let mut label_refs = Vec::with_capacity(2 * (1 + reading.labels.len() + self.labels.len()));
        let mut pair = |name: &str, value: &str| label_refs.extend([symbols.of(name), symbols.of(value)]);
        pair("__name__", reading.family.name);
        for (name, value) in &reading.labels {
            pair(name, value);
        }
        for (name, value) in &self.labels {
            if !reading.labels.iter().any(|(own, _)| own == name) {
                pair(name, value);
            }
        }
        let samples = vec![Sample { timestamp_ms, value: reading.value }];
        Series { label_refs, samples, ..Series::default() }
    }
}

/// Type and help of each family, once.
fn describe(readings: &[Reading], symbols: &mut Symbols) -> Vec<Metadata> {
    let families: BTreeMap<&str, &Family> =
        readings.iter().map(|reading| (reading.family.name, reading.family)).collect();
    let one = |family: &Family| Metadata {
        name_ref: symbols.of(family.name),
        r#type: match family.kind {
            Kind::Counter => metadata::Type::Counter,
            Kind::Gauge => metadata::Type::Gauge,
        }
        .into(),
        unit_ref: 0,
        help_ref: symbols.of(family.help),
    };
    families.into_values().map(one).collect()
}

#[cfg(test)]
mod tests;
