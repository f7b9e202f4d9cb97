use futures::StreamExt;
use futures::stream;
use prometheus_client::metrics::gauge::Gauge;

use super::*;
use crate::stream::Kind;

fn message(kind: Kind, data: &str) -> Message {
    Message { kind, id: None, data: data.to_owned(), retry: None }
}

fn events(messages: BoxStream<'static, Message>, unsent_bytes: usize) -> (Events, Budget) {
    let budget = Budget::new(unsent_bytes, Gauge::default());
    (Events::new(messages, budget.clone(), Duration::from_millis(10)), budget)
}

#[tokio::test]
async fn messages_are_events_and_hold_the_budget_until_they_are_taken() {
    let correction = Message { id: "1000".parse().ok(), ..message(Kind::Correction, "{}") };
    let end = Message { retry: Some(Duration::from_millis(7)), ..message(Kind::End, "a\nb") };
    let (mut events, budget) =
        events(stream::iter([message(Kind::Step, "{\"time\":1}"), correction, end]).boxed(), 1_000);
    let mut next = async || String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
    assert_eq!(next().await, "retry: 2000\n\n");
    assert_eq!(next().await, "data: {\"time\":1}\n\n");
    assert_eq!(next().await, "event: correction\nid: 1000\ndata: {}\n\n");
    assert_eq!(next().await, "event: end\nretry: 7\ndata: a\ndata: b\n\n");
    assert!(events.next().await.is_none());
    assert_eq!(budget.held_bytes(), 0);
}

#[tokio::test]
async fn a_stream_ends_as_lagging_where_too_much_waits_for_clients() {
    let message = message(Kind::Step, &"x".repeat(100));
    let (mut events, budget) = events(stream::repeat(message).boxed(), 250);
    events.next().await.unwrap().unwrap();
    let untaken = [events.next().await.unwrap().unwrap(), events.next().await.unwrap().unwrap()];
    assert_eq!(budget.held_bytes(), untaken.iter().map(Bytes::len).sum::<usize>());
    let last = events.next().await.unwrap().unwrap();
    assert_eq!(last, "event: lagging\ndata: {\"limit_bytes\":250}\n\n");
    assert!(events.next().await.is_none());
    drop(untaken);
    assert_eq!(budget.held_bytes(), 0);
}

#[tokio::test]
async fn silence_is_filled_with_comments() {
    let (mut events, _) = events(stream::pending().boxed(), 100);
    events.next().await.unwrap().unwrap();
    for _ in 0..2 {
        assert_eq!(events.next().await.unwrap().unwrap(), ": alive\n\n");
    }
}
