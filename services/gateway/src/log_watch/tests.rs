use prometheus_client::registry::Registry;
use tidegate_eventlog::LogError;
use tidegate_eventlog::memory::MemoryLog;
use tidegate_runtime::Health;

use super::*;

#[tokio::test]
async fn readiness_follows_the_log_and_its_clock() {
    let (log, health, offset) = (Arc::new(MemoryLog::new(1)), Health::new(), Arc::new(AtomicI64::new(0)));
    let metrics = Metrics::register(&mut Registry::default());
    let mut watch = LogWatch::new(log.clone(), health.part("gateway"), offset.clone(), metrics);
    assert_eq!(health.not_ready(), [("gateway", "starting".to_owned())]);

    watch.probe().await;
    assert_eq!(health.not_ready(), []);

    log.fail_with(Some(LogError::Unavailable("gone fishing".into())));
    watch.probe().await;
    assert!(health.not_ready()[0].1.contains("gone fishing"), "{:?}", health.not_ready());

    log.fail_with(None);
    for (offset_ms, is_ready) in [(60_000, true), (60_001, false), (-60_001, false), (-60_000, true)] {
        offset.store(offset_ms, Ordering::Relaxed);
        watch.probe().await;
        assert_eq!(health.not_ready().is_empty(), is_ready, "{offset_ms} ms: {:?}", health.not_ready());
    }
}
