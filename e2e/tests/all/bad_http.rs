//! What goes wrong on the HTTP port: a clear answer, the good part kept, the service unharmed.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, ensure};
use tidegate_testkit::remote_write::{self, Version, send, send_body};
use tidegate_testkit::{Series, Server, now_ms, wire};

use crate::support::{SEEN_LIMIT, gives, still_works};

const GIB: u64 = 1 << 30;

/// Bytes that look like nothing, the same in each run.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

async fn expect(answer: reqwest::Response, status: u16, what: &str) -> anyhow::Result<()> {
    let (found, text) = (answer.status().as_u16(), answer.text().await?);
    ensure!(found == status, "{what}: {found}, not {status}: {text}");
    ensure!(status < 400 || !text.is_empty(), "{what}: {status} without a word");
    Ok(())
}

#[tokio::test]
async fn bytes_that_mean_nothing_are_400() -> anyhow::Result<()> {
    let server = Server::quiet().await?;
    let (http, api) = (server.http_url(), server.api());
    let good = remote_write::snappy(&Version::V1.encode(&[Series::new("good", &[]).at(now_ms(), 1.0)]))?;
    for version in [Version::V1, Version::V2] {
        for length in [1, 2, 10, 1_000, 100_000] {
            // Noise may claim to unpack to more than is allowed.
            let status = send_body(&http, version, noise(length)).await?.status().as_u16();
            ensure!(status == 400 || status == 413, "noise: {status}");
            let body = remote_write::snappy(&noise(length))?;
            expect(send_body(&http, version, body).await?, 400, "noise in snappy").await?;
        }
        expect(send_body(&http, version, good[..good.len() - 3].to_vec()).await?, 400, "a cut body").await?;
    }
    let client = reqwest::Client::new();
    for path in ["/metrics", "/v1/metrics"] {
        for content in ["application/json", "application/x-protobuf"] {
            let request = client.post(format!("{http}{path}")).header("content-type", content).body(noise(1_000));
            let status = request.send().await?.status().as_u16();
            ensure!(status == 400 || status == 415, "{path} {content}: {status}");
        }
    }
    for text in ["", "{", "[]", "{}", "{\"metrics\": 1}", "{\"metrics\": []} {}"] {
        let (status, answer) = api.post_json("/metrics", text).await?;
        ensure!(status == 400 && !answer.is_empty(), "{text:?}: {status} {answer}");
    }
    still_works(&server, "after_noise").await
}

#[tokio::test]
async fn the_wrong_compression_is_refused() -> anyhow::Result<()> {
    let server = Server::quiet().await?;
    let client = reqwest::Client::new();
    let body = Version::V1.encode(&[Series::new("plain", &[]).at(now_ms(), 1.0)]);
    for encoding in ["gzip", "zstd", "br", "snappy"] {
        let request = client.post(format!("{}/api/v1/write", server.http_url())).header("content-encoding", encoding);
        let answer = request.header("content-type", Version::V1.content_type()).body(body.clone()).send().await?;
        let status = answer.status().as_u16();
        ensure!(status == 400 || status == 415, "not compressed, but {encoding} by its header: {status}");
    }
    let request = client.post(format!("{}/api/v1/write", server.http_url())).header("content-encoding", "snappy");
    let answer = request.header("content-type", "text/html").body(remote_write::snappy(&body)?).send().await?;
    expect(answer, 415, "text/html").await?;
    still_works(&server, "after_compression").await
}

#[tokio::test]
async fn bombs_are_413_and_cost_little() -> anyhow::Result<()> {
    let server = Server::quiet().await?;
    let http = server.http_url();
    // Snappy's header alone claims a gibibyte.
    let mut claim = Vec::new();
    wire::varint(&mut claim, GIB);
    claim.extend(noise(100));
    expect(send_body(&http, Version::V1, claim).await?, 413, "a claimed gibibyte").await?;
    // Twenty to one is all that snappy can do; zeros of 256 MiB.
    let body = remote_write::snappy(&vec![0; 256 << 20])?;
    expect(send_body(&http, Version::V1, body).await?, 413, "256 MiB of zeros").await?;
    let port = server.http_port();
    let announced = tokio::task::spawn_blocking(move || announce(port, 256 << 20)).await??;
    ensure!(announced.starts_with("HTTP/1.1 413 "), "256 MiB of JSON: {announced}");
    let pid = server.pid().context("it has ended")?;
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).context("no VmHWM")?;
    let peak_kib: u64 = peak.split_whitespace().nth(1).unwrap_or("0").parse()?;
    ensure!(peak_kib < 512 << 10, "{peak}");
    still_works(&server, "after_bombs").await
}

