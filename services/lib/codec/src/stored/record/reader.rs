//! Reading records.

use std::sync::{Arc, OnceLock};

use tidegate_model::{BatchId, Labels, MetricId, MetricMetadata, Value};

use super::writer::text_end;
use super::{BATCH_CONTENT, BATCH_SESSION, PART_VERSION, RECORD_VERSION, kind};
use crate::stored::StoredError;
use crate::stored::distribution::{take_distribution, take_histogram};
use crate::stored::rows::take_metadata;
use crate::stored::varint::{Cursor, unzigzag};

/// A record of the topic metrics-raw.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    parts: Cursor<'a>,
}

impl<'a> Record<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self, StoredError> {
        let mut cursor = Cursor::new(bytes);
        cursor.version("record", RECORD_VERSION)?;
        Ok(Self { parts: cursor })
    }

    /// Whether the record holds nothing but its time.
    pub fn is_tick(&self) -> bool {
        self.parts.is_empty()
    }

    /// The parts in order. After an error nothing more comes.
    pub fn parts(&self) -> impl Iterator<Item = Result<Part<'a>, StoredError>> + use<'a> {
        let mut cursor = self.parts;
        let mut failed = false;
        std::iter::from_fn(move || {
            if failed || cursor.is_empty() {
                return None;
            }
            let part = cursor.bytes().and_then(Part::parse);
            failed = part.is_err();
            Some(part)
        })
    }
}

/// What one batch sent to one partition.
#[derive(Debug)]
pub struct Part<'a> {
    pub tenant: &'a str,
    pub batch: BatchId,
    /// As the writer counted them.
    pub samples: u64,
    first_time_ms: i64,
    series: Cursor<'a>,
    symbols: &'a [u8],
    /// Start of every symbol, found when labels are first asked for.
    symbol_starts: OnceLock<Vec<u32>>,
    metadata: Cursor<'a>,
}

impl<'a> Part<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, StoredError> {
        let mut cursor = Cursor::new(bytes);
        cursor.version("part", PART_VERSION)?;
        let tenant_length = usize::from(cursor.u8()?);
        let tenant = std::str::from_utf8(cursor.take(tenant_length)?);
        let tenant = tenant.map_err(|_| StoredError::Invalid("tenant is not UTF-8"))?;
        let batch = match cursor.u8()? {
            BATCH_CONTENT => BatchId::Content(u128::from_le_bytes(cursor.array()?)),
            BATCH_SESSION => {
                let session = u128::from_le_bytes(cursor.array()?);
                BatchId::Session { session, sequence: cursor.varint()? }
            }
            _ => return Err(StoredError::Invalid("unknown kind of batch id")),
        };
        let samples = cursor.varint()?;
        let first_time_ms = cursor.zigzag()?;
        let series = Cursor::new(cursor.bytes()?);
        let symbols = cursor.bytes()?;
        let symbol_starts = OnceLock::new();
        Ok(Self { tenant, batch, samples, first_time_ms, series, symbols, symbol_starts, metadata: cursor })
    }

    /// The series in the order in which they were written, each with its
    /// samples. After an error nothing more comes.
    pub fn series(&self) -> SeriesIter<'_> {
        SeriesIter { part: self, cursor: self.series }
    }

    /// Metadata of metrics; what cannot be read is left out, with all after it.
    pub fn metadata(&self) -> Vec<(String, MetricMetadata)> {
        let mut cursor = self.metadata;
        let Ok(count) = cursor.count(4) else { return Vec::new() };
        (0..count).map_while(|_| take_metadata(&mut cursor).ok()).collect()
    }

    fn symbol_starts(&self) -> &[u32] {
        self.symbol_starts.get_or_init(|| {
            let mut starts = vec![0];
            let mut at = 0;
            // A pair that is cut off ends the table: references to it fail.
            while let Some(end) = text_end(self.symbols, at).and_then(|end| text_end(self.symbols, end)) {
                at = end;
                starts.push(at as u32);
            }
            starts
        })
    }

    fn symbol(&self, index: u64) -> Result<&'a [u8], StoredError> {
        let starts = self.symbol_starts();
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        match (starts.get(index), starts.get(index.saturating_add(1))) {
            (Some(start), Some(end)) => Ok(&self.symbols[*start as usize..*end as usize]),
            _ => Err(StoredError::Invalid("reference to a symbol that is not there")),
        }
    }
}

