use std::io;

use axum::body::Body as AxumBody;
use futures::stream;
use futures::{StreamExt, TryStreamExt};
use prometheus_client::metrics::gauge::Gauge;

use super::*;

fn rules(max_bytes: usize, budget_bytes: usize) -> BodyRules {
    let budget = Budget::new(budget_bytes, Gauge::default());
    BodyRules { max_bytes, timeout: Duration::from_secs(60), budget }
}

fn pieces(pieces: &'static [&'static str]) -> AxumBody {
    AxumBody::from_stream(stream::iter(pieces.iter().copied()).map(Ok::<_, io::Error>))
}

#[tokio::test]
async fn a_body_is_whole_however_it_came_and_is_held_until_it_is_dropped() {
    let rules = rules(100, 100);
    let cases: [(&[&str], &str); 4] =
        [(&[], ""), (&["one"], "one"), (&["", "on", "", "e"], "one"), (&["a", "bc", "def", "g"], "abcdefg")];
    for (sent, whole) in cases {
        let mut body = read(pieces(sent), &rules).await.unwrap();
        assert_eq!(body.bytes(), whole.as_bytes());
        assert!(rules.budget.held_bytes() >= whole.len());
        body.skip(whole.len().min(1));
        assert_eq!(body.bytes(), whole.get(1..).unwrap_or("").as_bytes());
    }
    assert_eq!(rules.budget.held_bytes(), 0);
}

#[tokio::test]
async fn a_body_beyond_its_limit_is_too_large_at_once() {
    let rules = rules(5, 100);
    assert_eq!(read(pieces(&["abc", "de"]), &rules).await.unwrap().bytes(), b"abcde");
    let endless = stream::iter(["abc", "def"]).chain(stream::pending()).map(Ok::<_, io::Error>);
    let error = read(AxumBody::from_stream(endless), &rules).await.unwrap_err();
    assert!(matches!(error, Error::BodyTooLarge { limit_bytes: 5 }), "{error:?}");
}

#[tokio::test]
async fn bodies_beyond_the_budget_are_refused_until_others_are_done() {
    let rules = rules(100, 10);
    let first = read(pieces(&["abcdef"]), &rules).await.unwrap();
    for sent in [&["abcde"][..], &["abc", "de"]] {
        let error = read(pieces(sent), &rules).await.unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
    }
    drop(first);
    assert_eq!(read(pieces(&["abc", "de"]), &rules).await.unwrap().bytes(), b"abcde");
    assert_eq!(rules.budget.held_bytes(), 0);
}

#[tokio::test]
async fn what_drips_in_is_held_by_its_buffer_and_given_back_when_the_sender_goes() {
    let rules = rules(1_000, 1_000);
    let drops = stream::iter(std::iter::repeat_n("x", 300)).map(Ok::<_, io::Error>);
    let held = rules.budget.clone();
    let ends = stream::once(async move {
        assert!((300..1_000).contains(&held.held_bytes()), "{}", held.held_bytes());
        Err(io::Error::other("gone"))
    });
    let body = AxumBody::from_stream(drops.chain(ends).into_stream());
    let error = read(body, &rules).await.unwrap_err();
    assert!(matches!(error, Error::BodyBroken(_)), "{error:?}");
    assert_eq!(rules.budget.held_bytes(), 0);
}

#[tokio::test]
async fn slowness_is_told_from_what_is_broken() {
    let slow = stream::once(async { Err::<&str, _>(BodyError::Stalled(Duration::from_secs(7))) });
    let error = read(AxumBody::from_stream(slow), &rules(10, 10)).await.unwrap_err();
    assert!(matches!(error, Error::BodyTimeout { limit } if limit.as_secs() == 7), "{error:?}");
}
