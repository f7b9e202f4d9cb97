//! Nodes that do not answer for a while.

use std::time::{Duration, Instant};

use tidegate_cassandra::Config;
use tidegate_hotstore::{HotStore, StoreError};
use tidegate_model::{MetricId, TenantId};
use tidegate_testkit::eventually;
use tidegate_testkit::tcp_proxy::{State, TcpProxy};

use super::shared::{MINUTE, PARTITIONS, clean_up, config, open, row};

const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn an_outage_is_reported_in_time_and_passes() {
    let Some(direct) = config("an outage of Cassandra") else { return };
    // The driver takes the address that it connects to for the first node's; others it would reach past the proxy.
    if direct.contact_points.len() > 1 {
        return tidegate_testkit::skipped::skip("an outage of Cassandra", "STACK_NODES=1 make stack");
    }
    let node: std::net::SocketAddr = direct.contact_points[0].parse().expect("an address");
    let proxy = TcpProxy::start(node).await.expect("the proxy");
    open(&direct).await;
    let contact_points = vec![proxy.address().to_string()];
    let through = Config {
        contact_points,
        request_timeout_ms: 500,
        connect_timeout_ms: 1_000,
        retry_for_ms: 1_500,
        ..direct.clone()
    };
    let store = super::shared::reopen(&through).await;
    // Its patience may be too short for a node that is busy with other tests.
    eventually("the store is there", PATIENCE, Duration::from_millis(100), async || {
        let is_there = store.partition_count(PARTITIONS).await.is_ok();
        Ok((is_there && store.write_rows(vec![row(1, MINUTE, 1)]).await.is_ok()).then_some(()))
    })
    .await
    .expect("the store is there");
    for state in [State::Hanging, State::Refusing] {
        proxy.set(state);
        let begin = Instant::now();
        let rows = (0..2_000).map(|n| row(n, MINUTE, 2)).collect();
        let error = store.write_rows(rows).await.expect_err("no node is there");
        assert!(matches!(error, StoreError::Unavailable(_)), "{state:?}: {error}");
        let error = store.read_hours().await.expect_err("no node is there");
        assert!(matches!(error, StoreError::Unavailable(_)), "{state:?}: {error}");
        assert!(begin.elapsed() < PATIENCE, "{state:?}: {:?}", begin.elapsed());
        proxy.set(State::Passing);
        eventually("the store is back", PATIENCE, Duration::from_millis(100), async || {
            Ok(store.write_rows(vec![row(1, MINUTE, 3)]).await.ok())
        })
        .await
        .expect("the store is back");
    }
    let found = eventually("an answer", PATIENCE, Duration::from_millis(100), async || {
        Ok(store.read_rows(&TenantId::default(), &[MetricId(1)], MINUTE..MINUTE + 1).await.ok())
    })
    .await
    .expect("an answer");
    assert_eq!(found, [row(1, MINUTE, 3)]);
    clean_up(&direct).await;
}
