//! Ranges of one version of an object. Every request names the ETag of the
//! first, so that a reader never mixes two versions.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};
use parquet::DecodeResult;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, PageIndexPolicy, ParquetMetaData, ParquetMetaDataPushDecoder};
use parquet::file::reader::{ChunkReader, Length};
use tidegate_schemas::parquet::{FORMAT_VERSION, archive_schema, archive_schema_v1, metadata};
use tokio::sync::Semaphore;

use crate::{ArchiveError, Coverage, Parts};

/// Read from the end at once; holds the footer of most objects.
const TAIL_BYTES: u64 = 64 * 1024;

/// Ranges closer than this are fetched as one.
const GAP_BYTES: u64 = 32 * 1024;

/// Where objects are, and who decodes them.
#[derive(Clone)]
pub struct Source {
    pub store: Arc<dyn ObjectStore>,
    decoders: Arc<Semaphore>,
}

/// One version of an object, its footer read.
#[derive(Clone)]
pub struct Pinned {
    source: Source,
    path: Path,
    pub e_tag: Option<String>,
    pub footer: ArrowReaderMetadata,
    pub coverage: Coverage,
    pub parts: Parts,
    /// What came with the footer: all of a small object.
    tail: Held,
}

/// Why a read of an object ended.
pub enum FetchError {
    /// The object was replaced or deleted: begin again.
    Replaced,
    /// Whether an object was put is not known.
    Lost(object_store::Error),
    Other(ArchiveError),
}

impl Source {
    /// No more is decoded at once than there are cores, however many read:
    /// what else the process does shall go on.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self { store, decoders: Arc::new(Semaphore::new(cores)) }
    }

    /// Runs what takes the processor for long where it holds up nobody. The
    /// Parquet decoder panics on some damaged files: that is an error like others.
    pub async fn decoding<T: Send + 'static>(
        &self,
        path: &Path,
        work: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
    ) -> Result<T, ArchiveError> {
        let stopped = |reason: &dyn ToString| ArchiveError::Worker(reason.to_string());
        let place = self.decoders.clone().acquire_owned().await.map_err(|error| stopped(&error))?;
        let decoded = tokio::task::spawn_blocking(move || {
            // Given back when the work really ends, whether or not somebody still waits for it.
            let _place = place;
            work()
        });
        match decoded.await {
            Ok(done) => done,
            Err(error) if error.is_panic() => Err(ArchiveError::corrupt(path, "the decoder panicked on it")),
            Err(error) => Err(stopped(&error)),
        }
    }
}

impl Pinned {
    /// `None` when there is no object.
    pub async fn open(source: &Source, path: Path) -> Result<Option<Self>, FetchError> {
        Self::open_version(source, path, None).await
    }

    /// Likewise, but only what has this ETag: anything else is
    /// [`FetchError::Replaced`].
    pub async fn open_version(source: &Source, path: Path, wanted: Option<&str>) -> Result<Option<Self>, FetchError> {
        let (source, store) = (source.clone(), &source.store);
        let range = Some(GetRange::Suffix(TAIL_BYTES));
        let options = GetOptions { range, if_match: wanted.map(str::to_owned), ..GetOptions::default() };
        let tail = match store.get_opts(&path, options).await {
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            tail => tail?,
        };
        let (size, e_tag, start) = (tail.meta.size, tail.meta.e_tag.clone(), tail.range.start);
        let mut held = Held { size, parts: BTreeMap::from([(start, tail.bytes().await?)]) };
        let corrupt = |error: ParquetError| ArchiveError::corrupt(&path, error);
        let mut decoder = ParquetMetaDataPushDecoder::try_new(size)
            .map_err(corrupt)?
            .with_column_index_policy(PageIndexPolicy::Skip)
            .with_offset_index_policy(PageIndexPolicy::Optional);
        let (footer, Head { coverage, parts, .. }) = loop {
            // In one go, as far as the bytes at hand go.
            let (of_decoder, at_hand) = (path.clone(), held.clone());
            let step;
            (decoder, step) = source
                .decoding(&path, move || {
                    let mut decoder = decoder;
                    let step = decode_footer(&mut decoder, &of_decoder, &at_hand)?;
                    Ok((decoder, step))
                })
                .await?;
            match step {
                Footer::Whole(footer, head) => break (footer, head),
                Footer::Needs(ranges) => {
                    let missing = ranges.iter().filter(|range| held.get(range).is_none()).cloned().collect();
                    held.fetch(store, &path, e_tag.as_deref(), missing).await?;
                    if ranges.iter().any(|range| held.get(range).is_none()) {
                        return Err(ArchiveError::corrupt(&path, "truncated").into());
                    }
                }
            }
        };
        Ok(Some(Self { source, path, e_tag, footer, coverage, parts, tail: held }))
    }

    /// Without the bytes that came with the footer, to be kept.
    pub fn without_bytes(&self) -> Self {
        Self { tail: Held { size: self.tail.size, parts: BTreeMap::new() }, ..self.clone() }
    }

