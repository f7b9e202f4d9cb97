//! The queries.

use std::fmt::Write;

use super::Size;
use super::data::{HOST_METRICS, host, host_metric};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Requests that are timed together.
pub struct Case {
    pub name: String,
    pub asks: Vec<Ask>,
}

/// One request.
pub struct Ask {
    path: &'static str,
    query: Vec<(&'static str, String)>,
    /// Before the end of the data; `None`: times are not given.
    range: Option<Range>,
}

struct Range {
    from_ms: i64,
    to_ms: i64,
    step_ms: i64,
}

impl Ask {
    fn range(query: String, from_ms: i64, to_ms: i64, step_ms: i64) -> Self {
        let range = Some(Range { from_ms, to_ms, step_ms });
        Self { path: "/api/v1/query_range", query: vec![("query", query)], range }
    }

    /// Path and query of the URL; `more` is put at its end.
    pub fn path(&self, end_ms: i64, more: &str) -> String {
        let mut url = format!("{}?", self.path);
        for (name, value) in &self.query {
            let _ = write!(url, "{name}={}&", escaped(value));
        }
        if let Some(Range { from_ms, to_ms, step_ms }) = self.range {
            let seconds = |ms: i64| (end_ms - ms) as f64 / 1e3;
            let _ =
                write!(url, "start={:.3}&end={:.3}&step={}&", seconds(from_ms), seconds(to_ms), step_ms as f64 / 1e3);
        }
        url + more
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => escaped.push(char::from(byte)),
            _ => {
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    escaped
}

pub fn all(size: Size) -> Vec<Case> {
    let recent_ms = i64::try_from(size.recent.as_millis()).unwrap_or(HOUR_MS).min(30 * MINUTE_MS);
    let history_ms = i64::try_from(size.history.as_millis()).unwrap_or(24 * HOUR_MS).min(24 * HOUR_MS);
    let one = |name: &str, ask: Ask| Case { name: name.to_owned(), asks: vec![ask] };
    // What is older than this the archive has, once its hours are shipped.
    let old_ms = (2 * HOUR_MS).min(history_ms);
    vec![
        one(
            "one series, 1 h",
            Ask::range(format!("{}{{instance=\"{}\"}}", host_metric(0), host(1)), HOUR_MS, 0, MINUTE_MS),
        ),
        one(
            "one host of 10 metrics, 1 h",
            Ask::range(format!("{{instance=\"{}\",job=\"hosts\"}}", host(1)), HOUR_MS, 0, MINUTE_MS),
        ),
        one(
            "one host of 10 metrics, 1 h of the day before",
            Ask::range(format!("{{instance=\"{}\",job=\"hosts\"}}", host(1)), old_ms + HOUR_MS, old_ms, MINUTE_MS),
        ),
        one("100 hosts of 10 metrics, the day", Ask::range("{job=\"hosts\"}".to_owned(), history_ms, 0, MINUTE_MS)),
        one(
            "100 hosts of 10 metrics, the day but 2 h",
            Ask::range("{job=\"hosts\"}".to_owned(), history_ms, old_ms, MINUTE_MS),
        ),
        one(
            "sum by (job) (rate()) of 10,000 series",
            Ask::range(
                "sum by (job) (rate(bench_requests_total[5m]))".to_owned(),
                recent_ms - 5 * MINUTE_MS,
                0,
                15_000,
            ),
        ),
        one(
            "histogram_quantile of 1,000 histograms",
            Ask::range(
                "histogram_quantile(0.99, sum by (endpoint, le) (rate(bench_duration_seconds_bucket[5m])))".to_owned(),
                recent_ms - 5 * MINUTE_MS,
                0,
                15_000,
            ),
        ),
        one("values of a label of 100,000", Ask { path: "/api/v1/label/pod/values", query: Vec::new(), range: None }),
        Case { name: "dashboard of 20 panels".to_owned(), asks: panels() },
    ]
}

/// Six hours of one host's and of all hosts' metrics.
fn panels() -> Vec<Ask> {
    let panel = |panel: usize| {
        let metric = host_metric(panel % HOST_METRICS);
        let selected = match panel / HOST_METRICS {
            0 => format!("{metric}{{instance=\"{}\"}}", host(3)),
            _ => format!("{metric}{{region=\"r1\"}}"),
        };
        let query = match panel % 2 {
            0 => format!("avg by (region) ({selected})"),
            _ => format!("sum by (region) (rate({selected}[5m]))"),
        };
        Ask::range(query, 6 * HOUR_MS, 0, MINUTE_MS)
    };
    (0..20).map(panel).collect()
}
