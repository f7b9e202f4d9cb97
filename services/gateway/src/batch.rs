//! One request's samples on their way from the decoder to the parts of log
//! records, one per partition. Everything here is reused from request to
//! request: nothing is allocated per series or sample.

use std::sync::Arc;

use bytes::Bytes;
use hashbrown::HashSet;
use tidegate_codec::ingest::{Metadata, SampleError, SeriesError, Sink};
use tidegate_codec::stored::PartWriter;
use tidegate_model::{BatchId, Distribution, Histogram, MetricIds, TenantId, is_stale};
use xxhash_rust::xxh3::xxh3_64;

use crate::admission::{Admission, Cause, Range, Refused, Times};
use crate::content_hash::{ContentHash, Kind};
use crate::metadata::{self, SentMetadata};
use crate::series_cap::{Full, TenantSeries};

/// Refusals that an answer names one by one; the rest are counted.
pub const MAX_LISTED: usize = 100;

/// A series, or some of its samples, that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// The series' place in the request.
    pub index: u32,
    /// Samples refused.
    pub samples: u64,
    /// Why, of the first of them.
    pub reason: String,
}

/// What became of a request's samples.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Floats (deltas and stale markers among them) taken in.
    pub floats: u64,
    /// Histograms and distributions taken in.
    pub histograms: u64,
    /// Samples refused, in all.
    pub rejected_samples: u64,
    /// Of them those of each cause, in the order of [`Cause::ALL`].
    pub rejected_by_cause: [u64; Cause::ALL.len()],
    /// Series that have refusals, in all.
    pub rejected_series: u64,
    /// The first [`MAX_LISTED`] of them.
    pub rejected: Vec<Rejection>,
    /// Exemplars sent; none are kept.
    pub exemplars: u64,
}

impl Outcome {
    pub fn accepted(&self) -> u64 {
        self.floats + self.histograms
    }

    pub fn received(&self) -> u64 {
        self.accepted() + self.rejected_samples
    }
}

/// By what a request is recognised when it comes again.
#[derive(Clone, Copy, Debug)]
pub enum Identity {
    /// The session as [`ContentHash::of_session`] has it.
    Session { session: u128, sequence: u64 },
    /// The client's idempotency key, as [`ContentHash::of_key`] has it, with
    /// what the samples are: the key used for another body is another batch.
    Key(u128),
    /// Nothing was given: what the samples are.
    Content,
}

/// What a request is judged by.
pub struct Rules<'a> {
    pub tenant: &'a TenantId,
    pub times: Times,
    pub admission: &'a Admission,
    pub cap: Arc<TenantSeries>,
    pub sent_metadata: &'a SentMetadata,
}

/// What a request comes to.
#[derive(Debug)]
pub struct Parts {
    /// (partition, its part as a record), one per partition at most.
    pub parts: Vec<(u16, Bytes)>,
    pub outcome: Outcome,
    /// To be remembered once the log has the parts.
    pub new_metadata: Vec<u64>,
    /// Limits that refused some of it, each once.
    pub over: Vec<Over>,
}

/// A limit of the tenant that was reached, by its name in the file of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    pub limit: &'static str,
    pub value: u64,
}

/// Writers of all partitions and the hash, to be used again and again.
pub struct Writers {
    partitions: Vec<Partition>,
    ids: MetricIds,
    hash: ContentHash,
}

#[derive(Default)]
struct Partition {
    writer: PartWriter,
    is_begun: bool,
}

impl Writers {
    pub fn new(partitions: u16) -> Self {
        Self {
            partitions: (0..partitions.max(1)).map(|_| Partition::default()).collect(),
            ids: MetricIds::of(&TenantId::default()),
            hash: ContentHash::new(),
        }
    }
}

/// The sink of one request.
pub struct Batch<'a> {
    rules: Rules<'a>,
    writers: &'a mut Writers,
    is_hashed: bool,
    series: Series,
    outcome: Outcome,
    has_stamped: bool,
    new_metadata: HashSet<u64>,
    over: Vec<Over>,
}

/// The series whose samples come.
struct Series {
    index: u32,
    partition: usize,
    range: Option<Range>,
    /// Why all its samples are refused.
    refused: Option<(Cause, String)>,
    is_listed: bool,
    is_counted: bool,
    hashes: bool,
}