    pub async fn decoding<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ArchiveError> + Send + 'static,
    ) -> Result<T, ArchiveError> {
        self.source.decoding(&self.path, work).await
    }

    pub fn metadata(&self) -> &ParquetMetaData {
        self.footer.metadata()
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The hash of everything before the footer.
    pub fn content(&self) -> Result<u128, ArchiveError> {
        let content = metadata_value(self.metadata(), metadata::CONTENT);
        let content = content.and_then(|content| u128::from_str_radix(content, 16).ok());
        content.ok_or_else(|| ArchiveError::corrupt(&self.path, "it has no hash of its content"))
    }

    /// The bytes of the columns for which `wanted` says so, by index of leaf, in the row groups.
    pub async fn columns(&self, row_groups: &[usize], wanted: impl Fn(usize) -> bool) -> Result<Held, FetchError> {
        let mut ranges = Vec::new();
        for row_group in row_groups {
            let row_group = self.metadata().row_group(*row_group);
            for (_, column) in row_group.columns().iter().enumerate().filter(|(index, _)| wanted(*index)) {
                ranges.push(self.extent(column).ok_or_else(|| ArchiveError::corrupt(&self.path, "a column's place"))?);
            }
        }
        let mut held = self.tail.clone();
        ranges.retain(|range| held.get(range).is_none());
        held.fetch(&self.source.store, &self.path, self.e_tag.as_deref(), ranges).await?;
        Ok(held)
    }

    /// The bytes of a column of a row group, `None` when they are not within
    /// the object.
    fn extent(&self, column: &ColumnChunkMetaData) -> Option<Range<u64>> {
        let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        let start = u64::try_from(start).ok()?;
        let end = start.checked_add(u64::try_from(column.compressed_size()).ok()?)?;
        (end <= self.tail.size).then_some(start..end)
    }
}

/// How far the bytes at hand go.
enum Footer {
    Whole(ArrowReaderMetadata, Head),
    /// These ranges are not at hand.
    Needs(Vec<Range<u64>>),
}

fn decode_footer(decoder: &mut ParquetMetaDataPushDecoder, path: &Path, held: &Held) -> Result<Footer, ArchiveError> {
    let corrupt = |error: ParquetError| ArchiveError::corrupt(path, error);
    let footer = loop {
        match decoder.try_decode().map_err(corrupt)? {
            DecodeResult::Data(footer) => break footer,
            DecodeResult::Finished => return Err(ArchiveError::corrupt(path, "it has no footer")),
            DecodeResult::NeedsData(ranges) => {
                let bytes: Option<Vec<Bytes>> = ranges.iter().map(|range| held.get(range)).collect();
                let Some(bytes) = bytes else { return Ok(Footer::Needs(ranges)) };
                decoder.push_ranges(ranges, bytes).map_err(corrupt)?;
            }
        }
    };
    let head = read_metadata(path, &footer)?;
    let schema = if head.version == 1 { archive_schema_v1() } else { archive_schema() };
    let options = ArrowReaderOptions::new().with_schema(schema);
    let footer = ArrowReaderMetadata::try_new(Arc::new(footer), options).map_err(corrupt)?;
    Ok(Footer::Whole(footer, head))
}

struct Head {
    version: u32,
    coverage: Coverage,
    parts: Parts,
}

/// Checks the version before anything else is believed.
fn read_metadata(path: &Path, footer: &ParquetMetaData) -> Result<Head, ArchiveError> {
    let value = |key| metadata_value(footer, key).ok_or_else(|| ArchiveError::corrupt(path, format!("no {key}")));
    let found = value(metadata::FORMAT)?;
    let found = found.parse().map_err(|_| ArchiveError::corrupt(path, format!("format {found:?}")))?;
    if !(1..=FORMAT_VERSION).contains(&found) {
        return Err(ArchiveError::Version { path: path.to_string(), found, supported: FORMAT_VERSION });
    }
    let corrupt = |error| ArchiveError::coverage(path, error);
    let coverage = Coverage::parse(value(metadata::COVERAGE)?).map_err(corrupt)?;
    let parts = Parts::parse(metadata_value(footer, metadata::PARTS).unwrap_or_default()).map_err(corrupt)?;
    Ok(Head { version: found, coverage, parts })
}

pub fn metadata_value<'a>(footer: &'a ParquetMetaData, key: &str) -> Option<&'a str> {
    let pairs = footer.file_metadata().key_value_metadata()?;
    pairs.iter().find(|pair| pair.key == key)?.value.as_deref()
}

/// Parts of an object in memory, for the Parquet decoder.
#[derive(Clone)]
pub struct Held {
    size: u64,
    parts: BTreeMap<u64, Bytes>,
}

impl Held {
    async fn fetch(
        &mut self,
        store: &Arc<dyn ObjectStore>,
        path: &Path,
        e_tag: Option<&str>,
        ranges: Vec<Range<u64>>,
    ) -> Result<(), FetchError> {
        for range in joined(ranges) {
            let options = GetOptions {
                range: Some(GetRange::Bounded(range.clone())),
                if_match: e_tag.map(str::to_owned),
                ..GetOptions::default()
            };
            let bytes = store.get_opts(path, options).await?.bytes().await?;
            self.parts.insert(range.start, bytes);
        }
        Ok(())
    }

    fn get(&self, range: &Range<u64>) -> Option<Bytes> {
        let (start, part) = self.parts.range(..=range.start).next_back()?;
        let from = usize::try_from(range.start - start).ok()?;
        let to = from.checked_add(usize::try_from(range.end.checked_sub(range.start)?).ok()?)?;
        (to <= part.len()).then(|| part.slice(from..to))
    }
}

/// Sorted, and those close to each other as one.
fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(GAP_BYTES) => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

impl Length for Held {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for Held {
    type T = bytes::buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        let (from, part) = self.parts.range(..=start).next_back().ok_or(ParquetError::EOF("not fetched".into()))?;
        let skip = usize::try_from(start - from).unwrap_or(usize::MAX).min(part.len());
        Ok(part.slice(skip..).reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.get(&(start..start.saturating_add(length as u64))).ok_or(ParquetError::EOF("not fetched".into()))
    }
}

impl From<object_store::Error> for FetchError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::Precondition { .. } | object_store::Error::NotFound { .. } => Self::Replaced,
            error => Self::Other(error.into()),
        }
    }
}

impl From<ArchiveError> for FetchError {
    fn from(error: ArchiveError) -> Self {
        Self::Other(error)
    }
}
