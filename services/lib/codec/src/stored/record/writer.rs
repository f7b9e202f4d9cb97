//! Writing parts.

use bytes::Bytes;
use hashbrown::HashTable;
use tidegate_model::{BatchId, Distribution, Histogram, MetricId, MetricMetadata, TenantId};
use xxhash_rust::xxh3::xxh3_64;

use super::{BATCH_CONTENT, BATCH_SESSION, PART_VERSION, RECORD_VERSION, kind};
use crate::stored::distribution::{put_distribution, put_histogram};
use crate::stored::rows::put_metadata;
use crate::stored::varint::{put_tagged, put_varint, put_zigzag, zigzag};

/// Encodes one part after the other; its buffers are used again.
///
/// Calls: [`begin`](Self::begin), then for each series
/// [`series`](Self::series) and its samples, [`metadata`](Self::metadata) at
/// any moment, [`finish`](Self::finish).
#[derive(Default)]
pub struct PartWriter {
    /// Up to and with the batch id.
    head: Vec<u8>,
    first_time_ms: Option<i64>,
    samples: u64,
    series: Vec<u8>,
    /// Samples of the series that is being written.
    open: Vec<u8>,
    has_open: bool,
    scratch: Vec<u8>,
    metadata: Vec<u8>,
    metadata_count: u64,
    symbols: Symbols,
    /// Symbols of the series before and of this one, by position.
    previous: Vec<u32>,
}

impl PartWriter {
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a part; what was not finished is dropped.
    pub fn begin(&mut self, tenant: &TenantId, batch: BatchId) {
        self.head.clear();
        self.head.push(PART_VERSION);
        self.head.push(tenant.as_str().len() as u8);
        self.head.extend_from_slice(tenant.as_str().as_bytes());
        self.set_batch(batch);
        self.first_time_ms = None;
        self.samples = 0;
        self.series.clear();
        self.open.clear();
        self.has_open = false;
        self.metadata.clear();
        self.metadata_count = 0;
        self.symbols.clear();
        self.previous.clear();
    }

    /// Changes the batch id of the part begun: an id that is a hash of the
    /// samples is known only after them.
    pub fn set_batch(&mut self, batch: BatchId) {
        let tenant_end = 2 + self.head.get(1).copied().map_or(0, usize::from);
        self.head.truncate(tenant_end);
        match batch {
            BatchId::Content(hash) => {
                self.head.push(BATCH_CONTENT);
                self.head.extend_from_slice(&hash.to_le_bytes());
            }
            BatchId::Session { session, sequence } => {
                self.head.push(BATCH_SESSION);
                self.head.extend_from_slice(&session.to_le_bytes());
                put_varint(&mut self.head, sequence);
            }
        }
    }

    /// Begins a series. `labels` are canonical ([`tidegate_model::Labels`]);
    /// of bytes that are not, what follows the last whole pair is left out.
    pub fn series(&mut self, id: MetricId, labels: &[u8]) {
        self.seal_series();
        self.has_open = true;
        self.series.extend_from_slice(&id.0.to_le_bytes());
        // Most series have fewer than 128 pairs: the count is patched in.
        let count_at = self.series.len();
        self.series.push(0);
        let mut position = 0;
        let mut rest = labels;
        while let Some(length) = pair_length(rest) {
            let (pair, after) = rest.split_at(length);
            rest = after;
            let symbol = match self.previous.get(position) {
                Some(&before) if is_same(self.symbols.bytes_of(before), pair) => before,
                before => {
                    let known = before.is_some();
                    let symbol = self.symbols.intern(pair);
                    if known {
                        self.previous[position] = symbol;
                    } else {
                        self.previous.push(symbol);
                    }
                    symbol
                }
            };
            put_varint(&mut self.series, u64::from(symbol));
            position += 1;
        }
        self.previous.truncate(position);
        self.patch_count(count_at, position);
    }

    fn patch_count(&mut self, at: usize, count: usize) {
        if count < 0x80 {
            self.series[at] = count as u8;
            return;
        }
        self.scratch.clear();
        put_varint(&mut self.scratch, count as u64);
        self.series.splice(at..=at, self.scratch.iter().copied());
    }

