use prometheus_client::registry::Registry;
use tempfile::TempDir;
use tidegate_runtime::backoff::Policy;
use tidegate_runtime::{Health, Target};
use tokio::sync::mpsc;

use super::*;
use crate::test_gateway::{Answer, Gateway, Received};
use crate::{CollectConfig, OwnRegistry, PushConfig};

/// A host with one file, so that batches are small.
fn host() -> TempDir {
    let proc = tempfile::tempdir().expect("a folder");
    std::fs::write(proc.path().join("loadavg"), "1 2 3 4/5 6\n").expect("writes");
    proc
}

fn config(endpoint: String, proc: &TempDir) -> Config {
    let backoff = Policy { first_ms: 20, max_ms: 50, breaker_failures: 3, probe_ms: 50, jitter: 0.0 };
    let collect = CollectConfig {
        proc_path: proc.path().to_owned(),
        cpu: false,
        memory: false,
        disk: false,
        filesystem: false,
        network: false,
        load: true,
    };
    let push = PushConfig { endpoint, timeout_seconds: 1, backoff, ..PushConfig::default() };
    Config { interval_seconds: 1, host: "web-1".into(), collect, push, ..Config::default() }
}

async fn start_agent(config: Config, data: &TempDir, health: &Health) -> Target {
    let failures = mpsc::channel(1).0;
    crate::build(config, data.path(), &mut Registry::default(), OwnRegistry::default(), health, failures, None)
        .await
        .expect("starts")
}

fn sequences(received: &[Received]) -> Vec<u64> {
    received.iter().map(|received| received.request().sequence).collect()
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..6_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not come");
}

#[tokio::test]
async fn lost_answers_bring_the_same_bytes_again_and_keep_the_order() {
    let gateway = Gateway::start([Answer::Fail, Answer::Lose, Answer::Limit { retry_after_ms: 10 }]).await;
    let (proc, data) = (host(), tempfile::tempdir().expect("a folder"));
    let target = start_agent(config(gateway.endpoint(), &proc), &data, &Health::new()).await;
    let received = gateway.wait_for(6).await;
    assert_eq!(sequences(&received[..6]), [1, 1, 1, 1, 2, 3]);
    assert!(received[..4].iter().all(|again| again.bytes == received[0].bytes));
    assert_eq!(received[0].request().agent_id, "web-1");
    target.tasks.stop(Duration::from_secs(60)).await.expect("stops");
}

#[tokio::test]
async fn a_batch_refused_for_good_makes_way() {
    let gateway = Gateway::start([Answer::Refuse]).await;
    let (proc, data) = (host(), tempfile::tempdir().expect("a folder"));
    let target = start_agent(config(gateway.endpoint(), &proc), &data, &Health::new()).await;
    let received = gateway.wait_for(2).await;
    assert_eq!(sequences(&received[..2]), [1, 2]);
    target.tasks.stop(Duration::from_secs(60)).await.expect("stops");
}

#[tokio::test]
async fn what_waits_outlives_the_agent_and_goes_first() {
    let (proc, data) = (host(), tempfile::tempdir().expect("a folder"));
    let address = Gateway::start([]).await.address();
    // Nobody listens now.
    let health = Health::new();
    let target = start_agent(config(format!("http://{address}"), &proc), &data, &health).await;
    until("the breaker", || health.not_ready().iter().any(|(_, why)| why.contains("cannot be reached"))).await;
    target.tasks.stop(Duration::from_secs(60)).await.expect("stops");

    let gateway = Gateway::start_at(address, []).await;
    let health = Health::new();
    let target = start_agent(config(gateway.endpoint(), &proc), &data, &health).await;
    let received = gateway.wait_for(3).await;
    let session = |at: usize| received[at].request().session;
    let second = received.iter().position(|later| later.request().session != session(0)).expect("a new session");
    assert!(second >= 1);
    assert_eq!(sequences(&received[..second]), (1..=second as u64).collect::<Vec<_>>());
    assert_eq!(received[second].request().sequence, 1);
    assert!(received[second..].iter().all(|later| later.request().session == session(second)));
    until("readiness", || health.not_ready().is_empty()).await;
    target.tasks.stop(Duration::from_secs(60)).await.expect("stops");
}

#[tokio::test]
async fn a_gateway_that_hangs_does_not_hold_the_end_up_and_gets_the_batch_again() {
    let gateway = Gateway::start([Answer::Lose]).await;
    let (proc, data) = (host(), tempfile::tempdir().expect("a folder"));
    let mut config = config(gateway.endpoint(), &proc);
    config.push.timeout_seconds = 60;
    let target = start_agent(config, &data, &Health::new()).await;
    gateway.wait_for(1).await;
    target.tasks.stop(Duration::from_secs(60)).await.expect("stops");
    let received = gateway.received();
    assert!(received.len() >= 2 && received[1].bytes == received[0].bytes, "{:?}", sequences(&received));
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused() {
    let (proc, data) = (host(), tempfile::tempdir().expect("a folder"));
    let good = config("http://127.0.0.1:1".into(), &proc);
    let labels = |name: &str| BTreeMap::from([(name.to_owned(), "x".to_owned())]);
    for (bad, message) in [
        (Config { interval_seconds: 0, ..good.clone() }, "agent.interval_seconds"),
        (Config { labels: labels("0a"), ..good.clone() }, "agent.labels: \"0a\""),
        (Config { labels: labels("__name__"), ..good.clone() }, "agent.labels: \"__name__\""),
        (Config { labels: labels(""), ..good.clone() }, "agent.labels: \"\""),
    ] {
        let failures = mpsc::channel(1).0;
        let built = crate::build(
            bad,
            data.path(),
            &mut Registry::default(),
            OwnRegistry::default(),
            &Health::new(),
            failures,
            None,
        )
        .await;
        let error = built.expect_err("is refused").to_string();
        assert!(error.starts_with(message), "{error}");
    }
}
