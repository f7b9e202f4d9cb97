use std::time::Duration;

use tidegate_runtime::backoff::Policy;
use tidegate_runtime::tls::TlsClientConfig;
use tokio::sync::mpsc;

use super::*;
use crate::mad::sink::delivery::Options;
use crate::mad::sink::metrics::Dropped;
use crate::mad::sink::testing::{Answer, Server, all, metrics, periodic, policy, soon, until, usual};

fn sink(
    server: &Server,
    max_queue: u64,
    max_concurrency: usize,
    timeout: Duration,
) -> (Box<AggregationHttp>, SinkMetrics) {
    let metrics = metrics();
    let uri = format!("http://{}/metrics/v1/data/persist", server.address).parse().expect("an address");
    let frames =
        Frames(Poster::new(uri, TlsClientConfig::default(), headers(), vec![200, 204], timeout).expect("a client"));
    let backoff = Policy { breaker_failures: 100, ..policy() };
    let options = Options { max_concurrency, max_queue, spread: Duration::ZERO, backoff };
    let delivery = Delivery::start(frames, options, metrics.clone(), mpsc::channel(1).0);
    (Box::new(AggregationHttp { delivery, metrics: metrics.clone() }), metrics)
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn each_result_is_a_post_of_one_frame() {
    let server = Server::start([Answer::Status(204)]).await;
    let (mut sink, metrics) = sink(&server, 100, 1, LONG);
    let results = all([usual("a"), usual("b")]);
    sink.take(&results);
    sink.close(soon()).await;
    let posted = server.posted();
    assert_eq!(posted.len(), 2);
    for (post, result) in posted.iter().zip(results.iter()) {
        assert_eq!(post.body, statistic_set(result).expect("a frame"));
        assert_eq!(post.path, "/metrics/v1/data/persist");
        assert_eq!(post.headers[CONTENT_TYPE], "application/protobuf");
    }
    assert_eq!((metrics.results.get(), metrics.sent_results.get()), (2, 2));
}

#[tokio::test]
async fn what_lacks_cluster_or_service_is_counted_and_the_rest_goes_on() {
    let server = Server::start([]).await;
    let (mut sink, metrics) = sink(&server, 100, 1, LONG);
    sink.take(&all([
        periodic("a", &[("service", "s")]),
        periodic("b", &[("cluster", "c")]),
        usual("good"),
        periodic("c", &[]),
    ]));
    sink.close(soon()).await;
    assert_eq!(metrics.dropped_so_far(Dropped::NoClusterOrService), 3);
    assert_eq!(metrics.sent_results.get(), 1);
    assert_eq!(server.posted().len(), 1);
}

#[tokio::test]
async fn statuses_decide_what_is_sent_again() {
    let server = Server::start([503, 429, 502, 200, 400, 500, 301].map(Answer::Status)).await;
    let (mut sink, metrics) = sink(&server, 100, 1, LONG);
    sink.take(&all([usual("a"), usual("b"), usual("c"), usual("d"), usual("e")]));
    sink.close(soon()).await;
    let first = &server.posted()[..4];
    assert!(first.iter().all(|post| post.body == first[0].body), "the same again until it is taken");
    assert_eq!(server.posted().len(), 8);
    assert_eq!((metrics.sent_results.get(), metrics.failed_sends.get()), (2, 3));
    assert_eq!(metrics.dropped_so_far(Dropped::Refused), 3);
}

#[tokio::test]
async fn a_slow_server_holds_nothing_up_and_loses_the_oldest() {
    let server = Server::start([Answer::After(Duration::from_secs(300))]).await;
    let (mut sink, metrics) = sink(&server, 10, 1, LONG);
    sink.take(&all([usual("first")]));
    server.wait_for(1).await;
    let began = Instant::now();
    for number in 0..1_000 {
        sink.take(&all([usual(&format!("m{number}"))]));
    }
    assert!(began.elapsed() < Duration::from_secs(300));
    assert_eq!(metrics.dropped_so_far(Dropped::Evicted), 990);
    assert_eq!(metrics.queued_results.get(), 10);
    sink.close(Instant::now() + Duration::from_millis(50)).await;
    assert_eq!(metrics.dropped_so_far(Dropped::Stopped), 11);
}

#[tokio::test]
async fn a_server_that_does_not_answer_in_time_gets_it_again() {
    let server = Server::start([Answer::After(Duration::from_secs(300))]).await;
    let (mut sink, metrics) = sink(&server, 10, 1, Duration::from_millis(100));
    sink.take(&all([usual("m")]));
    until("the second", || metrics.sent_results.get() == 1).await;
    assert_eq!(server.posted().len(), 2);
    sink.close(soon()).await;
}

#[tokio::test]
async fn several_posts_are_open_at_once_if_asked_for() {
    let server = Server::start(vec![Answer::After(Duration::from_millis(200)); 8]).await;
    let (mut sink, _) = sink(&server, 100, 4, LONG);
    sink.take(&all((0..8).map(|number| usual(&format!("m{number}")))));
    sink.close(soon()).await;
    assert_eq!((server.posted().len(), server.most_open()), (8, 4));
}

#[tokio::test]
async fn what_came_while_the_server_was_away_goes_when_it_is_back() {
    let server = Server::start([]).await;
    let (mut sink, metrics) = sink(&server, 100, 1, LONG);
    let address = server.address;
    drop(server);
    sink.take(&all([usual("a"), usual("b")]));
    until("failures", || metrics.failed_sends.get() >= 2).await;
    let server = Server::start_at(address, []).await;
    sink.close(soon()).await;
    assert_eq!((server.posted().len(), metrics.sent_results.get()), (2, 2));
}
