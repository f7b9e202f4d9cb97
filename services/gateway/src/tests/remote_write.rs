use ::http::StatusCode;
use tidegate_eventlog::LogError;
use tidegate_model::Value;
use tidegate_testkit::Series;
use tidegate_testkit::remote_write::{Version, snappy};

use super::harness::{Answer, Harness, NOW_MS};
use crate::Limits;

const PATH: &str = "/api/v1/write";

async fn write(harness: &Harness, version: Version, series: &[Series]) -> Answer {
    write_body(harness, version, snappy(&version.encode(series)).unwrap()).await
}

async fn write_body(harness: &Harness, version: Version, body: Vec<u8>) -> Answer {
    harness.post(PATH, &[("content-type", version.content_type()), ("content-encoding", "snappy")], body).await
}

fn up(job: &str) -> Series {
    Series::new("up", &[("job", job)]).at(NOW_MS, 1.0).at(NOW_MS + 5_000, 0.0)
}

#[tokio::test]
async fn both_versions_store_and_answer_204() {
    for version in [Version::V1, Version::V2] {
        let harness = Harness::new().await;
        let answer = write(&harness, version, &[up("a"), up("b")]).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text());
        let expected = ["a", "b"].map(|job| format!("up{{job={job:?}}}"));
        let expected: Vec<_> = expected
            .into_iter()
            .flat_map(|name| [(name.clone(), NOW_MS, Value::Float(1.0)), (name, NOW_MS + 5_000, Value::Float(0.0))])
            .collect();
        assert_eq!(harness.values().await, expected);
        let written = answer.header("x-prometheus-remote-write-samples-written");
        assert_eq!(written, (version == Version::V2).then_some("4"));
        if version == Version::V2 {
            assert_eq!(answer.header("x-prometheus-remote-write-histograms-written"), Some("0"));
            assert_eq!(answer.header("x-prometheus-remote-write-exemplars-written"), Some("0"));
        }
    }
}

#[tokio::test]
async fn the_good_are_stored_and_400_lists_the_bad() {
    for version in [Version::V1, Version::V2] {
        let harness = Harness::new().await;
        let old = Series::new("old", &[]).at(0, 1.0).at(-1, 2.0).at(NOW_MS, 3.0);
        let ahead = Series::new("ahead", &[]).at(NOW_MS + 600_001, 1.0);
        let twice = Series::new("twice", &[("a", "1"), ("a", "2")]).at(NOW_MS, 1.0);
        let answer = write(&harness, version, &[old, ahead, twice, up("a")]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let text = answer.text();
        assert!(text.starts_with("3 samples stored, 4 refused in 3 series:\n"), "{text}");
        assert!(text.contains("series 0: time 0 ms is more than 144 h in the past"), "{text}");
        assert!(text.contains("(2 samples)"), "{text}");
        assert!(text.contains("series 2: label \"a\" is given twice"), "{text}");
        assert_eq!(harness.values().await.len(), 3);
        if version == Version::V2 {
            assert_eq!(answer.header("x-prometheus-remote-write-samples-written"), Some("3"));
        }
    }
}

#[tokio::test]
async fn the_same_request_has_the_same_batch_id_and_another_has_another() {
    let harness = Harness::new().await;
    for series in [up("a"), up("a"), up("a").at(NOW_MS + 6_000, 1.0)] {
        assert_eq!(write(&harness, Version::V1, &[series]).await.status, StatusCode::NO_CONTENT);
    }
    let mut batches: Vec<_> = harness.logged().await.into_iter().map(|one| one.batch).collect();
    batches.sort();
    batches.dedup();
    assert_eq!(batches.len(), 2);
}

#[tokio::test]
async fn unsorted_labels_are_one_series() {
    let harness = Harness::new().await;
    let mut series = Series::new("up", &[("z", "1"), ("a", "2")]).at(NOW_MS, 1.0);
    series.labels.reverse();
    write(&harness, Version::V1, &[series]).await;
    assert_eq!(harness.values().await[0].0, r#"up{a="2", z="1"}"#);
}

#[tokio::test]
async fn content_types_and_encodings() {
    let harness = Harness::new().await;
    let body = Version::V1.encode(&[up("a")]);
    type Case = (&'static [(&'static str, &'static str)], Vec<u8>, u16);
    let cases: [Case; 7] = [
        (&[], snappy(&body).unwrap(), 204),
        (
            &[("content-type", "application/x-protobuf"), ("content-encoding", "zstd")],
            zstd::encode_all(&body[..], 1).unwrap(),
            204,
        ),
        (&[("content-type", "application/x-protobuf"), ("content-encoding", "identity")], body.clone(), 204),
        (&[("content-type", "application/json")], body.clone(), 415),
        (&[("content-type", "application/x-protobuf;proto=other.Request")], snappy(&body).unwrap(), 415),
        (&[("content-encoding", "br")], body.clone(), 415),
        (&[("content-encoding", "gzip")], snappy(&body).unwrap(), 400),
    ];
    for (headers, body, status) in cases {
        let answer = harness.post(PATH, headers, body).await;
        assert_eq!(answer.status.as_u16(), status, "{headers:?}: {}", answer.text());
    }
}

#[tokio::test]
async fn a_log_that_is_away_is_503_with_retry_after() {
    let harness = Harness::new().await;
    for failure in [LogError::Unavailable("no leader".into()), LogError::Overloaded, LogError::Corrupt("x".into())] {
        harness.log.fail_with(Some(failure));
        let answer = write(&harness, Version::V1, &[up("a")]).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    harness.log.fail_with(None);
    assert_eq!(write(&harness, Version::V1, &[up("a")]).await.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn samples_per_second_are_limited_per_client() {
    let harness = Harness::with(Limits { samples_per_second: 3, ..Limits::default() }).await;
    let body = snappy(&Version::V1.encode(&[up("a")])).unwrap();
    let send = async |client: &str| harness.post(PATH, &[("x-client-id", client)], body.clone()).await;
    assert_eq!(send("one").await.status, StatusCode::NO_CONTENT);
    let limited = send("one").await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(limited.header("retry-after"), Some("1"));
    assert_eq!(send("two").await.status, StatusCode::NO_CONTENT);
    let batch: Vec<Series> = (0..4).map(|n| Series::new("x", &[("n", &n.to_string())]).at(NOW_MS, 1.0)).collect();
    let answer = write(&harness, Version::V1, &batch).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.text().contains("smaller batches"), "{}", answer.text());
}

#[tokio::test]
async fn new_series_above_the_cap_are_refused_and_old_ones_go_on() {
    let harness = Harness::with(Limits { active_series_per_tenant: 2, ..Limits::default() }).await;
    let answer = write(&harness, Version::V1, &[up("a"), up("b"), up("c")]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.text().contains("series 2: the tenant has 2 active series"), "{}", answer.text());
    assert_eq!(harness.values().await.len(), 4);
    assert_eq!(write(&harness, Version::V1, &[up("a"), up("b")]).await.status, StatusCode::NO_CONTENT);
}
