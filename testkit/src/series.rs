//! Series as the clients send them.

use std::time::{SystemTime, UNIX_EPOCH};

/// One series of a request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    /// Name and value pairs, sent in this order; the metric name is `__name__`.
    pub labels: Vec<(String, String)>,
    /// Milliseconds since the Unix epoch, and the value.
    pub samples: Vec<(i64, f64)>,
}

impl Series {
    /// A series with its labels sorted, as the protocols ask for.
    pub fn new(name: &str, labels: &[(&str, &str)]) -> Self {
        let mut pairs: Vec<(String, String)> = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        pairs.push(("__name__".to_owned(), name.to_owned()));
        pairs.sort();
        Self { labels: pairs, samples: Vec::new() }
    }

    /// Adds a sample.
    #[must_use]
    pub fn at(mut self, time_ms: i64, value: f64) -> Self {
        self.samples.push((time_ms, value));
        self
    }

    /// The metric's name, "" without one.
    pub fn name(&self) -> &str {
        self.labels.iter().find(|(name, _)| name == "__name__").map_or("", |(_, value)| value)
    }
}

/// This machine's clock, in milliseconds since the Unix epoch.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
