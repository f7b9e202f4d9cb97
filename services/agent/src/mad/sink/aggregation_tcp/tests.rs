use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::*;
use crate::mad::sink::testing::{all, metrics, periodic, policy as quick, soon, until, usual};

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let address = listener.local_addr().expect("an address");
    (listener, address)
}

fn start(address: SocketAddr, max_queue: u64) -> (Box<AggregationTcp>, SinkMetrics) {
    start_with(address, max_queue, HEARTBEAT)
}

fn start_with(address: SocketAddr, max_queue: u64, heartbeat: Duration) -> (Box<AggregationTcp>, SinkMetrics) {
    let metrics = metrics();
    let address = (address.ip().to_string(), address.port());
    (
        Box::new(AggregationTcp::start(address, max_queue, quick(), heartbeat, metrics.clone(), mpsc::channel(1).0)),
        metrics,
    )
}

/// Type and body of the next frame.
async fn frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let length = stream.read_u32().await.ok()?;
    let mut body = vec![0; length as usize - 4];
    stream.read_exact(&mut body).await.ok()?;
    Some(body)
}

fn expected(metric: &str) -> Vec<u8> {
    statistic_set(&usual(metric)).expect("a frame")[4..].to_vec()
}

#[tokio::test]
async fn results_are_frames_on_one_connection_and_what_waits_goes_at_the_end() {
    let (listener, address) = listen().await;
    let (mut sink, metrics) = start(address, 100);
    sink.take(&all([usual("a"), periodic("none", &[]), usual("b")]));
    let (mut stream, _) = listener.accept().await.expect("a connection");
    assert_eq!(frame(&mut stream).await, Some(expected("a")));
    assert_eq!(frame(&mut stream).await, Some(expected("b")));
    sink.take(&all([usual("c")]));
    sink.close(soon()).await;
    assert_eq!(frame(&mut stream).await, Some(expected("c")));
    assert_eq!(frame(&mut stream).await, None, "the end");
    assert_eq!((metrics.sent_results.get(), metrics.dropped_so_far(Dropped::NoClusterOrService)), (3, 1));
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again() {
    let (listener, address) = listen().await;
    let (mut sink, metrics) = start(address, 100);
    let (stream, _) = listener.accept().await.expect("a connection");
    drop(stream);
    until("the failure", || metrics.failed_sends.get() == 1).await;
    sink.take(&all([usual("a")]));
    let (mut stream, _) = listener.accept().await.expect("another");
    assert_eq!(frame(&mut stream).await, Some(expected("a")));
    sink.close(soon()).await;
}

#[tokio::test]
async fn without_a_server_the_oldest_go_and_the_breaker_opens() {
    let (listener, address) = listen().await;
    drop(listener);
    let (mut sink, metrics) = start(address, 2);
    sink.take(&all([usual("a"), usual("b"), usual("c")]));
    assert_eq!(metrics.dropped_so_far(Dropped::Evicted), 1);
    until("the breaker", || metrics.breaker_open.get() == 1).await;
    let listener = TcpListener::bind(address).await.expect("listens again");
    let (mut stream, _) = listener.accept().await.expect("a connection");
    assert_eq!(frame(&mut stream).await, Some(expected("b")));
    assert_eq!(frame(&mut stream).await, Some(expected("c")));
    until("the breaker", || metrics.breaker_open.get() == 0).await;
    sink.close(soon()).await;
}

/// Far more than the kernel holds for a connection that nobody reads.
#[tokio::test]
async fn a_server_that_does_not_read_holds_nothing_up() {
    let (listener, address) = listen().await;
    let (mut sink, metrics) = start(address, 300);
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let long = "m".repeat(100_000);
    let results = all((0..200).map(|_| usual(&long)));
    until("a full queue", || {
        sink.take(&results);
        metrics.dropped_so_far(Dropped::Evicted) > 1_000
    })
    .await;
    sink.close(Instant::now() + Duration::from_millis(100)).await;
    // What was cut off in the middle is half a frame at the end, and none begins after it.
    let mut whole = 0;
    while let Some(frame) = frame(&mut stream).await {
        assert_eq!(frame, expected(&long));
        whole += 1;
    }
    assert!(whole > 0);
    assert!(metrics.dropped_so_far(Dropped::Stopped) > 0);
}

#[tokio::test]
async fn heartbeats_come_while_nothing_else_does() {
    let (listener, address) = listen().await;
    let (sink, _) = start_with(address, 10, Duration::from_millis(50));
    let (mut stream, _) = listener.accept().await.expect("a connection");
    let began = Instant::now();
    for _ in 0..2 {
        let beat = frame(&mut stream).await.expect("a frame");
        assert_eq!((beat[0], beat[1]), (3, 0x0a));
    }
    assert!(began.elapsed() >= Duration::from_millis(60), "{:?}", began.elapsed());
    sink.close(soon()).await;
}

#[test]
fn the_base_of_java_gives_the_waits_of_the_house() {
    assert_eq!(policy(500), Policy::default());
}
