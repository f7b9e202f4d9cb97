use std::collections::{BTreeMap, BTreeSet};

use tempfile::TempDir;
use tidegate_proto::v1::PushRequest;
use tidegate_sketch::{BucketKey, Sketch};

use super::*;
use crate::mad::sink::testing::{all, metrics, policy, sketched, soon, until, usual};
use crate::test_gateway::{Answer, Gateway, Received};

fn options(endpoint: String, folder: &TempDir) -> Options {
    Options {
        push: PushConfig {
            endpoint,
            timeout_seconds: 1,
            backoff: policy(),
            tenant: "blue".into(),
            ..PushConfig::default()
        },
        buffer: BufferConfig::default(),
        folder: folder.path().join("buffer"),
        period_ms: 1_000,
        agent_id: "web-1".into(),
    }
}

fn start(options: Options) -> (Box<GatewayPush>, SinkMetrics) {
    let metrics = metrics();
    (Box::new(GatewayPush::start(options, metrics.clone(), mpsc::channel(1).0).expect("starts")), metrics)
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// As a gateway does: each batch of a session once.
fn counted(received: &[Received]) -> BTreeMap<String, Sketch> {
    let mut seen = BTreeSet::new();
    let mut sketches: BTreeMap<String, Sketch> = BTreeMap::new();
    for PushRequest { session, sequence, symbols, series, .. } in received.iter().map(Received::request) {
        if !seen.insert((session, sequence)) {
            continue;
        }
        for series in series {
            let sketch = sketches.entry(symbols[series.label_refs[1] as usize].clone()).or_default();
            for sample in series.distributions {
                for (bits, count) in sample.bucket_keys.iter().zip(sample.bucket_counts) {
                    sketch.record_n(BucketKey::from_bits(*bits).expect("a key"), count);
                }
            }
        }
    }
    sketches
}

#[tokio::test]
async fn two_hosts_percentiles_merge_to_those_of_all_samples() {
    let gateway = Gateway::start([]).await;
    let fast: Vec<f64> = (1..=900).map(|n| f64::from(n) / 1_000.0).collect();
    let slow: Vec<f64> = (1..=100).map(|n| 10.0 + f64::from(n)).collect();
    for values in [&fast, &slow] {
        let folder = folder();
        let (mut sink, _) = start(options(gateway.endpoint(), &folder));
        sink.take(&all([sketched("latency", values)]));
        sink.close(soon()).await;
    }
    let merged = &counted(&gateway.received())["latency"];
    assert_eq!(merged, &fast.iter().chain(&slow).copied().collect());
    // Of all samples; the mean of the two hosts' would be 55.
    let p95 = merged.quantile(0.95).expect("a value");
    assert!((60.0 - p95) / 60.0 <= tidegate_sketch::RELATIVE_ERROR, "{p95}");
    assert_eq!(gateway.received()[0].tenant.as_deref(), Some("blue"));
}

#[tokio::test]
async fn only_the_shortest_period_goes_since_the_others_are_the_same_samples() {
    let (gateway, folder) = (Gateway::start([]).await, folder());
    let (mut sink, metrics) = start(options(gateway.endpoint(), &folder));
    let mut minute = sketched("m", &[1.0, 2.0]);
    minute.period_ms = 60_000;
    sink.take(&all([sketched("m", &[1.0]), minute.clone(), usual("no histogram")]));
    sink.take(&all([minute]));
    sink.close(soon()).await;
    assert_eq!(counted(&gateway.received()), BTreeMap::from([("m".into(), [1.0].into_iter().collect())]));
    assert_eq!((metrics.sent_results.get(), metrics.dropped_so_far(Dropped::Unfit)), (1, 1));
}

#[tokio::test]
async fn lost_answers_bring_the_same_bytes_again() {
    let gateway = Gateway::start([Answer::Fail, Answer::Lose, Answer::Limit { retry_after_ms: 10 }]).await;
    let folder = folder();
    let (mut sink, metrics) = start(options(gateway.endpoint(), &folder));
    sink.take(&all([sketched("m", &[1.0, 2.0])]));
    let received = gateway.wait_for(4).await;
    assert!(received.iter().all(|again| again.bytes == received[0].bytes));
    sink.take(&all([sketched("m", &[3.0])]));
    sink.close(soon()).await;
    assert_eq!(counted(&gateway.received())["m"], [1.0, 2.0, 3.0].into_iter().collect());
    assert_eq!(metrics.outbox().stored.get(), 2);
}

/// The task is dropped between two of its steps, as a kill does; the folder is
/// what a process leaves.
#[tokio::test]
async fn what_is_on_disk_outlives_an_agent_that_is_killed() {
    let folder = folder();
    let address = Gateway::start([]).await.address();
    let (mut sink, metrics) = start(options(format!("http://{address}"), &folder));
    for round in 0..5 {
        sink.take(&all([sketched("m", &[f64::from(round)])]));
    }
    until("batches on disk", || metrics.outbox().buffered_batches.get() == 5).await;
    sink.close(Instant::now()).await;
    let gateway = Gateway::start_at(address, [Answer::Lose]).await;
    let (mut again, _) = start(options(gateway.endpoint(), &folder));
    again.take(&all([sketched("m", &[5.0])]));
    until("all", || counted(&gateway.received()).get("m").is_some_and(|sketch| sketch.count() == 6)).await;
    again.close(soon()).await;
    assert_eq!(counted(&gateway.received())["m"], (0..6).map(f64::from).collect());
    let sessions: BTreeSet<_> = gateway.received().iter().map(|received| received.request().session).collect();
    assert_eq!(sessions.len(), 2, "what an earlier start left carries its own session");
}

#[tokio::test]
async fn a_sink_waits_for_the_folder_until_the_one_before_has_let_go() {
    let (gateway, folder) = (Gateway::start([]).await, folder());
    let (mut first, _) = start(options(gateway.endpoint(), &folder));
    first.take(&all([sketched("m", &[1.0])]));
    gateway.wait_for(1).await;
    let (mut second, metrics) = start(options(gateway.endpoint(), &folder));
    second.take(&all([sketched("m", &[2.0])]));
    tokio::time::sleep(3 * FOLDER_RETRY).await;
    assert_eq!(metrics.queued_results.get(), 1, "it waits");
    first.take(&all([sketched("m", &[3.0])]));
    first.close(soon()).await;
    second.close(soon()).await;
    assert_eq!(counted(&gateway.received())["m"], [1.0, 2.0, 3.0].into_iter().collect());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_waited_for() {
    let (gateway, folder) = (Gateway::start([]).await, folder());
    let options = options(gateway.endpoint(), &folder);
    // A file in the folder's place.
    std::fs::write(&options.folder, b"in the way").expect("writes");
    let in_the_way = options.folder.clone();
    let (mut sink, metrics) = start(options);
    sink.take(&all([sketched("m", &[1.0])]));
    tokio::time::sleep(2 * FOLDER_RETRY).await;
    assert!(gateway.received().is_empty());
    std::fs::remove_file(in_the_way).expect("removes");
    gateway.wait_for(1).await;
    sink.close(soon()).await;
    assert_eq!(metrics.sent_results.get(), 1);
}

#[tokio::test]
async fn a_disk_that_takes_nothing_leaves_memory() {
    let (gateway, folder) = (Gateway::start([Answer::Fail]).await, folder());
    let options = options(gateway.endpoint(), &folder);
    let buffer = options.folder.clone();
    let (mut sink, metrics) = start(options);
    sink.take(&all([sketched("m", &[1.0])]));
    until("the first", || metrics.outbox().stored.get() == 1).await;
    std::fs::remove_dir_all(&buffer).expect("removes");
    for value in [2.0, 3.0] {
        sink.take(&all([sketched("m", &[value])]));
    }
    until("the others", || metrics.outbox().stored.get() == 3).await;
    sink.close(soon()).await;
    assert_eq!(counted(&gateway.received())["m"], [1.0, 2.0, 3.0].into_iter().collect());
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_used_is_refused() {
    let folder = folder();
    let started = GatewayPush::start(options("nonsense".into(), &folder), metrics(), mpsc::channel(1).0);
    assert!(matches!(started, Err(PushError::Endpoint { .. })));
}
