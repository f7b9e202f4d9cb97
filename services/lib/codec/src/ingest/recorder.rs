//! A sink that writes down what it is told, for the decoders' tests.

use tidegate_model::{Distribution, Histogram, Labels};

use super::*;

#[derive(Debug, Default, PartialEq)]
pub struct Recorder {
    pub series: Vec<(u32, Result<Labels, SeriesError>)>,
    pub samples: Vec<Recorded>,
    pub metadata: Vec<(String, MetricMetadata)>,
    pub exemplars: u64,
}

#[derive(Debug, PartialEq)]
pub enum Recorded {
    Float(Option<i64>, f64),
    DeltaFloat(Option<i64>, f64),
    Histogram(Option<i64>, Histogram),
    Distribution(Option<i64>, Distribution),
    Invalid(SampleError),
}

impl Sink for Recorder {
    fn series(&mut self, index: u32, labels: Result<&[u8], SeriesError>) {
        self.series.push((index, labels.map(|bytes| Labels::from_bytes(bytes).expect("canonical"))));
    }

    fn float(&mut self, time_ms: Option<i64>, value: f64) {
        self.samples.push(Recorded::Float(time_ms, value));
    }

    fn delta_float(&mut self, time_ms: Option<i64>, value: f64) {
        self.samples.push(Recorded::DeltaFloat(time_ms, value));
    }

    fn histogram(&mut self, time_ms: Option<i64>, histogram: &Histogram) {
        prometheus::validate(histogram).expect("a valid histogram");
        self.samples.push(Recorded::Histogram(time_ms, histogram.clone()));
    }

    fn distribution(&mut self, time_ms: Option<i64>, distribution: &Distribution) {
        self.samples.push(Recorded::Distribution(time_ms, distribution.clone()));
    }

    fn invalid_sample(&mut self, reason: SampleError) {
        self.samples.push(Recorded::Invalid(reason));
    }

    fn metadata(&mut self, metadata: Metadata<'_>) {
        self.metadata.push((metadata.name.to_owned(), metadata.to_owned()));
    }

    fn exemplars(&mut self, count: u64) {
        self.exemplars += count;
    }
}

impl Recorder {
    /// Labels of the series that were taken, in Prometheus notation.
    pub fn taken(&self) -> Vec<String> {
        self.series.iter().filter_map(|(_, labels)| labels.as_ref().ok().map(ToString::to_string)).collect()
    }
}
