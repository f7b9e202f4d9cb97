//! Label pairs as they come from outside → canonical label bytes.
//!
//! Pairs are written in canonical form as they arrive; only when they come out
//! of order (Prometheus and our agents sort) is anything sorted. Buffers are
//! reused from series to series.

use tidegate_model::METRIC_NAME;

/// What a series may look like. Lengths are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelLimits {
    /// Labels of a series, the metric name among them.
    pub max_labels: usize,
    pub max_name_bytes: usize,
    pub max_value_bytes: usize,
}

impl Default for LabelLimits {
    fn default() -> Self {
        Self { max_labels: 64, max_name_bytes: 256, max_value_bytes: 4096 }
    }
}

/// Why a series is refused; the rest of its batch is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeriesError {
    #[error("the metric name (label __name__) is missing or empty")]
    NoMetricName,
    #[error("label {0:?} is given twice")]
    DuplicateLabel(String),
    #[error("a label name is empty")]
    EmptyLabelName,
    #[error("more than {limit} labels")]
    TooManyLabels { limit: usize },
    #[error("a label name of {size_bytes} bytes exceeds the limit of {limit_bytes}")]
    NameTooLong { size_bytes: usize, limit_bytes: usize },
    #[error("the value of label {name:?} has {size_bytes} bytes, the limit is {limit_bytes}")]
    ValueTooLong { name: String, size_bytes: usize, limit_bytes: usize },
    #[error("a label is not UTF-8")]
    NotUtf8,
    #[error("label references come in pairs; one is left over")]
    OddReferences,
    #[error("label reference {reference} is beyond the {symbols} symbols")]
    UnknownSymbol { reference: u64, symbols: usize },
    #[error("{0}")]
    Malformed(String),
}

/// Where a pair stands in `bytes`: `start..end` with its lengths.
#[derive(Clone, Copy)]
struct Pair {
    start: usize,
    name_start: usize,
    name_end: usize,
    value_start: usize,
    end: usize,
}

/// Collects the labels of one series after another.
#[derive(Default)]
pub struct LabelBuilder {
    limits: LabelLimits,
    /// Pairs in canonical form, in order of arrival.
    bytes: Vec<u8>,
    sorted_bytes: Vec<u8>,
    /// Pairs in `bytes`.
    count: usize,
    /// Where the name of the latest pair stands in `bytes`.
    last_name: (usize, usize),
    is_unsorted: bool,
    /// Of an unsorted series, to be sorted.
    pairs: Vec<Pair>,
    /// Where the metric name's value stands in `bytes`.
    metric_name: Option<(usize, usize)>,
    error: Option<SeriesError>,
}

impl LabelBuilder {
    pub fn new(limits: LabelLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    pub fn set_limits(&mut self, limits: LabelLimits) {
        self.limits = limits;
    }

    /// Forgets the series before.
    pub fn begin(&mut self) {
        self.bytes.clear();
        self.count = 0;
        self.last_name = (0, 0);
        self.is_unsorted = false;
        self.metric_name = None;
        self.error = None;
    }

    /// Adds a pair; an empty value means that the label is absent. What is
    /// wrong comes out in [`LabelBuilder::finish`], and no more than the limits
    /// allow is ever copied.
    #[inline]
    pub fn pair(&mut self, name: &[u8], value: &[u8]) {
        let LabelLimits { max_labels, max_name_bytes, max_value_bytes } = self.limits;
        let is_suspect = name.is_empty()
            || name.len() > max_name_bytes
            || value.is_empty()
            || value.len() > max_value_bytes
            || self.count >= max_labels;
        if is_suspect {
            self.suspect(name, value);
            return;
        }
        let bytes = &mut self.bytes;
        bytes.reserve(name.len() + value.len() + 20);
        push_length(bytes, name.len());
        let name_start = bytes.len();
        bytes.extend_from_slice(name);
        let name_end = bytes.len();
        push_length(bytes, value.len());
        let value_start = bytes.len();
        bytes.extend_from_slice(value);
        if self.count > 0 && !is_less(&bytes[self.last_name.0..self.last_name.1], name) {
            self.is_unsorted = true;
        }
        self.last_name = (name_start, name_end);
        self.count += 1;
        if name == METRIC_NAME.as_bytes() {
            self.metric_name = Some((value_start, self.bytes.len()));
        }
    }

    /// A pair that is refused, or means nothing.
    #[cold]
    fn suspect(&mut self, name: &[u8], value: &[u8]) {
        let LabelLimits { max_labels, max_name_bytes, max_value_bytes } = self.limits;
        let error = if name.is_empty() {
            SeriesError::EmptyLabelName
        } else if name.len() > max_name_bytes {
            SeriesError::NameTooLong { size_bytes: name.len(), limit_bytes: max_name_bytes }
        } else if value.is_empty() {
            return;
        } else if value.len() > max_value_bytes {
            SeriesError::ValueTooLong { name: lossy(name), size_bytes: value.len(), limit_bytes: max_value_bytes }
        } else {
            SeriesError::TooManyLabels { limit: max_labels }
        };
        self.refuse(error);
    }

    /// Refuses the series for a reason found outside.
    pub fn refuse(&mut self, error: SeriesError) {
        self.error.get_or_insert(error);
    }

    /// The canonical bytes of the series.
    pub fn finish(&mut self) -> Result<&[u8], SeriesError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        // Lengths below 128 are ASCII too, so this one pass settles it for
        // nearly all series.
        if !self.bytes.is_ascii() {
            self.check_utf8()?;
        }
        if self.metric_name.is_none() {
            return Err(SeriesError::NoMetricName);
        }
        if self.is_unsorted { self.sort() } else { Ok(&self.bytes) }
    }

