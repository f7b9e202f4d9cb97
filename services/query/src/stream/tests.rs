use super::*;
use crate::Config;
use crate::testing::{BASE_MS, World};

async fn stream(config: Config) -> Stream {
    let world = World::new(BASE_MS + 60_000);
    let query = world.query(config).await;
    let tenant = world.tenant.clone();
    let place = query.open_stream(&tenant).unwrap();
    let expr = Arc::new(tidegate_promql::parse("vector(1)").unwrap());
    let subscription = Subscription { tenant, expr, step_ms: 5_000, settle_ms: 1_000, next_ms: BASE_MS };
    Stream::new(query, place, subscription)
}

#[tokio::test]
async fn a_client_that_is_too_slow_is_told_so_and_cut() {
    let mut stream = stream(Config { stream_slow_client_ms: 50, stream_stall_ms: 0, ..Config::default() }).await;
    // No partition ever reported, so steps are sent as incomplete.
    assert_eq!(stream.next().await.unwrap().id, Some(BASE_MS));
    assert_eq!(stream.next().await.unwrap().id, Some(BASE_MS + 5_000));
    tokio::time::sleep(Duration::from_millis(60)).await;
    let last = stream.next().await.unwrap();
    assert_eq!((last.event, last.id), (Some("lagging"), None));
    assert!(last.data.contains("\"limit_ms\":50"), "{}", last.data);
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn an_evaluation_that_fails_for_good_is_said_and_the_end() {
    let mut stream = stream(Config { stream_stall_ms: 0, ..Config::default() }).await;
    let expr = "label_replace(vector(1), \"1 2\", \"x\", \"\", \"(\")";
    stream.subscription.expr = Arc::new(tidegate_promql::parse(expr).unwrap());
    let error = stream.next().await.unwrap();
    assert_eq!(error.event, Some("failure"));
    assert!(error.data.contains("execution"), "{}", error.data);
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

#[test]
fn a_result_says_what_is_missing() {
    let value = QueryValue::Scalar(vec![(1_500, 2.0)]);
    let evaluated = Evaluated { value, warnings: vec!["careful".into()], infos: Vec::new() };
    assert_eq!(
        result(1_500, &evaluated, &[3, 4]),
        r#"{"time":1.500,"result":[{"metric":{},"value":"2"}],"missing_partitions":[3,4],"warnings":["careful"]}"#
    );
}
