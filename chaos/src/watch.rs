//! A client of the live stream that notes when which windows came, to tell how long after a fault they are whole again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::bail;
use serde_json::Value;
use tidegate_testkit::now_ms;
use tidegate_testkit::sse::{Event, EventStream};
use tokio::task::JoinHandle;

use crate::client::LIVE;

const REOPEN: Duration = Duration::from_millis(200);
/// A step is 5 s; a stream that is silent for longer is opened anew.
const SILENCE: Duration = Duration::from_secs(30);
/// Events kept: more than the longest recovery takes.
const KEPT: usize = 1_000;
const LOOK: Duration = Duration::from_millis(100);

/// What an event said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    at: Instant,
    /// End of the window.
    step_ms: i64,
    series: u64,
    whole: bool,
}

/// Follows until it is dropped.
pub struct Watch {
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Watch {
    /// Streams from any of the addresses, whichever answers.
    pub fn start(http_urls: Vec<String>) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(follow(http_urls, Arc::clone(&seen)));
        Self { seen, task }
    }

    /// Waits for a window that ended after `since` and has samples of at least so many series, none missing. How long
    /// after `since` it came.
    pub async fn live_again(&self, since: Fault, series: u64, limit: Duration) -> anyhow::Result<Duration> {
        loop {
            let found = lock(&self.seen).iter().find(|seen| seen.shows(since, series)).copied();
            if let Some(seen) = found {
                return Ok(seen.at.duration_since(since.at));
            }
            if since.at.elapsed() > limit {
                let last = lock(&self.seen).last().copied();
                bail!("no live window of {series} series within {limit:?}; last: {last:?}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// When a fault happened.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    at: Instant,
    ms: i64,
}

impl Fault {
    pub fn now() -> Self {
        Self { at: Instant::now(), ms: now_ms() }
    }
}

impl Seen {
    fn shows(&self, since: Fault, series: u64) -> bool {
        self.at >= since.at && self.step_ms > since.ms && self.series >= series && self.whole
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(seen: &Mutex<Vec<Seen>>) -> MutexGuard<'_, Vec<Seen>> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn follow(http_urls: Vec<String>, seen: Arc<Mutex<Vec<Seen>>>) {
    let query = format!("count(count_over_time({LIVE}[5s]))");
    for url in http_urls.iter().cycle() {
        if let Ok(mut stream) = EventStream::open(url, &query, None).await {
            while let Ok(Some(event)) = stream.next(SILENCE).await {
                let Some(one) = read(&event) else { continue };
                let mut seen = lock(&seen);
                if seen.len() == KEPT {
                    seen.remove(0);
                }
                seen.push(one);
            }
        }
        tokio::time::sleep(REOPEN).await;
    }
}

/// Of results and of corrections, which have the same form.
fn read(event: &Event) -> Option<Seen> {
    let json: Value = serde_json::from_str(&event.data).ok()?;
    let step_ms = (json["time"].as_f64()? * 1_000.0).round() as i64;
    // `[["SERIES","VALUE"]]`
    let points = json["points"].as_array()?;
    let series = points.iter().filter_map(|one| one[1].as_str()?.parse::<f64>().ok()).sum::<f64>() as u64;
    Some(Seen { at: Instant::now(), step_ms, series, whole: json.get("missing_partitions").is_none() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_and_corrections_are_read() {
        let data = |more: &str| format!(r#"{{"time":1700000005,"series":{{"a1":{{}}}},"points":[["a1","12"]]{more}}}"#);
        let event = |data| Event { id: String::new(), event: String::new(), data };
        let seen = read(&event(data(""))).unwrap();
        assert_eq!((seen.step_ms, seen.series, seen.whole), (1_700_000_005_000, 12, true));
        assert!(!read(&event(data(r#","missing_partitions":[3]"#))).unwrap().whole);
        assert_eq!(read(&event(r#"{"from":1,"to":2}"#.to_owned())), None);
    }

    #[test]
    fn a_window_of_before_the_fault_does_not_count() {
        let fault = Fault { at: Instant::now(), ms: 10_000 };
        let seen = |step_ms, series| Seen { at: Instant::now(), step_ms, series, whole: true };
        assert!(seen(15_000, 5).shows(fault, 5));
        assert!(!seen(10_000, 5).shows(fault, 5) && !seen(15_000, 4).shows(fault, 5));
    }
}
