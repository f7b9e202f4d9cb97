//! A small source for fuzzing: a counter that resets, a gauge with gaps and odd
//! values, a delta series and classic buckets, over ten minutes.

use std::sync::Arc;

use tidegate_model::time::window_start_ms;
use tidegate_model::{DeltaWindow, FloatWindow, Labels, Window, WindowValue};
use tidegate_promql::{Limits, Selection, SeriesData, SeriesSource, SourceError};

pub const START_MS: i64 = 1_700_000_000_000;
const SAMPLES: i64 = 120;

pub struct Small(Vec<Arc<SeriesData>>);

impl Default for Small {
    fn default() -> Self {
        let floats = |labels: &[(&str, &str)], value: &dyn Fn(i64) -> Option<f64>| {
            let windows = (0..SAMPLES).filter_map(|n| {
                let (time_ms, mut window) = (START_MS + n * 5_000 + n % 7, FloatWindow::empty());
                window.push(time_ms, value(n)?);
                // Some windows of three samples, of which only the ends are known.
                if n % 10 == 9 {
                    window.push(time_ms + 1_000, n as f64);
                    window.push(time_ms + 2_000, n as f64 / 2.0);
                }
                Some(Window { start_ms: window_start_ms(time_ms), value: WindowValue::Float(window) })
            });
            series(labels, windows.collect())
        };
        let deltas = (0..SAMPLES).map(|n| {
            let time_ms = START_MS + n * 5_000;
            let value = WindowValue::DeltaFloat(DeltaWindow::one(time_ms, n as f64));
            Window { start_ms: window_start_ms(time_ms), value }
        });
        let odd = |n: i64| match n % 9 {
            0 => None,
            1 => Some(f64::NAN),
            2 => Some(f64::INFINITY),
            3 => Some(-0.0),
            _ => Some(n as f64 * 1.5),
        };
        let mut all = vec![
            floats(&[("__name__", "a_total"), ("job", "x"), ("host", "1")], &|n| Some((n % 50) as f64)),
            floats(&[("__name__", "a_total"), ("job", "y"), ("host", "2")], &|n| Some(n as f64)),
            floats(&[("__name__", "b"), ("job", "x"), ("host", "1")], &odd),
            series(&[("__name__", "d"), ("job", "x")], deltas.collect()),
        ];
        for (place, le) in ["0.1", "1", "+Inf"].into_iter().enumerate() {
            let count = move |n: i64| Some((n * (place as i64 + 1)) as f64);
            all.push(floats(&[("__name__", "h_bucket"), ("le", le)], &count));
        }
        Self(all)
    }
}

fn series(labels: &[(&str, &str)], windows: Vec<Window>) -> Arc<SeriesData> {
    let labels = Labels::from_pairs(labels.iter().copied()).expect("labels are valid");
    Arc::new(SeriesData { labels, windows: windows.into() })
}

impl SeriesSource for Small {
    fn select(&self, selection: &Selection) -> Result<Vec<Arc<SeriesData>>, SourceError> {
        let wanted = |one: &&Arc<SeriesData>| selection.matchers.iter().all(|matcher| matcher.matches(&one.labels));
        Ok(self.0.iter().filter(wanted).cloned().collect())
    }
}

/// Little, so that a run is short whatever it asks.
pub fn limits() -> Limits {
    Limits { max_samples: 100_000, max_series: 100, max_steps: 200, ..Limits::default() }
}
