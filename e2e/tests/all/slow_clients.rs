//! Clients that begin something and do not finish it are cut off, with a word where they can hear one; others are served meanwhile.

use std::time::Duration;

use anyhow::{Context, ensure};
use tidegate_proto::v1::ingest_client::IngestClient;
use tidegate_proto::v1::{PushRequest, PushResponse};
use tidegate_testkit::{Options, Server, push};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic_prost::ProstCodec;

use crate::support::still_works;

/// The server's own times are a second or two; whoever is left alone for so long is not cut off.
const LIMIT: Duration = Duration::from_secs(60);
const DROP_EVERY: Duration = Duration::from_millis(100);

fn hasty() -> Options {
    Server::quiet_options()
        .set("http.limits.header_timeout_seconds", 1)
        .set("http.limits.whole_body_timeout_seconds", 2)
        .set("gateway.body_timeout_ms", 1_000)
}

/// Sends `head`, then a byte now and then; gives all that comes back until the server closes.
async fn drip(port: u16, head: &str) -> anyhow::Result<String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut from, mut to) = stream.into_split();
    to.write_all(head.as_bytes()).await?;
    let dripping = tokio::spawn(async move {
        while to.write_all(b"x").await.is_ok() {
            tokio::time::sleep(DROP_EVERY).await;
        }
    });
    let mut answer = Vec::new();
    let read = tokio::time::timeout(LIMIT, from.read_to_end(&mut answer)).await;
    dripping.abort();
    // A reset after the answer is an end, too.
    let _ = read.context("it is not cut off")?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn bodies_that_drip_in_are_told_so_and_headers_are_cut() -> anyhow::Result<()> {
    let server = hasty().start().await?;
    let port = server.http_port();
    let head = |path: &str, kind: &str| {
        format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: 100000\r\n\r\n")
    };
    let answer = drip(port, &head("/metrics", "application/json")).await?;
    ensure!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\r\nretry-after: "), "a push: {answer}");
    let answer = drip(port, &head("/api/v1/query", "application/x-www-form-urlencoded")).await?;
    ensure!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("did not arrive"), "a query: {answer}");
    drip(port, "POST /metrics HTTP/1.1\r\nhost: localhost\r\nx-slow: ").await?;
    still_works(&server, "after_slow_bodies").await
}

#[tokio::test]
async fn a_stalled_body_is_a_time_out_and_not_a_broken_one() -> anyhow::Result<()> {
    let server = Server::quiet_options().set("http.limits.body_timeout_seconds", 1).start().await?;
    let mut stream = TcpStream::connect(("127.0.0.1", server.http_port())).await?;
    let head = "POST /api/v1/write HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nabc";
    stream.write_all(head.as_bytes()).await?;
    let mut status = [0; 12];
    tokio::time::timeout(LIMIT, stream.read_exact(&mut status)).await??;
    // Prometheus would drop what is answered 400.
    ensure!(&status == b"HTTP/1.1 503", "{}", String::from_utf8_lossy(&status));
    Ok(())
}

#[tokio::test]
async fn a_call_of_grpc_that_does_not_end_is_past_its_deadline() -> anyhow::Result<()> {
    let server = hasty().start().await?;
    let channel = Channel::from_shared(server.grpc_url())?.connect().await?;
    let mut client = Grpc::new(channel);
    client.ready().await?;
    // Of a call of one message, not even that comes.
    let messages = tonic::Request::new(tonic::codegen::tokio_stream::pending::<PushRequest>());
    let path = PathAndQuery::from_static("/tidegate.v1.Ingest/Push");
    let codec = ProstCodec::<PushRequest, PushResponse>::default();
    let answer = tokio::time::timeout(LIMIT, client.client_streaming(messages, path, codec)).await;
    let status = answer.context("no answer")?.err().context("it is taken")?;
    ensure!(status.code() == Code::DeadlineExceeded, "{status:?}");
    still_works(&server, "after_slow_grpc").await
}

#[tokio::test]
async fn what_other_bodies_leave_no_room_for_is_refused_until_they_are_gone() -> anyhow::Result<()> {
    let limit = 1 << 20;
    let server = Server::quiet_options()
        .set("limits.max_body_bytes", limit)
        .set("gateway.max_received_bytes", limit)
        // However slow the machine is, the body below stays.
        .set("http.limits.body_timeout_seconds", 600)
        .set("gateway.body_timeout_ms", 600_000)
        .start()
        .await?;
    let mut greedy = TcpStream::connect(("127.0.0.1", server.http_port())).await?;
    let head = format!("POST /metrics HTTP/1.1\r\nhost: localhost\r\ncontent-length: {limit}\r\n\r\n");
    greedy.write_all(head.as_bytes()).await?;
    greedy.write_all(&vec![b' '; limit - 1]).await?;
    // Else a push that comes first could leave no room for this one.
    let api = server.api();
    tidegate_testkit::eventually("the body has arrived", LIMIT, DROP_EVERY, async || {
        let metrics = api.get("/metrics").await?.1;
        let received = metrics.lines().find_map(|line| line.strip_prefix("tidegate_gateway_received_bytes "));
        Ok((received.context("no such metric")?.parse::<usize>()? >= limit - 1).then_some(()))
    })
    .await?;
    let batch = |name: &str| -> PushRequest {
        let label = "x".repeat(4_000);
        let series = (0..20).map(|n| {
            let n = n.to_string();
            tidegate_testkit::Series::new(name, &[("n", &n), ("long", &label)]).at(tidegate_testkit::now_ms(), 1.0)
        });
        push::request([3; 16], 1, "bounds", &series.collect::<Vec<_>>())
    };
    let mut client = IngestClient::connect(server.grpc_url()).await?;
    tidegate_testkit::eventually("a push is refused", LIMIT, DROP_EVERY, async || {
        match client.push(batch("crowded")).await {
            Ok(_) => Ok(None),
            Err(status) => {
                ensure!(status.code() == Code::Unavailable && status.message().contains("overloaded"), "{status:?}");
                Ok(Some(()))
            }
        }
    })
    .await?;
    drop(greedy);
    tidegate_testkit::eventually("a push is taken", LIMIT, DROP_EVERY, async || {
        Ok(client.push(batch("roomy")).await.ok().map(drop))
    })
    .await?;
    still_works(&server, "after_crowd").await
}
