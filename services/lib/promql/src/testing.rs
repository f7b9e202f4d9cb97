//! A source for tests: samples folded into windows as the rollup does.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_model::time::{WINDOW_MS, window_start_ms};
use tidegate_model::{
    DeltaWindow, Distribution, DistributionWindow, FloatWindow, Histogram, HistogramWindow, Labels, Window,
    WindowValue, is_stale,
};

use crate::{
    EvalError, Evaluated, Limits, QueryValue, Range, SampleValue, Selection, SeriesData, SeriesSource, SourceError,
    evaluate, parse,
};

#[derive(Default)]
pub(crate) struct Memory {
    series: Vec<Arc<SeriesData>>,
}

pub(crate) fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied()).unwrap()
}

impl Memory {
    /// Float samples, ascending; stale markers are told apart.
    pub fn floats(mut self, pairs: &[(&str, &str)], samples: &[(i64, f64)]) -> Self {
        let mut windows: BTreeMap<i64, FloatWindow> = BTreeMap::new();
        for &(time_ms, value) in samples {
            let window = windows.entry(window_start_ms(time_ms)).or_insert_with(FloatWindow::empty);
            if is_stale(value) { window.push_stale(time_ms) } else { window.push(time_ms, value) }
        }
        self.push(pairs, windows.into_iter().map(|(start, window)| (start, WindowValue::Float(window))));
        self
    }

    pub fn histograms(mut self, pairs: &[(&str, &str)], samples: &[(i64, Histogram)]) -> Self {
        let mut windows: BTreeMap<i64, HistogramWindow> = BTreeMap::new();
        for (time_ms, histogram) in samples {
            let histogram = Arc::new(histogram.clone());
            windows
                .entry(window_start_ms(*time_ms))
                .and_modify(|window| window.push(*time_ms, histogram.clone()))
                .or_insert_with(|| HistogramWindow::one(*time_ms, histogram.clone()));
        }
        self.push(pairs, windows.into_iter().map(|(start, window)| (start, WindowValue::Histogram(window))));
        self
    }

    pub fn deltas(mut self, pairs: &[(&str, &str)], samples: &[(i64, f64)]) -> Self {
        let mut windows: BTreeMap<i64, DeltaWindow> = BTreeMap::new();
        for &(time_ms, value) in samples {
            let one = DeltaWindow::one(time_ms, value);
            windows.entry(window_start_ms(time_ms)).and_modify(|window| window.merge(&one)).or_insert(one);
        }
        self.push(pairs, windows.into_iter().map(|(start, window)| (start, WindowValue::DeltaFloat(window))));
        self
    }

    /// Each sample is the distribution of some values.
    pub fn distributions(mut self, pairs: &[(&str, &str)], samples: &[(i64, Vec<f64>)]) -> Self {
        let mut windows: BTreeMap<i64, DistributionWindow> = BTreeMap::new();
        for (time_ms, values) in samples {
            let mut distribution = Distribution::empty();
            values.iter().for_each(|value| distribution.record(*value));
            let one = DistributionWindow::one(*time_ms, distribution);
            windows
                .entry(window_start_ms(*time_ms))
                .and_modify(|window| window.merge(&one))
                .or_insert_with(|| one.clone());
        }
        self.push(pairs, windows.into_iter().map(|(start, window)| (start, WindowValue::DeltaDistribution(window))));
        self
    }

    fn push(&mut self, pairs: &[(&str, &str)], windows: impl Iterator<Item = (i64, WindowValue)>) {
        let windows = windows.map(|(start_ms, value)| Window { start_ms, value }).collect();
        self.series.push(Arc::new(SeriesData { labels: labels(pairs), windows }));
    }

    pub fn instant(&self, query: &str, time_ms: i64) -> Result<Evaluated, EvalError> {
        let range = Range { start_ms: time_ms, end_ms: time_ms, step_ms: 0 };
        evaluate(&parse(query).unwrap(), &range, self, &Limits::default())
    }

    pub fn range(&self, query: &str, start_ms: i64, end_ms: i64, step_ms: i64) -> Evaluated {
        let range = Range { start_ms, end_ms, step_ms };
        evaluate(&parse(query).unwrap(), &range, self, &Limits::default()).unwrap()
    }

    /// Labels and floats of an instant vector, in its order.
    pub fn vector(&self, query: &str, time_ms: i64) -> Vec<(String, f64)> {
        match self.instant(query, time_ms).unwrap().value {
            QueryValue::Vector(samples) => {
                samples.into_iter().map(|sample| (sample.labels.to_string(), float(&sample.value))).collect()
            }
            QueryValue::Scalar(numbers) => numbers.into_iter().map(|(_, number)| ("scalar".into(), number)).collect(),
            other => panic!("{query} gives {other:?}"),
        }
    }

    /// The only float of an answer.
    pub fn one(&self, query: &str, time_ms: i64) -> f64 {
        let vector = self.vector(query, time_ms);
        assert_eq!(vector.len(), 1, "{query} gives {vector:?}");
        vector[0].1
    }
}

pub(crate) fn float(value: &SampleValue) -> f64 {
    match value {
        SampleValue::Float(value) => *value,
        SampleValue::Histogram(histogram) => panic!("{histogram:?} is no float"),
    }
}

/// Hands out the windows that reach into the selection, and no others: a
/// selection that is too narrow shows as a wrong answer.
impl SeriesSource for Memory {
    fn select(&self, selection: &Selection) -> Result<Vec<Arc<SeriesData>>, SourceError> {
        let matching = self.series.iter().filter(|series| selection.matchers.iter().all(|m| m.matches(&series.labels)));
        let cut = |series: &Arc<SeriesData>| {
            let windows = series.windows.to_vec().into_iter().filter(|window| {
                window.start_ms + WINDOW_MS > selection.start_ms && window.start_ms <= selection.end_ms
            });
            Arc::new(SeriesData { labels: series.labels.clone(), windows: windows.collect() })
        };
        Ok(matching.map(cut).collect())
    }
}
