//! Bytes from outside → samples. Decoders are pure, never panic, borrow from
//! the request's buffer and tell a [`Sink`] what they find; they hold no
//! samples themselves.
//!
//! A request that is malformed as a whole ends in a [`DecodeError`], and the
//! sink's owner throws away what the sink has taken in. A series or sample
//! that is refused by itself is told to the sink, and decoding goes on.

pub mod canonical;
pub mod decompress;
pub mod json;
pub mod otlp;
pub mod prometheus;
pub mod protobuf;
pub mod push;
pub mod remote_write_v1;
pub mod remote_write_v2;

use tidegate_model::{Distribution, Histogram, MetricMetadata, MetricType, ResetHint};

pub use canonical::{LabelBuilder, LabelLimits, SeriesError};
pub use decompress::{DecompressError, Encoding, decompress};
pub use protobuf::WireError;

/// Takes in what a decoder finds: a series, then its samples.
///
/// Times are milliseconds since the epoch; `None` where the client left the
/// time to the server.
pub trait Sink {
    /// A series begins: its canonical label bytes, or why it is refused. The
    /// samples that follow are its own either way. `index` is the series'
    /// place in the request.
    fn series(&mut self, index: u32, labels: Result<&[u8], SeriesError>);

    /// A gauge's or cumulative counter's value, or a stale marker.
    fn float(&mut self, time_ms: Option<i64>, value: f64);

    /// A difference since the sample before.
    fn delta_float(&mut self, time_ms: Option<i64>, value: f64);

    fn histogram(&mut self, time_ms: Option<i64>, histogram: &Histogram);

    fn distribution(&mut self, time_ms: Option<i64>, distribution: &Distribution);

    /// A sample of the current series that cannot be taken.
    fn invalid_sample(&mut self, reason: SampleError);

    fn metadata(&mut self, metadata: Metadata<'_>);

    /// Exemplars were sent; none are kept.
    fn exemplars(&mut self, _count: u64) {}
}

/// [`MetricMetadata`] of a metric, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata<'a> {
    pub name: &'a str,
    pub metric_type: MetricType,
    pub unit: &'a str,
    pub help: &'a str,
}

impl Metadata<'_> {
    pub fn to_owned(&self) -> MetricMetadata {
        MetricMetadata { metric_type: self.metric_type, unit: self.unit.to_owned(), help: self.help.to_owned() }
    }
}

/// Why one sample is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    #[error("histogram schema {0} is not supported; -4 to 8 and -53 are")]
    HistogramSchema(i64),
    #[error("histogram: {0}")]
    Histogram(&'static str),
    #[error("distribution: {0}")]
    Distribution(&'static str),
    #[error("{0}")]
    Malformed(String),
}

/// Why a whole request is refused; nothing of it may be stored.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecodeError {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("malformed JSON: {0}")]
    Json(String),
    #[error("malformed OTLP: {0}")]
    Otlp(String),
    #[error("symbols[0] must be the empty string")]
    FirstSymbol,
    #[error("session must be 16 bytes, has {0}")]
    Session(usize),
    #[error("sequence must be at least 1 where a session is given")]
    Sequence,
    #[error("a message exceeds {limit_bytes} bytes")]
    TooLarge { limit_bytes: usize },
}

/// Buffers that decoders reuse from request to request.
pub struct Scratch {
    pub labels: LabelBuilder,
    histogram: Histogram,
    raw_histogram: prometheus::RawHistogram,
    distribution: Distribution,
    keys: Vec<u32>,
    counts: Vec<u64>,
    symbols: SymbolTable,
}

impl Scratch {
    pub fn new(limits: LabelLimits) -> Self {
        Self {
            labels: LabelBuilder::new(limits),
            histogram: empty_histogram(),
            raw_histogram: prometheus::RawHistogram::default(),
            distribution: Distribution::empty(),
            keys: Vec::new(),
            counts: Vec::new(),
            symbols: SymbolTable::default(),
        }
    }
}

fn empty_histogram() -> Histogram {
    Histogram {
        schema: 0,
        zero_threshold: 0.0,
        zero_count: 0.0,
        count: 0.0,
        sum: 0.0,
        positive: Default::default(),
        negative: Default::default(),
        custom_bounds: Vec::new(),
        reset_hint: ResetHint::Unknown,
    }
}

/// Strings of a request that label references index, as ranges of its body.
#[derive(Default)]
struct SymbolTable {
    ranges: Vec<(u32, u32)>,
}

impl SymbolTable {
    fn clear(&mut self) {
        self.ranges.clear();
    }

    /// Notes `symbol`, a slice of `body`. Bodies beyond 4 GiB do not get here:
    /// the cap on a request's size is far below.
    fn push(&mut self, body: &[u8], rest: &[u8], symbol: &[u8]) {
        let end = body.len() - rest.len();
        let start = end - symbol.len();
        self.ranges.push((start as u32, end as u32));
    }

    fn len(&self) -> usize {
        self.ranges.len()
    }

    #[inline]
    fn get<'a>(&self, body: &'a [u8], reference: u64) -> Option<&'a [u8]> {
        let (start, end) = *self.ranges.get(usize::try_from(reference).ok()?)?;
        body.get(start as usize..end as usize)
    }

    fn text<'a>(&self, body: &'a [u8], reference: u64) -> &'a str {
        self.get(body, reference).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("")
    }

    /// Adds the pairs that packed `references` name to `labels`.
    #[inline]
    fn resolve(
        &self,
        body: &[u8],
        references: &[u8],
        pending: &mut Option<u64>,
        labels: &mut LabelBuilder,
    ) -> Result<(), WireError> {
        let mut references = protobuf::Reader::new(references);
        while !references.remaining().is_empty() {
            self.resolve_one(body, references.varint()?, pending, labels);
        }
        Ok(())
    }

    /// Takes one reference; every second completes a pair.
    #[inline]
    fn resolve_one(&self, body: &[u8], reference: u64, pending: &mut Option<u64>, labels: &mut LabelBuilder) {
        let Some(name) = pending.take() else {
            *pending = Some(reference);
            return;
        };
        match (self.get(body, name), self.get(body, reference)) {
            (Some(name), Some(value)) => labels.pair(name, value),
            (None, _) => labels.refuse(SeriesError::UnknownSymbol { reference: name, symbols: self.len() }),
            _ => labels.refuse(SeriesError::UnknownSymbol { reference, symbols: self.len() }),
        }
    }
}

#[cfg(test)]
mod recorder;
#[cfg(test)]
mod wire;