    /// A sample of a gauge or a cumulative counter; also a stale marker.
    pub fn float(&mut self, time_ms: i64, value: f64) {
        self.sample(kind::FLOAT, time_ms);
        self.open.extend_from_slice(&value.to_le_bytes());
    }

    pub fn delta_float(&mut self, time_ms: i64, value: f64) {
        self.sample(kind::DELTA_FLOAT, time_ms);
        self.open.extend_from_slice(&value.to_le_bytes());
    }

    pub fn histogram(&mut self, time_ms: i64, h: &Histogram) {
        self.sample(kind::HISTOGRAM, time_ms);
        put_histogram(&mut self.open, h);
    }

    pub fn distribution(&mut self, time_ms: i64, d: &Distribution) {
        self.sample(kind::DISTRIBUTION, time_ms);
        put_distribution(&mut self.open, d);
    }

    fn sample(&mut self, kind: u8, time_ms: i64) {
        let first = *self.first_time_ms.get_or_insert(time_ms);
        self.samples += 1;
        put_tagged(&mut self.open, kind, zigzag(time_ms.wrapping_sub(first)));
    }

    pub fn metadata(&mut self, name: &str, m: &MetricMetadata) {
        self.metadata_count += 1;
        put_metadata(&mut self.metadata, name, m);
    }

    /// Samples since `begin`.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Whether neither a sample nor metadata was added since `begin`.
    pub fn is_empty(&self) -> bool {
        self.samples == 0 && self.metadata_count == 0
    }

    /// Bytes that [`finish`](Self::finish) would give, about.
    pub fn size_bytes(&self) -> usize {
        self.head.len() + self.series.len() + self.open.len() + self.symbols.bytes.len() + self.metadata.len() + 16
    }

    /// The part, encoded, for [`join`]. Call [`begin`](Self::begin) before the
    /// next one.
    pub fn finish(&mut self) -> Bytes {
        let mut out = Vec::with_capacity(self.size_bytes() + 32);
        self.put_part(&mut out);
        out.into()
    }

    /// A record of this part alone, which [`merge`] can take apart again: what
    /// goes into the log by itself is not copied once more.
    pub fn finish_record(&mut self) -> Bytes {
        let mut out = Vec::with_capacity(RECORD_HEAD_BYTES + self.size_bytes() + 32);
        out.resize(RECORD_HEAD_BYTES, 0);
        self.put_part(&mut out);
        // The length is known last; it ends where the part begins.
        self.scratch.clear();
        self.scratch.push(RECORD_VERSION);
        put_varint(&mut self.scratch, (out.len() - RECORD_HEAD_BYTES) as u64);
        let start = RECORD_HEAD_BYTES - self.scratch.len();
        out[start..RECORD_HEAD_BYTES].copy_from_slice(&self.scratch);
        Bytes::from(out).slice(start..)
    }

    fn put_part(&mut self, out: &mut Vec<u8>) {
        self.seal_series();
        out.extend_from_slice(&self.head);
        put_varint(out, self.samples);
        put_zigzag(out, self.first_time_ms.unwrap_or(0));
        put_varint(out, self.series.len() as u64);
        out.extend_from_slice(&self.series);
        put_varint(out, self.symbols.bytes.len() as u64);
        out.extend_from_slice(&self.symbols.bytes);
        put_varint(out, self.metadata_count);
        out.extend_from_slice(&self.metadata);
    }

    fn seal_series(&mut self) {
        if self.has_open {
            put_varint(&mut self.series, self.open.len() as u64);
            self.series.extend_from_slice(&self.open);
            self.open.clear();
            self.has_open = false;
        }
    }
}

/// One record of parts that [`PartWriter::finish`] gave; of none, a tick.
pub fn join(parts: &[Bytes]) -> Bytes {
    let size = parts.iter().map(|part| part.len() + 5).sum::<usize>();
    let mut out = Vec::with_capacity(1 + size);
    out.push(RECORD_VERSION);
    for part in parts {
        put_varint(&mut out, part.len() as u64);
        out.extend_from_slice(part);
    }
    out.into()
}