    /// The metric's name as last given; "" before there is one.
    pub fn metric_name(&self) -> &str {
        let value = self.metric_name.and_then(|(start, end)| self.bytes.get(start..end));
        value.and_then(|value| std::str::from_utf8(value).ok()).unwrap_or("")
    }

    #[cold]
    fn check_utf8(&self) -> Result<(), SeriesError> {
        let is_text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
        let mut at = 0;
        while at < self.bytes.len() {
            let pair = pair_at(&self.bytes, at);
            let (name, value) = (&self.bytes[pair.name_start..pair.name_end], &self.bytes[pair.value_start..pair.end]);
            if !is_text(name) || !is_text(value) {
                return Err(SeriesError::NotUtf8);
            }
            at = pair.end;
        }
        Ok(())
    }

    #[cold]
    fn sort(&mut self) -> Result<&[u8], SeriesError> {
        let Self { bytes, sorted_bytes, pairs, .. } = self;
        pairs.clear();
        let mut at = 0;
        while at < bytes.len() {
            let pair = pair_at(bytes, at);
            at = pair.end;
            pairs.push(pair);
        }
        let name = |pair: &Pair| &bytes[pair.name_start..pair.name_end];
        pairs.sort_unstable_by(|a, b| name(a).cmp(name(b)));
        if let Some(twice) = pairs.windows(2).find(|two| name(&two[0]) == name(&two[1])) {
            return Err(SeriesError::DuplicateLabel(lossy(name(&twice[0]))));
        }
        sorted_bytes.clear();
        for pair in pairs {
            sorted_bytes.extend_from_slice(&bytes[pair.start..pair.end]);
        }
        Ok(sorted_bytes)
    }
}

/// As `<`, without a call: names of neighbours differ within a few bytes.
#[inline]
fn is_less(a: &[u8], b: &[u8]) -> bool {
    let difference = a.iter().zip(b).find(|(a, b)| a != b);
    difference.map_or(a.len() < b.len(), |(a, b)| a < b)
}

fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

#[inline(always)]
fn push_length(bytes: &mut Vec<u8>, length: usize) {
    if length < 0x80 { bytes.push(length as u8) } else { push_long_length(bytes, length) }
}

#[cold]
fn push_long_length(bytes: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
}

/// The pair that [`LabelBuilder::pair`] wrote at `start`.
fn pair_at(bytes: &[u8], start: usize) -> Pair {
    let (name_start, length) = length_at(bytes, start);
    let name_end = name_start + length;
    let (value_start, length) = length_at(bytes, name_end);
    Pair { start, name_start, name_end, value_start, end: value_start + length }
}

/// Where the text behind a LEB128 length begins, and the length.
fn length_at(bytes: &[u8], mut at: usize) -> (usize, usize) {
    let mut length = 0;
    let mut shift = 0;
    loop {
        let byte = bytes[at];
        length |= usize::from(byte & 0x7f) << shift;
        (at, shift) = (at + 1, shift + 7);
        if byte < 0x80 {
            return (at, length);
        }
    }
}

#[cfg(test)]
mod tests;
