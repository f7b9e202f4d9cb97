//! All rows of an hour of a shard in memory, by series: encoded as they are
//! stored, about 40 bytes a row beside the chunk.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use tidegate_hotstore::{HotStore, StoreError};
use tidegate_model::time::MINUTES_PER_HOUR;
use tidegate_model::{MetricId, Row, SourceId, TenantId};

/// Between two lines in the log on a long scan.
const REPORT_EVERY: Duration = Duration::from_secs(10);

#[derive(Default)]
pub struct Gathered {
    pub tenants: BTreeMap<TenantId, TenantRows>,
    pub rows: u64,
}

/// The rows of one tenant.
#[derive(Default)]
pub struct TenantRows {
    index: HashMap<MetricId, u32>,
    pub series: Vec<MetricId>,
    chunks: Vec<ChunkRef>,
    /// The chunks' bytes, one after another.
    bytes: Vec<u8>,
}

/// In the canonical order of a series' fragments.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct ChunkRef {
    series: u32,
    minute: u32,
    source: SourceId,
    era: u32,
    fragment: u32,
    samples: u32,
    length: u32,
    at: usize,
}

/// A row as it was stored.
pub struct StoredChunk<'a> {
    pub minute: u32,
    pub source: SourceId,
    pub era: u32,
    pub samples: u32,
    pub bytes: &'a [u8],
}

impl Gathered {
    pub async fn read(store: &dyn HotStore, shard: u16, partitions: u16, hour: u32) -> Result<Self, StoreError> {
        let minutes = hour * MINUTES_PER_HOUR..(hour + 1) * MINUTES_PER_HOUR;
        let mut gathered = Self::default();
        let (mut after, mut reported) = (None, Instant::now());
        loop {
            let rows = store.scan_rows(shard, partitions, minutes.clone(), after.take()).await?;
            let Some(last) = rows.last() else { break };
            after = Some(last.key.clone());
            rows.into_iter().for_each(|row| gathered.add(row));
            if reported.elapsed() >= REPORT_EVERY {
                tracing::info!(shard, hour, rows = gathered.rows, "reading an hour from the store");
                reported = Instant::now();
            }
        }
        gathered.tenants.values_mut().for_each(TenantRows::sort);
        Ok(gathered)
    }

    fn add(&mut self, row: Row) {
        self.rows += 1;
        // No entry(): nearly always the tenant is there, and need not be cloned.
        match self.tenants.get_mut(&row.key.tenant) {
            Some(tenant) => tenant.add(&row),
            None => self.tenants.entry(row.key.tenant.clone()).or_default().add(&row),
        }
    }
}

impl TenantRows {
    fn add(&mut self, row: &Row) {
        let series = *self.index.entry(row.key.metric_id).or_insert_with(|| {
            self.series.push(row.key.metric_id);
            (self.series.len() - 1) as u32
        });
        self.chunks.push(ChunkRef {
            series,
            minute: row.key.minute,
            source: row.key.source,
            era: row.key.era,
            fragment: row.key.fragment,
            samples: row.samples,
            length: row.chunk.len() as u32,
            at: self.bytes.len(),
        });
        self.bytes.extend_from_slice(&row.chunk);
    }

    fn sort(&mut self) {
        self.index = HashMap::new();
        self.chunks.sort_unstable();
    }

    /// The rows of the series at this place in `series`, in canonical order.
    pub fn chunks(&self, series: usize) -> impl Iterator<Item = StoredChunk<'_>> {
        let series = series as u32;
        let first = self.chunks.partition_point(|chunk| chunk.series < series);
        let of_series = self.chunks[first..].iter().take_while(move |chunk| chunk.series == series);
        of_series.map(|chunk| StoredChunk {
            minute: chunk.minute,
            source: chunk.source,
            era: chunk.era,
            samples: chunk.samples,
            bytes: &self.bytes[chunk.at..chunk.at + chunk.length as usize],
        })
    }
}
