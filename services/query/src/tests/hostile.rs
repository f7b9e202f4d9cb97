//! Input that is meant to hurt: every answer is prompt, has the form of a
//! Prometheus error or of an answer, and leaves the process as it was.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::testing::{BASE_MS, Server, World, series};

/// Generous: the slowest takes a fraction of a second.
const PROMPT: Duration = Duration::from_secs(60);

async fn small() -> Server {
    let world = World::new(BASE_MS + 60_000);
    let samples = (0..12).map(|n| (BASE_MS + n * 5_000, n as f64)).collect();
    world.store(&[series(&[("__name__", "m"), ("host", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!")], samples)]).await;
    world.start().await
}

async fn post(server: &Server, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let began = Instant::now();
    let response = server.client.post(server.url(path)).form(form).send().await.unwrap();
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    assert!(began.elapsed() < PROMPT, "{path} took {:?}", began.elapsed());
    if status != 200 {
        assert_eq!(body["status"], "error", "{body}");
        assert!(body["errorType"].is_string() && body["error"].is_string(), "{body}");
        assert!(body["error"].as_str().unwrap().len() < 4_096, "an error must not repeat a large request");
    }
    (status, body)
}

#[tokio::test]
async fn large_deep_and_wide_queries() {
    let server = small().await;
    let deep = 10_000;
    let matchers = |op: &str| {
        let all: Vec<_> = (0..10_000).map(|n| format!("{}{op}\"\"", char::from(b'a' + (n % 26) as u8))).collect();
        format!("m{{{}}}", all.join(","))
    };
    let megabyte = |text: &str| text.repeat((1 << 20) / text.len());
    for (query, statuses) in [
        (megabyte("m + ") + "m", &[400][..]),
        (megabyte("a"), &[400]),
        (format!("{}1{}", "(".repeat(deep), ")".repeat(deep)), &[400]),
        (format!("{}m", "-".repeat(deep)), &[400]),
        (format!("{}m{}", "abs(".repeat(deep), ")".repeat(deep)), &[400]),
        (format!("m{}", "[1h:1m]".repeat(deep)), &[400]),
        (format!("m{}", " offset 1m".repeat(deep)), &[400]),
        (format!("m{}", " + m".repeat(deep)), &[400, 422]),
        (matchers("="), &[200]),
        (matchers("!="), &[200, 400]),
        (matchers("=~"), &[400]),
        (matchers("=").replace("=\"\"", "=\"a value that makes it too long\""), &[400]),
        (format!("sum by ({}) (m)", vec!["l"; 10_000].join(",")), &[200]),
        (format!("no_such_{}(m)", "x".repeat(1_000)), &[400]),
        ("m{a=\"\u{0}\"}".to_owned(), &[200]),
        ("\u{feff}m".to_owned(), &[400]),
    ] {
        for path in ["/api/v1/query", "/api/v1/query_range"] {
            let times = [("start", "1700000000"), ("end", "1700000060"), ("step", "15")];
            let (status, body) = post(&server, path, &[&[("query", query.as_str())], &times[..]].concat()).await;
            assert!(statuses.contains(&status), "{path} {:.60}: {status} {:.200}", query, body.to_string());
        }
        if query.starts_with("m{") {
            post(&server, "/api/v1/series", &[("match[]", &query)]).await;
        }
    }
    assert!(server.metrics().contains("tidegate_query_running 0"));
}

#[tokio::test]
async fn regular_expressions_that_explode_elsewhere() {
    let server = small().await;
    let time = (BASE_MS / 1_000 + 60).to_string();
    for regex in ["(a+)+$", "(a|a)*b", "(.*)*x", "((a{0,50}){0,50}){0,50}", "a{1000}{1000}{1000}", "(?i:\\pL+)+!", "["]
    {
        for query in [format!("m{{host=~\"{}\"}}", regex.replace('\\', "\\\\")), {
            let regex = regex.replace('\\', "\\\\");
            format!("label_replace(m, \"x\", \"$1\", \"host\", \"{regex}\")")
        }] {
            let (status, body) = post(&server, "/api/v1/query", &[("query", &query), ("time", &time)]).await;
            assert!([200, 400, 422].contains(&status), "{query}: {body}");
        }
    }
}

#[tokio::test]
async fn long_ranges_and_fine_steps() {
    let server = small().await;
    let century = [("start", "0"), ("end", "3155760000")];
    let ask = async |query: &str, step: &str| {
        let (status, body) =
            post(&server, "/api/v1/query_range", &[&[("query", query), ("step", step)], &century[..]].concat()).await;
        (status, body["errorType"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(ask("m", "0.001").await, (400, "bad_data".to_owned()));
    assert_eq!(ask("m", "286887").await, (400, "bad_data".to_owned()), "11,001 points");
    assert_eq!(ask("m", "286890").await.0, 200);
    assert_eq!(ask("rate(m[100y])", "286890").await.0, 200);
    // The grid of a subquery is limited by samples.
    assert_eq!(ask("sum_over_time(m[100y:1ms])", "286890").await, (422, "execution".to_owned()));
    assert_eq!(ask("sum_over_time(vector(1)[100y:1ms])", "286890").await, (422, "execution".to_owned()));
    assert_eq!(ask("m offset 200y", "286890").await.0, 200);
    let (status, _) = post(&server, "/api/v1/query", &[("query", "m[100y]")]).await;
    assert_eq!(status, 200);
    let (status, _) = post(&server, "/api/v1/query", &[("query", "m @ 1e300")]).await;
    assert_eq!(status, 400);
}

/// A client that sends all before it reads sees the answer, and so does one
/// that waits to be told to go on.
#[tokio::test]
async fn bodies_that_are_too_large_are_answered() {
    let server = small().await;
    let length = 12 << 20;
    for (expect, sends) in [("", length), ("Expect: 100-continue\r\n", 0)] {
        let mut connection = TcpStream::connect(server.address).await.unwrap();
        let head = format!(
            "POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nContent-Type: \
             application/x-www-form-urlencoded\r\n{expect}Connection: close\r\n\r\n"
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        connection.write_all(&vec![b'a'; sends]).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 "), "{expect}{answer}");
        assert!(answer.contains("exceeds 1048576 bytes") && answer.contains("bad_data"), "{answer}");
    }
}

#[tokio::test]
async fn clients_that_leave_in_the_middle() {
    let server = small().await;
    for part in [
        "GET /api/v1/query?query=m HTTP/1.1\r\nHost: x\r\n",
        "GET /api/v1/query?query=m HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\nquery=",
        "GET /api/v1/stream?query=m HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /api/v1/query?query=%ff HTTP/1.1\r\nHost: x\r\n\r\n",
        "\u{0}\u{1}\u{2}",
    ] {
        for _ in 0..20 {
            let mut connection = TcpStream::connect(server.address).await.unwrap();
            connection.write_all(part.as_bytes()).await.unwrap();
        }
    }
    let all_gone = || {
        let metrics = server.metrics();
        metrics.contains("tidegate_query_running 0") && metrics.contains("tidegate_query_streams 0")
    };
    server.until("nothing is left of them", all_gone).await;
    assert_eq!(post(&server, "/api/v1/query", &[("query", "1")]).await.0, 200);
}