impl<'a> Batch<'a> {
    pub fn new(rules: Rules<'a>, identity: &Identity, writers: &'a mut Writers) -> Self {
        let key = match identity {
            Identity::Key(key) => Some(*key),
            Identity::Content | Identity::Session { .. } => None,
        };
        writers.hash.begin(rules.tenant, key);
        writers.ids.begin(rules.tenant);
        for partition in &mut writers.partitions {
            partition.is_begun = false;
        }
        Self {
            rules,
            writers,
            is_hashed: !matches!(identity, Identity::Session { .. }),
            series: Series {
                index: 0,
                partition: 0,
                range: None,
                refused: None,
                is_listed: false,
                is_counted: false,
                hashes: false,
            },
            outcome: Outcome::default(),
            has_stamped: false,
            new_metadata: HashSet::new(),
            over: Vec::new(),
        }
    }

    /// Ends the request. `unique` is drawn when the samples alone do not tell
    /// the batch from another.
    pub fn finish(self, identity: Identity, unique: impl FnOnce() -> u128) -> Parts {
        let batch = match identity {
            Identity::Session { session, sequence } => BatchId::Session { session, sequence },
            Identity::Key(_) => BatchId::Content(self.writers.hash.finish()),
            Identity::Content => {
                // Stamped readings may equal the ones before, and a batch of
                // nothing but metadata has no samples to go by.
                if self.has_stamped || self.outcome.received() == 0 {
                    self.writers.hash.distinguish(unique());
                }
                BatchId::Content(self.writers.hash.finish())
            }
        };
        let mut parts = Vec::new();
        for (number, partition) in self.writers.partitions.iter_mut().enumerate() {
            if partition.is_begun && !partition.writer.is_empty() {
                partition.writer.set_batch(batch);
                parts.push((number as u16, partition.writer.finish_record()));
            }
        }
        let new_metadata = self.new_metadata.into_iter().collect();
        Parts { parts, outcome: self.outcome, new_metadata, over: self.over }
    }

    #[inline]
    fn writer(&mut self, partition: usize) -> &mut PartWriter {
        let entry = &mut self.writers.partitions[partition];
        if !entry.is_begun {
            // The id is set at the end: it may be a hash of what comes.
            entry.writer.begin(self.rules.tenant, BatchId::Content(0));
            entry.is_begun = true;
        }
        &mut entry.writer
    }

    /// The sample's time, if it is let in.
    #[inline(always)]
    fn admit(&mut self, time_ms: Option<i64>, value: f64) -> Option<i64> {
        if self.series.refused.is_some() {
            self.reject(time_ms, None);
            return None;
        }
        let time = match time_ms {
            Some(time_ms) => time_ms,
            None => {
                self.has_stamped = true;
                self.rules.times.now_ms
            }
        };
        if let Err(refused) = self.rules.times.check(time) {
            self.reject(time_ms, Some(refused));
            return None;
        }
        if let Some(range) = self.series.range
            && let Err(refused) = range.check(value)
        {
            self.reject(time_ms, Some(refused));
            return None;
        }
        Some(time)
    }

    #[cold]
    fn reject(&mut self, time_ms: Option<i64>, refused: Option<Refused>) {
        let is_too_old = time_ms.is_some_and(|time_ms| self.rules.times.is_too_old(time_ms));
        if self.series.hashes && !is_too_old {
            // Taken the next time, it makes the request another batch.
            self.writers.hash.refused(self.outcome.received());
        }
        let of_series = || self.series.refused.as_ref().map(|(cause, _)| *cause);
        let cause = refused.map(|refused| refused.cause()).or_else(of_series).unwrap_or(Cause::BadSeries);
        self.reject_for(cause, || refused.map(|refused| refused.to_string()));
    }

    /// Counts a refused sample; `reason` is asked for the first of a series,
    /// and falls back to why the series is refused.
    fn reject_for(&mut self, cause: Cause, reason: impl FnOnce() -> Option<String>) {
        self.outcome.rejected_samples += 1;
        self.outcome.rejected_by_cause[cause as usize] += 1;
        self.list(reason);
        if self.series.is_listed
            && let Some(last) = self.outcome.rejected.last_mut()
        {
            last.samples += 1;
        }
    }

    /// Names the current series among the refusals, once.
    fn list(&mut self, reason: impl FnOnce() -> Option<String>) {
        if self.series.is_counted {
            return;
        }
        self.series.is_counted = true;
        self.outcome.rejected_series += 1;
        if self.outcome.rejected.len() < MAX_LISTED {
            let reason =
                reason().or_else(|| self.series.refused.as_ref().map(|(_, text)| text.clone())).unwrap_or_default();
            self.outcome.rejected.push(Rejection { index: self.series.index, samples: 0, reason });
            self.series.is_listed = true;
        }
    }

    fn note(&mut self, limit: &'static str, value: u64) {
        if !self.over.iter().any(|over| over.limit == limit) {
            self.over.push(Over { limit, value });
        }
    }

