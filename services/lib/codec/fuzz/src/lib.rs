//! A sink for fuzzing: checks what every decoder promises of what it tells.

use tidegate_codec::ingest::{LabelLimits, Metadata, SampleError, Scratch, SeriesError, Sink, prometheus};
use tidegate_model::{Distribution, Histogram, Labels};

/// Panics when a promise is broken.
#[derive(Default)]
pub struct Checker {
    has_series: bool,
}

pub fn scratch() -> Scratch {
    Scratch::new(LabelLimits::default())
}

impl Sink for Checker {
    fn series(&mut self, _: u32, labels: Result<&[u8], SeriesError>) {
        self.has_series = true;
        if let Ok(labels) = labels {
            let labels = Labels::from_bytes(labels).expect("labels are canonical");
            assert!(!labels.metric_name().is_empty(), "a metric name is there");
        }
    }

    fn float(&mut self, _: Option<i64>, _: f64) {
        assert!(self.has_series, "samples follow their series");
    }

    fn delta_float(&mut self, _: Option<i64>, _: f64) {
        assert!(self.has_series, "samples follow their series");
    }

    fn histogram(&mut self, _: Option<i64>, histogram: &Histogram) {
        assert!(self.has_series, "samples follow their series");
        prometheus::validate(histogram).expect("histograms are valid");
    }

    fn distribution(&mut self, _: Option<i64>, distribution: &Distribution) {
        assert!(self.has_series, "samples follow their series");
        assert_eq!(distribution.count, distribution.sketch.count(), "counts agree");
        assert!(distribution.count == 0 || distribution.min <= distribution.max, "min and max are in order");
    }

    fn invalid_sample(&mut self, _: SampleError) {
        assert!(self.has_series, "samples follow their series");
    }

    fn metadata(&mut self, metadata: Metadata<'_>) {
        assert!(!metadata.name.is_empty(), "metadata is of something");
    }
}
