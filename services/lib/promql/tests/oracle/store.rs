//! A source of the cases' series: samples folded into windows as the rollup
//! does.

use std::collections::BTreeMap;
use std::sync::Arc;

use tidegate_model::histogram::{Buckets, Span};
use tidegate_model::time::{WINDOW_MS, window_start_ms};
use tidegate_model::{FloatWindow, Histogram, HistogramWindow, Labels, ResetHint, Window, WindowValue, is_stale};
use tidegate_promql::{Selection, SeriesData, SeriesSource, SourceError};

use crate::wire;

pub struct Store {
    series: Vec<Arc<SeriesData>>,
}

impl Store {
    pub fn new(series: &[wire::Series]) -> Self {
        Self { series: series.iter().map(|series| Arc::new(folded(series))).collect() }
    }
}

fn folded(series: &wire::Series) -> SeriesData {
    let mut floats: BTreeMap<i64, FloatWindow> = BTreeMap::new();
    let mut histograms: BTreeMap<i64, HistogramWindow> = BTreeMap::new();
    for point in &series.points {
        let start_ms = window_start_ms(point.t);
        if let Some(wire::Number(value)) = point.f {
            let window = floats.entry(start_ms).or_insert_with(FloatWindow::empty);
            if is_stale(value) { window.push_stale(point.t) } else { window.push(point.t, value) }
        }
        if let Some(histogram) = &point.h {
            let histogram = Arc::new(native(histogram));
            histograms
                .entry(start_ms)
                .and_modify(|window| window.push(point.t, histogram.clone()))
                .or_insert_with(|| HistogramWindow::one(point.t, histogram.clone()));
        }
    }
    assert!(floats.values().all(|window| window.count <= 2) && histograms.values().all(|window| window.count <= 2));
    let floats = floats.into_iter().map(|(start_ms, window)| Window { start_ms, value: WindowValue::Float(window) });
    let histograms =
        histograms.into_iter().map(|(start_ms, window)| Window { start_ms, value: WindowValue::Histogram(window) });
    let mut windows: Vec<_> = floats.chain(histograms).collect();
    windows.sort_by_key(|window| window.start_ms);
    let pairs = series.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    SeriesData { labels: Labels::from_pairs(pairs).expect("labels of a case are valid"), windows: windows.into() }
}

fn native(histogram: &wire::Histogram) -> Histogram {
    Histogram {
        schema: histogram.schema,
        zero_threshold: histogram.zero_threshold.0,
        zero_count: histogram.zero_count.0,
        count: histogram.count.0,
        sum: histogram.sum.0,
        positive: buckets(&histogram.positive),
        negative: buckets(&histogram.negative),
        custom_bounds: histogram.bounds.iter().map(|bound| bound.0).collect(),
        reset_hint: if histogram.gauge { ResetHint::Gauge } else { ResetHint::Unknown },
    }
}

/// One span a bucket: allowed, and simple.
fn buckets(populated: &[wire::Bucket]) -> Buckets {
    let mut next = 0;
    let mut buckets = Buckets::default();
    for bucket in populated {
        buckets.spans.push(Span { offset: bucket.i - next, length: 1 });
        buckets.counts.push(bucket.n.0);
        next = bucket.i + 1;
    }
    buckets
}

impl SeriesSource for Store {
    fn select(&self, selection: &Selection) -> Result<Vec<Arc<SeriesData>>, SourceError> {
        let matching = self.series.iter().filter(|series| selection.matchers.iter().all(|m| m.matches(&series.labels)));
        let reaching = |series: &Arc<SeriesData>| {
            let windows = series.windows.to_vec().into_iter().filter(|window| {
                window.start_ms + WINDOW_MS > selection.start_ms && window.start_ms <= selection.end_ms
            });
            Arc::new(SeriesData { labels: series.labels.clone(), windows: windows.collect() })
        };
        Ok(matching.map(reaching).collect())
    }
}
