use std::time::Duration;

use tidegate_mad::config::GraphiteParser;
use tokio::io::AsyncWriteExt;

use super::*;
use crate::mad::sink::testing::until;
use crate::mad::source::test_feed::{Taken, feed, metrics};

struct Running {
    port: u16,
    taken: Taken,
    metrics: SourceMetrics,
    tasks: Tasks,
}

fn run(parser: Parser) -> Running {
    let input = TcpLineInput { host: "127.0.0.1".into(), port: 0, accept_queue: 10, parser };
    let listener = bind(&input, &Sockets::default()).unwrap();
    let port = listener.local_addr().unwrap().port();
    let ((feed, taken), metrics, mut tasks) = (feed(), metrics(), Tasks::detached());
    start(listener, input.parser, feed, metrics.clone(), &mut tasks);
    Running { port, taken, metrics, tasks }
}

fn graphite() -> Running {
    run(Parser::GraphitePlaintext(GraphiteParser::default()))
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(("127.0.0.1", self.port)).await.unwrap()
    }
}

#[tokio::test]
async fn lines_are_read_as_they_come_in_pieces() {
    let mut running = graphite();
    let mut client = running.connect().await;
    client.set_nodelay(true).unwrap();
    for piece in ["a 1\nb", " 2", "\n\nbad\nc 3\r\n", "cut"] {
        client.write_all(piece.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(client);
    assert_eq!(running.taken.names(3).await, ["a", "b", "c"]);
    running.tasks.stop(Duration::from_secs(60)).await.unwrap();
    assert!(running.taken.rest().is_empty(), "what has no end is no line");
    assert_eq!((running.metrics.received.get(), running.metrics.refused()), (5, 2));
    assert_eq!(running.metrics.connections.get(), 0);
}

#[tokio::test]
async fn connections_do_not_mix() {
    let mut running = graphite();
    let (mut one, mut other) = (running.connect().await, running.connect().await);
    one.write_all(b"a.b").await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    other.write_all(b"x 1\n").await.unwrap();
    assert_eq!(running.taken.names(1).await, ["x"]);
    one.write_all(b".c 1\n").await.unwrap();
    assert_eq!(running.taken.names(1).await, ["a.b.c"]);
}

#[tokio::test]
async fn open_connections_are_counted() {
    let mut running = graphite();
    let (mut one, two) = (running.connect().await, running.connect().await);
    one.write_all(b"x 1\n").await.unwrap();
    assert_eq!(running.taken.names(1).await, ["x"]);
    let connections = running.metrics.connections.clone();
    until("two connections", || connections.get() == 2).await;
    drop((one, two));
    until("their ends", || connections.get() == 0).await;
}

#[tokio::test]
async fn a_line_that_is_too_long_is_passed_over() {
    let mut running = graphite();
    let mut client = running.connect().await;
    let long = vec![b'x'; MAX_LINE_BYTES + 1];
    client.write_all(&long).await.unwrap();
    client.write_all(b" 1\nb 1\n").await.unwrap();
    assert_eq!(running.taken.names(1).await, ["b"]);
    let mut longest = vec![b'x'; MAX_LINE_BYTES - 2];
    longest.extend(b" 1\n");
    client.write_all(&longest).await.unwrap();
    assert_eq!(running.taken.names(1).await[0].len(), MAX_LINE_BYTES - 2);
    assert_eq!(running.metrics.refused(), 1);
}

#[tokio::test]
async fn what_is_on_its_way_when_the_source_stops_is_read() {
    let mut running = graphite();
    let mut client = running.connect().await;
    client.write_all(b"first 1\n").await.unwrap();
    assert_eq!(running.taken.names(1).await, ["first"]);
    client.write_all(b"last 1\n").await.unwrap();
    running.tasks.stop(Duration::from_secs(60)).await.unwrap();
    assert_eq!(running.taken.names(1).await, ["last"]);
}

#[tokio::test]
async fn other_parsers_read_lines_as_well() {
    let mut running = run(Parser::Statsd);
    running.connect().await.write_all(b"a:1|c\n").await.unwrap();
    assert_eq!(running.taken.names(1).await, ["a"]);
}

#[test]
fn pieces_make_the_same_lines_wherever_they_are_cut() {
    let text = b"one\n\ntwo three\nfour\nrest";
    for first in 0..=text.len() {
        for second in first..=text.len() {
            let (mut splitter, mut lines) = (Splitter::default(), Vec::new());
            for piece in [&text[..first], &text[first..second], &text[second..]] {
                splitter.split(piece, |line| lines.push(line.unwrap().to_vec()));
            }
            assert_eq!(lines, [&b"one"[..], b"", b"two three", b"four"], "{first} {second}");
        }
    }
}
