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

/// Where a pair stands in `bytes`.
#[derive(Clone, Copy)]
struct Pair {
    start: usize,
    name_start: usize,
    name_end: usize,
    end: usize,
}

/// Collects the labels of one series after another.
#[derive(Default)]
pub struct LabelBuilder {
    limits: LabelLimits,
    /// Pairs in canonical form, in order of arrival.
    bytes: Vec<u8>,
    sorted_bytes: Vec<u8>,
    pairs: Vec<Pair>,
    is_sorted: bool,
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
        self.pairs.clear();
        self.is_sorted = true;
        self.metric_name = None;
        self.error = None;
    }

    /// Adds a pair; an empty value means that the label is absent. What is
    /// wrong comes out in [`LabelBuilder::finish`], and no more than the limits
    /// allow is ever copied.
    #[inline]
    pub fn pair(&mut self, name: &[u8], value: &[u8]) {
        if self.error.is_some() {
            return;
        }
        if let Err(error) = self.check(name, value) {
            self.error = Some(error);
            return;
        }
        if value.is_empty() {
            return;
        }
        let start = self.bytes.len();
        push_length(&mut self.bytes, name.len());
        let name_start = self.bytes.len();
        self.bytes.extend_from_slice(name);
        let name_end = self.bytes.len();
        push_length(&mut self.bytes, value.len());
        let value_start = self.bytes.len();
        self.bytes.extend_from_slice(value);
        let end = self.bytes.len();
        if let Some(last) = self.pairs.last() {
            self.is_sorted &= self.bytes[last.name_start..last.name_end] < *name;
        }
        self.pairs.push(Pair { start, name_start, name_end, end });
        if name == METRIC_NAME.as_bytes() {
            self.metric_name = Some((value_start, end));
        }
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
        if self.is_sorted { Ok(&self.bytes) } else { self.sort() }
    }

    /// The metric's name as last given; "" before there is one.
    pub fn metric_name(&self) -> &str {
        let value = self.metric_name.and_then(|(start, end)| self.bytes.get(start..end));
        value.and_then(|value| std::str::from_utf8(value).ok()).unwrap_or("")
    }

    #[inline]
    fn check(&self, name: &[u8], value: &[u8]) -> Result<(), SeriesError> {
        let LabelLimits { max_labels, max_name_bytes, max_value_bytes } = self.limits;
        if name.is_empty() {
            return Err(SeriesError::EmptyLabelName);
        }
        if name.len() > max_name_bytes {
            return Err(SeriesError::NameTooLong { size_bytes: name.len(), limit_bytes: max_name_bytes });
        }
        if value.len() > max_value_bytes {
            let name = lossy(name);
            return Err(SeriesError::ValueTooLong { name, size_bytes: value.len(), limit_bytes: max_value_bytes });
        }
        if self.pairs.len() >= max_labels {
            return Err(SeriesError::TooManyLabels { limit: max_labels });
        }
        Ok(())
    }

    fn name(&self, pair: &Pair) -> &[u8] {
        &self.bytes[pair.name_start..pair.name_end]
    }

    #[cold]
    fn check_utf8(&self) -> Result<(), SeriesError> {
        for pair in &self.pairs {
            let value = skip_length(&self.bytes[pair.name_end..pair.end]);
            if std::str::from_utf8(self.name(pair)).is_err() || std::str::from_utf8(value).is_err() {
                return Err(SeriesError::NotUtf8);
            }
        }
        Ok(())
    }

    #[cold]
    fn sort(&mut self) -> Result<&[u8], SeriesError> {
        let bytes = &self.bytes;
        let name = |pair: &Pair| &bytes[pair.name_start..pair.name_end];
        self.pairs.sort_unstable_by(|a, b| name(a).cmp(name(b)));
        if let Some(twice) = self.pairs.windows(2).find(|two| name(&two[0]) == name(&two[1])) {
            return Err(SeriesError::DuplicateLabel(lossy(name(&twice[0]))));
        }
        self.sorted_bytes.clear();
        for pair in &self.pairs {
            self.sorted_bytes.extend_from_slice(&bytes[pair.start..pair.end]);
        }
        Ok(&self.sorted_bytes)
    }
}

fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

#[inline]
fn push_length(bytes: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
}

/// The text behind a LEB128 length that [`push_length`] wrote.
fn skip_length(bytes: &[u8]) -> &[u8] {
    let length = bytes.iter().position(|byte| *byte < 0x80).map_or(bytes.len(), |last| last + 1);
    &bytes[length..]
}

#[cfg(test)]
mod tests;