/// See [`Part::series`].
#[derive(Clone, Debug)]
pub struct SeriesIter<'p> {
    part: &'p Part<'p>,
    cursor: Cursor<'p>,
}

impl<'p> Iterator for SeriesIter<'p> {
    type Item = Result<SeriesView<'p>, StoredError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.cursor.is_empty() {
            return None;
        }
        let series = self.read();
        if series.is_err() {
            self.cursor = Cursor::new(&[]);
        }
        Some(series)
    }
}

impl<'p> SeriesIter<'p> {
    #[inline]
    fn read(&mut self) -> Result<SeriesView<'p>, StoredError> {
        let id = MetricId(u128::from_le_bytes(self.cursor.array()?));
        let pairs = self.cursor.count(1)?;
        let symbols = self.cursor;
        for _ in 0..pairs {
            self.cursor.varint()?;
        }
        let samples = Cursor::new(self.cursor.bytes()?);
        Ok(SeriesView { id, part: self.part, pairs, symbols, samples })
    }
}

/// A series within a part.
#[derive(Clone, Copy, Debug)]
pub struct SeriesView<'p> {
    pub id: MetricId,
    part: &'p Part<'p>,
    pairs: usize,
    symbols: Cursor<'p>,
    samples: Cursor<'p>,
}

impl<'p> SeriesView<'p> {
    /// Puts the labels together and checks that they are canonical.
    pub fn labels(&self) -> Result<Labels, StoredError> {
        let mut symbols = self.symbols;
        let mut bytes = Vec::new();
        let mut name: &[u8] = &[];
        for _ in 0..self.pairs {
            let pair = self.part.symbol(symbols.varint()?)?;
            // Names must rise, so a symbol counts once and the labels are no
            // longer than the symbol table.
            let next = Cursor::new(pair).bytes()?;
            if next <= name {
                return Err(StoredError::Invalid("label names are not sorted"));
            }
            name = next;
            bytes.extend_from_slice(pair);
        }
        Labels::from_bytes(&bytes).map_err(|_| StoredError::Invalid("labels"))
    }

    /// The samples in the order in which they were written. After an error
    /// nothing more comes.
    #[inline]
    pub fn samples(&self) -> SampleIter<'p> {
        SampleIter { first_time_ms: self.part.first_time_ms, cursor: self.samples }
    }
}

/// See [`SeriesView::samples`].
#[derive(Clone, Debug)]
pub struct SampleIter<'p> {
    first_time_ms: i64,
    cursor: Cursor<'p>,
}

impl Iterator for SampleIter<'_> {
    type Item = Result<(i64, Value), StoredError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.cursor.is_empty() {
            return None;
        }
        let sample = self.read();
        if sample.is_err() {
            self.cursor = Cursor::new(&[]);
        }
        Some(sample)
    }
}

impl SampleIter<'_> {
    #[inline]
    fn read(&mut self) -> Result<(i64, Value), StoredError> {
        let (kind, distance) = self.cursor.tagged()?;
        let time_ms = self.first_time_ms.wrapping_add(unzigzag(distance));
        let value = match kind {
            kind::FLOAT => Value::Float(self.cursor.f64()?),
            kind::DELTA_FLOAT => Value::DeltaFloat(self.cursor.f64()?),
            kind::HISTOGRAM => Value::Histogram(Arc::new(take_histogram(&mut self.cursor)?)),
            _ => Value::DeltaDistribution(Arc::new(take_distribution(&mut self.cursor)?)),
        };
        Ok((time_ms, value))
    }
}
