//! Annotations: what a reader of an answer should know about it.

use std::collections::BTreeSet;

/// One kind of annotation; collected as bits while a series is evaluated, so
/// that a step costs no allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Note {
    CutWindow = 1,
    EverySample = 1 << 1,
    MixedKinds = 1 << 2,
    NotACounter = 1 << 3,
    HistogramIgnored = 1 << 4,
    IncompatibleHistograms = 1 << 5,
    IncompatibleTypes = 1 << 6,
    ForcedMonotonic = 1 << 7,
    BadBucketLabel = 1 << 8,
    GaugeHistogram = 1 << 9,
    NeedsTwoDeltas = 1 << 10,
    BadQuantile = 1 << 11,
    HistogramGap = 1 << 12,
    JoinedBounds = 1 << 13,
    NanQuantile = 1 << 14,
    NanSkew = 1 << 15,
    NanObservations = 1 << 16,
    NotAGauge = 1 << 17,
    ClassicAndNative = 1 << 18,
    SortOverRange = 1 << 19,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NoteSet(u32);

impl NoteSet {
    pub fn add(&mut self, note: Note) {
        self.0 |= note as u32;
    }

    pub fn add_all(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

/// All annotations of a query, each once.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    warnings: BTreeSet<String>,
    infos: BTreeSet<String>,
}

impl Notes {
    /// Takes what was noted of a series; `subject` is its name or a function's.
    pub fn take(&mut self, set: NoteSet, subject: &str) {
        if set.0 == 0 {
            return;
        }
        for note in ALL.into_iter().filter(|note| set.0 & *note as u32 != 0) {
            let (severity, text) = note.describe();
            let text = if subject.is_empty() { text.to_owned() } else { format!("{text} for {subject:?}") };
            match severity {
                Severity::Warning => self.warnings.insert(text),
                Severity::Info => self.infos.insert(text),
            };
        }
    }

    pub fn into_parts(self) -> (Vec<String>, Vec<String>) {
        (self.warnings.into_iter().collect(), self.infos.into_iter().collect())
    }
}

enum Severity {
    Warning,
    Info,
}

const ALL: [Note; 20] = [
    Note::CutWindow,
    Note::EverySample,
    Note::MixedKinds,
    Note::NotACounter,
    Note::HistogramIgnored,
    Note::IncompatibleHistograms,
    Note::IncompatibleTypes,
    Note::ForcedMonotonic,
    Note::BadBucketLabel,
    Note::GaugeHistogram,
    Note::NeedsTwoDeltas,
    Note::BadQuantile,
    Note::HistogramGap,
    Note::JoinedBounds,
    Note::NanQuantile,
    Note::NanSkew,
    Note::NanObservations,
    Note::NotAGauge,
    Note::ClassicAndNative,
    Note::SortOverRange,
];

impl Note {
    fn describe(self) -> (Severity, &'static str) {
        use Severity::{Info, Warning};
        match self {
            Self::CutWindow => (
                Info,
                "a time falls inside a window of more than two samples, of which only the first and last are kept: approximate below the window's length",
            ),
            Self::EverySample => (
                Info,
                "the function needs every sample, but of windows with more than two samples only the first and last are kept: approximate",
            ),
            Self::HistogramGap => (
                Info,
                "of windows with more than two histograms only the first and last are kept: resets between them are not seen",
            ),
            Self::MixedKinds => (Warning, "encountered a mix of histograms, floats or deltas, the result is left out"),
            Self::NotACounter => {
                (Info, "metric might not be a counter, name does not end in _total/_sum/_count/_bucket")
            }
            Self::HistogramIgnored => (Info, "ignored histograms"),
            Self::IncompatibleHistograms => {
                (Warning, "histograms with exponential and custom buckets cannot be combined, the result is left out")
            }
            Self::JoinedBounds => (Info, "custom buckets of different bounds were joined to the bounds in common"),
            Self::NanQuantile => (Info, "input to histogram_quantile has NaN observations, the result is NaN"),
            Self::NanSkew => (Info, "input to histogram_quantile has NaN observations, the result is too high"),
            Self::NanObservations => {
                (Info, "input to histogram_fraction has NaN observations, which are in no fraction")
            }
            Self::NotAGauge => (Warning, "this native histogram metric is not a gauge"),
            Self::ClassicAndNative => {
                (Warning, "vector has classic and native histograms of the same labels, which are left out")
            }
            Self::SortOverRange => (Warning, "sort has no effect over a range: series are ordered by labels"),
            Self::IncompatibleTypes => {
                (Info, "incompatible sample types for a binary operator, the result is left out")
            }
            Self::ForcedMonotonic => (Info, "input to histogram_quantile needed to be fixed for monotonicity"),
            Self::BadBucketLabel => (Warning, "bucket label \"le\" is missing or has a malformed value"),
            Self::GaugeHistogram => (Warning, "this native histogram metric is not a counter"),
            Self::NeedsTwoDeltas => (Info, "irate of a delta series needs two windows"),
            Self::BadQuantile => (Warning, "quantile value should be between 0 and 1"),
        }
    }
}
