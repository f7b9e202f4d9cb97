use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::mad::sink::testing::{all, metrics, periodic, soon};

fn at(start_ms: i64, metric: &str, dimensions: &[(&str, &str)]) -> Periodic {
    Periodic { start_ms, ..periodic(metric, dimensions) }
}

fn start(folder: &TempDir) -> (Box<SeriesLog>, SinkMetrics) {
    let metrics = metrics();
    let sink = SeriesLog::start(folder.path().to_owned(), 100, metrics.clone(), mpsc::channel(1).0);
    (Box::new(sink), metrics)
}

fn written(folder: &TempDir) -> Option<String> {
    std::fs::read_to_string(folder.path().join(FILE)).ok()
}

#[tokio::test]
async fn a_later_time_writes_what_came_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut sink, _) = start(&folder);
    let of = |metric, host| at(100, metric, &[("host", host), ("service", "s")]);
    sink.take(&all([of("b", "1"), of("a", "1"), of("a", "2"), at(50, "late", &[])]));
    assert_eq!(written(&folder), None);
    sink.take(&all([at(200, "next", &[])]));
    sink.close(soon()).await;
    let expected = r#"{
  "a" : [ {
    "host" : "1",
    "service" : "s"
  }, {
    "host" : "2",
    "service" : "s"
  } ],
  "b" : [ {
    "host" : "1",
    "service" : "s"
  } ],
  "late" : [ { } ]
}"#;
    assert_eq!(written(&folder).as_deref(), Some(expected));
}

#[tokio::test]
async fn the_first_round_is_empty_when_it_begins_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut sink, _) = start(&folder);
    sink.take(&all([at(200, "m", &[])]));
    sink.close(soon()).await;
    assert_eq!(written(&folder).as_deref(), Some("{ }"));
}

#[tokio::test]
async fn a_disk_that_takes_nothing_is_counted_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    // A folder in the file's place, as a disk that is full: no write succeeds.
    std::fs::create_dir(folder.path().join(FILE)).expect("makes");
    let (mut sink, metrics) = start(&folder);
    for start_ms in [200, 300] {
        sink.take(&all([at(start_ms, "m", &[])]));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    sink.close(soon()).await;
    assert!(metrics.failed_sends.get() >= 1);
    assert_eq!(metrics.results.get(), 2);
}
