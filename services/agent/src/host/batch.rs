//! Readings as a push request: symbols once, series as references to them.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message;
use tidegate_proto::v1::{Metadata, PushRequest, Sample, Series, metadata};

use super::collect::{Family, Kind, Reading};
use crate::symbols::Symbols;

/// How many batches go between two that carry types and help texts.
const METADATA_EVERY: u64 = 60;

/// Makes the batches of one session, numbered from 1.
pub struct Batches {
    session: [u8; 16],
    sequence: u64,
    agent_id: String,
    /// `instance`, `job` and those of the configuration.
    labels: BTreeMap<String, String>,
}

impl Batches {
    /// `labels` come on every series that has no label of the same name.
    pub fn new(session: [u8; 16], agent_id: String, labels: BTreeMap<String, String>) -> Self {
        Self { session, sequence: 0, agent_id, labels }
    }

    /// The next batch, encoded; all readings get one time.
    pub fn encode(&mut self, readings: &[Reading], timestamp_ms: i64) -> Bytes {
        self.sequence += 1;
        let mut symbols = Symbols::default();
        let series = readings.iter().map(|reading| self.series(reading, timestamp_ms, &mut symbols)).collect();
        let metadata = match self.sequence % METADATA_EVERY {
            1 => describe(readings, &mut symbols),
            _ => Vec::new(),
        };
        let request = PushRequest {
            session: Bytes::copy_from_slice(&self.session),
            sequence: self.sequence,
            agent_id: self.agent_id.clone(),
            symbols: symbols.into_texts(),
            series,
            metadata,
        };
        request.encode_to_vec().into()
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
