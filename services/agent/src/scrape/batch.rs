//! Scraped points as push requests.

use bytes::Bytes;
use tidegate_proto::v1::{Metadata, Sample, Series, metadata};

use super::labels::Labels;
use super::page::Family;
use super::series::{Point, Scraped};
use crate::session::Session;
use crate::symbols::Symbols;

/// Of one push. A page with more gives several.
const MAX_SERIES: usize = 5_000;

/// Makes the batches of one session, numbered from 1.
pub struct ScrapeBatches {
    session: Session,
    /// On every series that has no label of the same name.
    labels: Labels,
}

impl ScrapeBatches {
    pub fn new(session: [u8; 16], agent_id: String, labels: Labels) -> Self {
        Self { session: Session::new(session, agent_id), labels }
    }

    /// The pushes of a scrape, encoded; those of its types and help texts too,
    /// where they are wanted.
    pub fn encode(&mut self, scraped: &Scraped, describe: Describe) -> Vec<Bytes> {
        let families = match describe {
            Describe::Families => scraped.families.as_slice(),
            Describe::Nothing => &[],
        };
        let mut families = Some(families);
        scraped.points.chunks(MAX_SERIES).map(|points| self.push(points, families.take().unwrap_or(&[]))).collect()
    }

    fn push(&mut self, points: &[Point], families: &[Family]) -> Bytes {
        let mut symbols = Symbols::default();
        let series = points.iter().map(|point| self.series(point, &mut symbols)).collect();
        let metadata = families.iter().filter(|family| !family.name.is_empty());
        let metadata = metadata.map(|family| describe(family, &mut symbols)).collect();
        self.session.encode(symbols, series, metadata)
    }

    fn series(&self, point: &Point, symbols: &mut Symbols) -> Series {
        let general = self.labels.iter().filter(|(name, _)| !point.labels.contains_key(*name));
        let label_refs =
            point.labels.iter().chain(general).flat_map(|(name, value)| [symbols.of(name), symbols.of(value)]);
        let label_refs = label_refs.collect();
        let samples = vec![Sample { timestamp_ms: point.timestamp_ms, value: point.value }];
        Series { label_refs, samples, ..Series::default() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Describe {
    Families,
    Nothing,
}

fn describe(family: &Family, symbols: &mut Symbols) -> Metadata {
    let kind = match family.kind.as_str() {
        "counter" => metadata::Type::Counter,
        "gauge" => metadata::Type::Gauge,
        "histogram" => metadata::Type::Histogram,
        "summary" => metadata::Type::Summary,
        _ => metadata::Type::Unspecified,
    };
    Metadata {
        name_ref: symbols.of(&family.name),
        r#type: kind.into(),
        unit_ref: symbols.of(&family.unit),
        help_ref: symbols.of(&family.help),
    }
}
