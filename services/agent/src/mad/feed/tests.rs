use prometheus_client::registry::Registry;
use tidegate_mad::Dimensions;
use tokio::sync::mpsc;

use super::*;
use crate::mad::pipeline::Metrics;

fn intake() -> (Intake, mpsc::Receiver<Vec<Record>>) {
    Intake::new(Metrics::register(&mut Registry::default()).of("p"))
}

fn record(time_ms: i64) -> Vec<Record> {
    vec![Record { time_ms, request_time_ms: None, dimensions: Dimensions::default(), metrics: Vec::new() }]
}

#[tokio::test]
async fn a_redirected_feed_loses_nothing_and_lets_the_old_pipeline_end() {
    let ((old, mut from_old), (new, mut from_new)) = (intake(), intake());
    let feed = Feed::new(old);
    let source = feed.clone();
    source.send(record(1)).await.unwrap();
    feed.redirect(new);
    source.send(record(2)).await.unwrap();
    assert_eq!(from_old.recv().await, Some(record(1)));
    assert_eq!(from_old.recv().await, None, "nobody can send to the old one any longer");
    assert_eq!(from_new.recv().await, Some(record(2)));
}

#[tokio::test]
async fn a_socket_is_handed_over_while_it_is_held_and_bound_anew_later() {
    let sockets = Sockets::default();
    let bind = |address| {
        let socket = std::net::TcpListener::bind(address)?;
        socket.set_nonblocking(true)?;
        TcpListener::from_std(socket)
    };
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let first = sockets.tcp.get(free, bind).unwrap();
    let second = sockets.tcp.get(free, |_| panic!("it is bound already")).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    drop((first, second));
    sockets.tcp.get(free, bind).expect("the port is free again");
}

#[test]
fn names_resolve_to_ipv4_first() {
    assert_eq!(address("localhost", 8125).unwrap().to_string(), "127.0.0.1:8125");
    assert!(address("no such host", 1).is_err());
}
