use std::time::Duration;

use super::*;
use crate::Config;
use crate::testing::{BASE_MS, World};

async fn stream(config: Config) -> Stream {
    let world = World::new(BASE_MS + 60_000);
    let query = world.query(config).await;
    let expr = Arc::new(tidegate_promql::parse("vector(1)").unwrap());
    let begin = Begin::At(BASE_MS);
    let subscription = Subscription { tenant: world.tenant.clone(), expr, step_ms: 5_000, settle_ms: 1_000, begin };
    let place = Place::take(&query, &world.tenant, None, subscription.expr.clone(), [5_000, 1_000]).unwrap();
    Stream::new(place, &subscription)
}

#[tokio::test]
async fn a_client_that_is_too_slow_is_told_so_and_cut() {
    let mut stream = stream(Config { stream_slow_client_ms: 3_000, stream_stall_ms: 0, ..Config::default() }).await;
    // No partition ever reported, so steps are sent as incomplete.
    let id = |step_ms| Some(EventId { step_ms, incomplete_from_ms: Some(BASE_MS) });
    assert_eq!(stream.next().await.unwrap().id, id(BASE_MS));
    assert_eq!(stream.next().await.unwrap().id, id(BASE_MS + 5_000));
    tokio::time::sleep(Duration::from_millis(3_010)).await;
    let last = stream.next().await.unwrap();
    assert_eq!((last.kind, last.id), (Kind::Lagging, None));
    assert!(last.data.contains("\"limit_ms\":3000"), "{}", last.data);
    assert_eq!(stream.next().await, None);
}

#[test]
fn steps_are_multiples_of_their_length() {
    assert_eq!(first_step_after(0, 5_000), 5_000);
    assert_eq!(first_step_after(4_999, 5_000), 5_000);
    assert_eq!(first_step_after(5_000, 5_000), 10_000);
    assert_eq!(first_step_after(-1, 5_000), 0);
    assert_eq!(first_step_after(1_700_000_001_234, 60_000), 1_700_000_040_000);
}
