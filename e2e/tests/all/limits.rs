//! A client that sends too much is told when to come back; others are not held up by it.

use anyhow::{Context, ensure};
use futures::stream::{FuturesUnordered, StreamExt};
use tidegate_testkit::{Server, now_ms};

#[tokio::test]
async fn a_client_over_its_limit_gets_429_and_others_do_not() -> anyhow::Result<()> {
    let server = Server::quiet_options().set("limits.requests_per_second", 5).start().await?;
    let client = reqwest::Client::new();
    let send = async |from: &str| {
        let body = serde_json::json!({"metrics": [{"name": "limited", "value": 1, "timestamp": now_ms()}]});
        let request = client.post(format!("{}/metrics", server.http_url())).header("x-client-id", from);
        request.header("content-type", "application/json").body(body.to_string()).send().await
    };
    let mut refused = None;
    // At once, so that a slow machine does not space them.
    let mut answers: FuturesUnordered<_> = (0..50).map(|_| send("eager")).collect();
    while let Some(answer) = answers.next().await {
        let answer = answer?;
        match answer.status().as_u16() {
            200 => {}
            429 => refused = Some(answer),
            _ => ensure!(false, "{answer:?}"),
        }
    }
    let refused = refused.context("50 requests at once, and none was refused at 5 a second")?;
    let after: u64 = refused.headers().get("retry-after").context("no Retry-After")?.to_str()?.parse()?;
    ensure!((1..=60).contains(&after), "Retry-After: {after}");
    ensure!(send("modest").await?.status() == 200, "another client is refused too");
    Ok(())
}