/// The answer to a request that says how long its body is, before any of it is sent.
fn announce(port: u16, length: u64) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(SEEN_LIMIT))?;
    write!(stream, "POST /metrics HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n")?;
    write!(stream, "content-length: {length}\r\n\r\n")?;
    let mut head = [0; 1_000];
    let read = stream.read(&mut head)?;
    Ok(String::from_utf8_lossy(&head[..read]).into_owned())
}

#[tokio::test]
async fn the_good_part_of_a_request_is_kept() -> anyhow::Result<()> {
    let server = Server::quiet().await?;
    let now = now_ms();
    let twice = [("__name__", "bad"), ("host", "a"), ("host", "b")];
    let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let twice = Series { labels: twice.iter().map(pair).collect(), samples: vec![(now, 1.0)] };
    let huge = "x".repeat(10 << 20);
    let cases = [
        ("duplicate", twice),
        ("nameless", Series { labels: vec![("host".to_owned(), "a".to_owned())], samples: vec![(now, 1.0)] }),
        ("huge", Series::new("bad", &[("host", &huge)]).at(now, 1.0)),
        ("ahead", Series::new("bad", &[]).at(now + 86_400_000, 1.0)),
        ("far_ahead", Series::new("bad", &[]).at(i64::MAX, 1.0)),
        ("negative", Series::new("bad", &[]).at(-5, 1.0)),
        ("smallest", Series::new("bad", &[]).at(i64::MIN, 1.0)),
        ("old", Series::new("bad", &[]).at(now - 30 * 86_400_000, 1.0)),
    ];
    for (case, bad) in &cases {
        for (version, number) in [(Version::V1, "1"), (Version::V2, "2")] {
            let good = Series::new("kept", &[("case", case), ("version", number)]).at(now, 1.0);
            let answer = send(&server.http_url(), version, &[bad.clone(), good]).await?;
            expect(answer, 400, case).await?;
        }
    }
    gives(&server.api(), "sum(count_over_time(kept[5m]))", 2.0 * cases.len() as f64, SEEN_LIMIT).await?;
    ensure!(server.api().query("bad").await?.is_empty(), "something of the bad part was stored");
    json_in_part(&server).await
}

/// JSON lists what it refuses, with the reason, and answers 200.
async fn json_in_part(server: &Server) -> anyhow::Result<()> {
    let now = now_ms();
    let bad = [
        ("{}", "name"),
        ("{\"name\": \"bad\"}", "value"),
        ("{\"name\": \"bad\", \"value\": \"many\"}", "value"),
        ("{\"name\": \"\", \"value\": 1}", "name"),
        ("{\"name\": \"bad\", \"value\": 1, \"timestamp\": \"noon\"}", "timestamp"),
        ("{\"name\": \"bad\", \"value\": 1, \"timestamp\": -5}", "past"),
        ("{\"name\": \"bad\", \"value\": 1, \"tags\": {\"a\": 1}}", "tag"),
    ];
    for (index, (metric, word)) in bad.iter().enumerate() {
        let good = format!("{{\"name\": \"json\", \"value\": 1, \"timestamp\": {}}}", now + index as i64);
        let (status, text) = server.api().post_json("/metrics", format!("{{\"metrics\": [{metric}, {good}]}}")).await?;
        ensure!(status == 200 && text.contains(word), "{metric}: {status} {text}");
    }
    gives(&server.api(), "sum(count_over_time(json[5m]))", bad.len() as f64, SEEN_LIMIT).await?;
    Ok(())
}

