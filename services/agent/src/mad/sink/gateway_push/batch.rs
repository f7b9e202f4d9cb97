//! Results as push requests: a series with a distribution each.

use std::collections::HashSet;

use bytes::Bytes;
use prost::Message;
use tidegate_mad::{Histogram, Periodic, Unit};
use tidegate_proto::v1::{DistributionSample, Metadata, Series, metadata};
use tidegate_sketch::BucketKey;

use crate::session::Session;
use crate::symbols::Symbols;

/// A batch is closed when it is larger; far below what gateways take.
const MAX_BATCH_BYTES: usize = 1024 * 1024;
/// How many batches go until types and units are told again.
const METADATA_EVERY: u64 = 60;
const METRIC_NAME: &str = "__name__";

/// Makes the batches of one session, numbered from 1.
pub struct SketchBatches {
    session: Session,
    /// Metrics whose types and units were told of late.
    described: HashSet<Box<str>>,
}

pub struct Encoded {
    pub batches: Vec<Bytes>,
    /// Results that have no histogram.
    pub unfit: u64,
}

#[derive(Default)]
struct Open {
    symbols: Symbols,
    series: Vec<Series>,
    metadata: Vec<Metadata>,
    size_bytes: usize,
}

impl SketchBatches {
    pub fn new(session: [u8; 16], agent_id: String) -> Self {
        Self { session: Session::new(session, agent_id), described: HashSet::new() }
    }

    pub fn encode(&mut self, results: &[Periodic]) -> Encoded {
        let mut encoded = Encoded { batches: Vec::new(), unfit: 0 };
        let mut open = Open::default();
        for result in results {
            let Some(histogram) = &result.histogram else {
                encoded.unfit += 1;
                continue;
            };
            self.describe(result, histogram.unit, &mut open);
            let series = series(result, histogram, &mut open.symbols);
            open.size_bytes += series.encoded_len() + text_bytes(result);
            open.series.push(series);
            if open.size_bytes >= MAX_BATCH_BYTES {
                encoded.batches.push(self.close(std::mem::take(&mut open)));
            }
        }
        if !open.series.is_empty() {
            encoded.batches.push(self.close(open));
        }
        encoded
    }

    fn describe(&mut self, result: &Periodic, unit: Option<Unit>, open: &mut Open) {
        if !self.described.contains(&result.metric) {
            self.described.insert(result.metric.clone());
            open.metadata.push(Metadata {
                name_ref: open.symbols.of(&result.metric),
                r#type: metadata::Type::GaugeHistogram.into(),
                unit_ref: open.symbols.of(unit_name(unit)),
                help_ref: 0,
            });
        }
    }

    fn close(&mut self, open: Open) -> Bytes {
        if self.session.next_sequence().is_multiple_of(METADATA_EVERY) {
            self.described.clear();
        }
        self.session.encode(open.symbols, open.series, open.metadata)
    }
}

/// At most what the texts add to a batch, were none of them there yet.
fn text_bytes(result: &Periodic) -> usize {
    result.metric.len() + result.dimensions.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
}

fn series(result: &Periodic, histogram: &Histogram, symbols: &mut Symbols) -> Series {
    let mut label_refs = vec![symbols.of(METRIC_NAME), symbols.of(&result.metric)];
    // An empty value says in labels that there is no such label.
    let labels = result.dimensions.iter().filter(|(name, _)| !name.is_empty() && *name != METRIC_NAME);
    for (name, value) in labels {
        label_refs.extend([symbols.of(name), symbols.of(value)]);
    }
    let mut sample = DistributionSample {
        timestamp_ms: result.start_ms,
        sum: histogram.sum,
        min: histogram.min,
        max: histogram.max,
        ..DistributionSample::default()
    };
    for (bits, count) in &histogram.entries {
        sample.bucket_keys.push(BucketKey::of(f64::from_bits(*bits)).bits());
        sample.bucket_counts.push(*count);
        sample.count = sample.count.saturating_add(*count);
    }
    Series { label_refs, distributions: vec![sample], ..Series::default() }
}

/// As OpenMetrics names units.
fn unit_name(unit: Option<Unit>) -> &'static str {
    match unit {
        None => "",
        Some(Unit::Second) => "seconds",
        Some(Unit::Byte) => "bytes",
        Some(Unit::Kelvin) => "kelvins",
    }
}

#[cfg(test)]
mod tests;