/// One record of the parts of `records`, which [`PartWriter::finish_record`]
/// gave; one by itself stays as it is.
pub fn merge(records: &[Bytes]) -> Bytes {
    if let [only] = records {
        return only.clone();
    }
    let parts = || records.iter().filter_map(|record| record.get(1..));
    let mut out = Vec::with_capacity(1 + parts().map(<[u8]>::len).sum::<usize>());
    out.push(RECORD_VERSION);
    parts().for_each(|part| out.extend_from_slice(part));
    out.into()
}

/// Version and length before the part of a record: a length of a part takes
/// no more than 10 bytes.
const RECORD_HEAD_BYTES: usize = 11;

/// Label pairs of a part, each once.
#[derive(Default)]
struct Symbols {
    bytes: Vec<u8>,
    /// End of each pair in `bytes`; it starts where the one before ends.
    ends: Vec<u32>,
    by_hash: HashTable<(u64, u32)>,
}

/// Capacity above which a table that is mostly unused is given back, so that
/// one large part does not make clearing dear for all small ones after it.
const KEEP_TABLE: usize = 1024;

impl Symbols {
    fn clear(&mut self) {
        if self.by_hash.capacity() > KEEP_TABLE && self.by_hash.capacity() / 8 > self.ends.len() {
            self.by_hash = HashTable::new();
        }
        self.by_hash.clear();
        self.bytes.clear();
        self.ends.clear();
    }

    fn bytes_of(&self, symbol: u32) -> &[u8] {
        range_of(&self.bytes, &self.ends, symbol)
    }

    fn intern(&mut self, pair: &[u8]) -> u32 {
        let hash = xxh3_64(pair);
        let (bytes, ends) = (&self.bytes, &self.ends);
        let found = self.by_hash.find(hash, |(h, symbol)| *h == hash && is_same(range_of(bytes, ends, *symbol), pair));
        if let Some((_, symbol)) = found {
            return *symbol;
        }
        let symbol = self.ends.len() as u32;
        self.bytes.extend_from_slice(pair);
        self.ends.push(self.bytes.len() as u32);
        self.by_hash.insert_unique(hash, (hash, symbol), |(h, _)| *h);
        symbol
    }
}

fn range_of<'a>(bytes: &'a [u8], ends: &[u32], symbol: u32) -> &'a [u8] {
    let symbol = symbol as usize;
    let start = if symbol == 0 { 0 } else { ends[symbol - 1] as usize };
    &bytes[start..ends[symbol] as usize]
}

/// As `==`, without a call for the short strings that pairs are. Their ends
/// differ more often than their beginnings, so they are looked at first.
#[inline]
pub(super) fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if let (Some(a_end), Some(b_end)) = (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        // What the whole chunks leave over is in the last eight bytes.
        let ((a, _), (b, _)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
        return a_end == b_end && a.iter().zip(b).all(|(a, b)| a == b);
    }
    if let (Some(a_end), Some(b_end)) = (a.last_chunk::<4>(), b.last_chunk::<4>()) {
        return a_end == b_end && a.first_chunk::<4>() == b.first_chunk::<4>();
    }
    a == b
}

/// Length of the canonical pair that `bytes` begin with.
#[inline]
fn pair_length(bytes: &[u8]) -> Option<usize> {
    let after_name = text_end(bytes, 0)?;
    text_end(bytes, after_name)
}

#[inline]
pub(super) fn text_end(bytes: &[u8], at: usize) -> Option<usize> {
    let first = *bytes.get(at)?;
    let end = if first < 0x80 {
        at + 1 + usize::from(first)
    } else {
        let mut length = usize::from(first & 0x7f);
        let mut index = 1;
        loop {
            let byte = *bytes.get(at + index)?;
            length |= usize::from(byte & 0x7f) << (7 * index);
            index += 1;
            if byte < 0x80 {
                break;
            }
            if index == 5 {
                return None;
            }
        }
        at + index + length
    };
    (end <= bytes.len()).then_some(end)
}