#[tokio::test]
async fn odd_but_legal_requests_are_taken() -> anyhow::Result<()> {
    let server = Server::quiet().await?;
    let (http, api, now) = (server.http_url(), server.api(), now_ms());
    for version in [Version::V1, Version::V2] {
        let status = send(&http, version, &[]).await?.status();
        ensure!(status.is_success(), "an empty request: {status}");
    }
    let (status, text) = api.post_json("/metrics", "{\"metrics\":[]}").await?;
    ensure!(status == 200, "an empty batch: {status} {text}");

    let values = [("nan", f64::NAN), ("inf", f64::INFINITY), ("neg_inf", f64::NEG_INFINITY), ("neg_zero", -0.0)];
    let series: Vec<Series> =
        values.iter().map(|(kind, value)| Series::new("odd", &[("kind", kind)]).at(now, *value)).collect();
    let answer = send(&http, Version::V1, &series).await?;
    ensure!(answer.status().is_success(), "{answer:?}");
    gives(&api, "sum(count_over_time(odd[5m]))", 4.0, SEEN_LIMIT).await?;
    for (kind, value) in values {
        let found = api.number(&format!("last_over_time(odd{{kind=\"{kind}\"}}[5m])")).await?;
        ensure!(found.to_bits() == value.to_bits() || (found.is_nan() && value.is_nan()), "{kind}: {found}");
    }
    // Labels out of order mean the same series as in order.
    let mut unsorted = Series::new("sorted", &[("a", "1"), ("b", "2")]).at(now - 1_000, 1.0);
    unsorted.labels.reverse();
    ensure!(send(&http, Version::V1, &[unsorted]).await?.status().is_success());
    let sorted = Series::new("sorted", &[("a", "1"), ("b", "2")]).at(now - 2_000, 2.0);
    ensure!(send(&http, Version::V1, &[sorted]).await?.status().is_success());
    gives(&api, "count_over_time(sorted{a=\"1\", b=\"2\"}[5m])", 2.0, SEEN_LIMIT).await
}

#[tokio::test]
async fn wrong_queries_are_explained() -> anyhow::Result<()> {
    let server = Server::quiet().await?;
    let api = server.api();
    for (path, word) in [
        ("/api/v1/query", "query"),
        ("/api/v1/query?query=sum(", "parse error"),
        ("/api/v1/query?query=up&time=noon", "time"),
        ("/api/v1/query_range?query=up&start=10&end=5&step=1", "end"),
        ("/api/v1/query_range?query=up&start=0&end=5&step=0", "step"),
        ("/api/v1/query_range?query=up&start=0&end=1000000&step=1", "11,000|11000"),
        ("/api/v1/series", "match"),
    ] {
        let (status, text) = api.get(path).await?;
        let json: serde_json::Value = serde_json::from_str(&text).with_context(|| format!("{path}: {text}"))?;
        let error = json["error"].as_str().unwrap_or("");
        ensure!(status == 400 && json["errorType"] == "bad_data", "{path}: {status} {text}");
        ensure!(word.split('|').any(|word| error.contains(word)), "{path}: {error:?} does not name {word:?}");
    }
    let (status, _) = api.get("/no/such/path").await?;
    ensure!(status == 404, "{status}");
    // Also where there is no route, or none for the method.
    let client = reqwest::Client::new();
    for (method, path, status, kind) in [
        (reqwest::Method::GET, "/api/v1/no_such_path", 404, "not_found"),
        (reqwest::Method::PUT, "/api/v1/query", 405, "bad_data"),
        (reqwest::Method::DELETE, "/api/v1/label/job/values", 405, "bad_data"),
    ] {
        let answer = client.request(method, format!("http://127.0.0.1:{}{path}", server.http_port())).send().await?;
        let (found, json) = (answer.status().as_u16(), answer.json::<serde_json::Value>().await?);
        ensure!(found == status && json["errorType"] == kind && json["status"] == "error", "{path}: {found} {json}");
        ensure!(json["error"].as_str().is_some_and(|text| text.contains(path)), "{json}");
    }
    Ok(())
}

#[tokio::test]
async fn noise_on_the_bare_ports_disturbs_nobody() -> anyhow::Result<()> {
    let server = Server::quiet().await?;
    for port in [server.http_port(), server.grpc_port()] {
        let connections = tokio::task::spawn_blocking(move || -> anyhow::Result<()> {
            for length in [1, 100, 10_000, 1 << 20] {
                let mut stream = TcpStream::connect(("127.0.0.1", port))?;
                stream.set_read_timeout(Some(Duration::from_secs(2)))?;
                stream.set_write_timeout(Some(Duration::from_secs(2)))?;
                // The other side may hang up at any point.
                let _ = stream.write_all(&noise(length));
                let _ = stream.read(&mut [0; 1_000]);
            }
            Ok(())
        });
        connections.await??;
    }
    still_works(&server, "after_bare_noise").await
}