    #[cold]
    fn full(&mut self, full: Full) -> (Cause, String) {
        let cause = match full {
            Full::Tenant { cap } => {
                self.note("active_series", cap);
                Cause::SeriesLimit
            }
            Full::New { per_minute } => {
                self.note("new_series_per_minute", per_minute.into());
                Cause::NewSeriesLimit
            }
            // No tenant's own.
            Full::All { .. } => Cause::SeriesLimit,
        };
        (cause, full.to_string())
    }

    /// Labels that no series can have, or not one of this tenant.
    #[cold]
    fn wrong(&mut self, error: &SeriesError) -> (Cause, String) {
        let (name, value) = match error {
            SeriesError::TooManyLabels { limit } => ("labels_per_series", *limit),
            SeriesError::NameTooLong { limit_bytes, .. } => ("label_name_bytes", *limit_bytes),
            SeriesError::ValueTooLong { limit_bytes, .. } => ("label_value_bytes", *limit_bytes),
            _ => return (Cause::BadSeries, error.to_string()),
        };
        self.note(name, value as u64);
        (Cause::LabelLimit, format!("{error} ({name})"))
    }

    fn begin_series(&mut self, labels: &[u8]) -> Option<(Cause, String)> {
        let id = self.writers.ids.of_canonical(labels);
        if self.is_hashed {
            self.writers.hash.series(id);
            self.series.hashes = true;
        }
        if let Err(full) = self.rules.cap.admit(id) {
            return Some(self.full(full));
        }
        self.series.range = self.rules.admission.range(labels);
        let partition = id.partition(self.writers.partitions.len() as u16);
        self.series.partition = usize::from(partition);
        self.writer(usize::from(partition)).series(id, labels);
        None
    }
}

impl Sink for Batch<'_> {
    fn series(&mut self, index: u32, labels: Result<&[u8], SeriesError>) {
        self.series = Series {
            index,
            partition: 0,
            range: None,
            refused: None,
            is_listed: false,
            is_counted: false,
            hashes: false,
        };
        let refused = match labels {
            Ok(labels) => self.begin_series(labels),
            Err(error) => Some(self.wrong(&error)),
        };
        if refused.is_some() {
            // A series with no samples is refused, too.
            self.series.refused = refused;
            self.list(|| None);
        }
    }

    #[inline]
    fn float(&mut self, time_ms: Option<i64>, value: f64) {
        if self.series.hashes {
            self.writers.hash.sample(Kind::Float, time_ms.unwrap_or(0), value);
        }
        // A stale marker is no value.
        let judged = if is_stale(value) { f64::NAN } else { value };
        if let Some(time_ms) = self.admit(time_ms, judged) {
            self.outcome.floats += 1;
            self.writers.partitions[self.series.partition].writer.float(time_ms, value);
        }
    }

    fn delta_float(&mut self, time_ms: Option<i64>, value: f64) {
        if self.series.hashes {
            self.writers.hash.sample(Kind::DeltaFloat, time_ms.unwrap_or(0), value);
        }
        if let Some(time_ms) = self.admit(time_ms, value) {
            self.outcome.floats += 1;
            self.writers.partitions[self.series.partition].writer.delta_float(time_ms, value);
        }
    }

    fn histogram(&mut self, time_ms: Option<i64>, histogram: &Histogram) {
        if self.series.hashes {
            self.writers.hash.histogram(time_ms.unwrap_or(0), histogram);
        }
        if let Some(time_ms) = self.admit(time_ms, f64::NAN) {
            self.outcome.histograms += 1;
            self.writers.partitions[self.series.partition].writer.histogram(time_ms, histogram);
        }
    }

    fn distribution(&mut self, time_ms: Option<i64>, distribution: &Distribution) {
        if self.series.hashes {
            self.writers.hash.distribution(time_ms.unwrap_or(0), distribution);
        }
        if let Some(time_ms) = self.admit(time_ms, f64::NAN) {
            self.outcome.histograms += 1;
            self.writers.partitions[self.series.partition].writer.distribution(time_ms, distribution);
        }
    }

    fn invalid_sample(&mut self, reason: SampleError) {
        self.reject_for(Cause::Malformed, || Some(reason.to_string()));
    }

    fn metadata(&mut self, metadata: Metadata<'_>) {
        let hash = metadata::hash(self.rules.tenant, &metadata);
        if self.rules.sent_metadata.contains(hash) || !self.new_metadata.insert(hash) {
            return;
        }
        let partition = xxh3_64(metadata.name.as_bytes()) as usize % self.writers.partitions.len();
        self.writer(partition).metadata(metadata.name, &metadata.to_owned());
    }

    fn exemplars(&mut self, count: u64) {
        self.outcome.exemplars += count;
    }
}

#[cfg(test)]
mod tests;
