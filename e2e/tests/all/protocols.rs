//! A push by every protocol is answered as documented and seen by every kind of query.

use anyhow::ensure;
use tidegate_testkit::remote_write::Version;
use tidegate_testkit::{Series, Server, now_ms, otlp, push, remote_write};

use crate::support::{SEEN_LIMIT, gives};

/// Three samples, each in a window of its own, 2 s old at least.
fn samples(name: &str) -> [Series; 1] {
    let now = now_ms();
    [Series::new(name, &[("host", "a")]).at(now - 12_000, 1.0).at(now - 7_000, 2.5).at(now - 2_000, -4.0)]
}

#[tokio::test]
async fn what_any_protocol_brings_is_found() -> anyhow::Result<()> {
    let server = Server::quiet().await?;
    let (http, grpc, api) = (server.http_url(), server.grpc_url(), server.api());

    let answer = remote_write::send(&http, Version::V1, &samples("by_write_1")).await?;
    ensure!(answer.status().is_success(), "remote write 1.0: {answer:?}");
    let answer = remote_write::send(&http, Version::V2, &samples("by_write_2")).await?;
    ensure!(answer.status().is_success(), "remote write 2.0: {answer:?}");
    let written = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("absent");
    ensure!(written("x-prometheus-remote-write-samples-written") == "3", "{answer:?}");
    ensure!(written("x-prometheus-remote-write-histograms-written") == "0", "{answer:?}");
    ensure!(written("x-prometheus-remote-write-exemplars-written") == "0", "{answer:?}");

    let answer = push::Agent::new(&grpc, [1; 16], "agent")?.push(&samples("by_grpc")).await?;
    ensure!(answer.accepted_samples == 3 && answer.rejected.is_empty(), "{answer:?}");

    let answer = otlp::export(&grpc, &samples("by_otlp")).await?;
    ensure!(answer.partial_success.is_none_or(|partial| partial.rejected_data_points == 0));
    let answer = otlp::export_json(&http, &samples("by_otlp_json")).await?;
    ensure!(answer.status() == 200, "{}: {}", answer.status(), answer.text().await?);

    let points: Vec<serde_json::Value> = samples("by_json")[0]
        .samples
        .iter()
        .map(|(time, value)| serde_json::json!({"name": "by_json", "value": value, "timestamp": time, "tags": {"host": "a"}}))
        .collect();
    let (status, text) = api.post_json("/metrics", serde_json::json!({"metrics": points}).to_string()).await?;
    ensure!(status == 200, "{status}: {text}");

    for name in ["by_write_1", "by_write_2", "by_grpc", "by_otlp", "by_otlp_json", "by_json"] {
        let of = |function: &str| format!("{function}({name}{{host=\"a\"}}[5m])");
        gives(&api, &of("count_over_time"), 3.0, SEEN_LIMIT).await?;
        gives(&api, &of("sum_over_time"), -0.5, SEEN_LIMIT).await?;
        gives(&api, &of("max_over_time"), 2.5, SEEN_LIMIT).await?;
        gives(&api, name, -4.0, SEEN_LIMIT).await?;
    }
    lists(&api).await?;
    ranges(&api).await
}

/// Names, labels and series, each by its own path.
async fn lists(api: &tidegate_testkit::Api) -> anyhow::Result<()> {
    let names = api.data("/api/v1/label/__name__/values", &[]).await?;
    ensure!(
        names == serde_json::json!(["by_grpc", "by_json", "by_otlp", "by_otlp_json", "by_write_1", "by_write_2"]),
        "{names}"
    );
    let labels = api.data("/api/v1/labels", &[]).await?;
    ensure!(labels == serde_json::json!(["__name__", "host"]), "{labels}");
    let series = api.data("/api/v1/series", &[("match[]", "{__name__=~\"by_write.*\"}")]).await?;
    let expected =
        serde_json::json!([{"__name__": "by_write_1", "host": "a"}, {"__name__": "by_write_2", "host": "a"}]);
    ensure!(series == expected, "{series}");
    Ok(())
}

/// A range query goes through the very samples.
async fn ranges(api: &tidegate_testkit::Api) -> anyhow::Result<()> {
    let now = now_ms();
    let answer = api.query_range("by_grpc", now - 600_000, now, 1_000).await?;
    ensure!(answer.len() == 1, "{answer:?}");
    let mut values: Vec<f64> = answer[0].1.iter().map(|(_, value)| *value).collect();
    values.dedup();
    ensure!(values == [1.0, 2.5, -4.0], "{values:?}");
    Ok(())
}

#[tokio::test]
async fn tenants_do_not_see_each_other() -> anyhow::Result<()> {
    let server = Server::quiet().await?;
    let client = reqwest::Client::new();
    for (tenant, value) in [("one", 1.0), ("two", 2.0)] {
        let body = remote_write::snappy(&Version::V1.encode(&[Series::new("shared", &[]).at(now_ms(), value)]))?;
        let request = client.post(format!("{}/api/v1/write", server.http_url())).body(body);
        let request = request.header("content-encoding", "snappy").header("x-scope-orgid", tenant);
        let answer = request.header("content-type", Version::V1.content_type()).send().await?;
        ensure!(answer.status().is_success(), "{answer:?}");
    }
    let sum_of = async |tenant: &str| -> anyhow::Result<String> {
        let request = client.get(format!("{}/api/v1/query", server.http_url())).query(&[("query", "sum(shared)")]);
        let json: serde_json::Value =
            serde_json::from_str(&request.header("x-scope-orgid", tenant).send().await?.text().await?)?;
        Ok(json["data"]["result"][0]["value"][1].as_str().unwrap_or("nothing").to_owned())
    };
    for (tenant, expected) in [("one", "1"), ("two", "2")] {
        let what = format!("{tenant} sees its own value");
        tidegate_testkit::eventually(&what, SEEN_LIMIT, std::time::Duration::from_millis(500), async || {
            let sum = sum_of(tenant).await?;
            ensure!(sum == expected, "it sees {sum}");
            Ok(Some(()))
        })
        .await?;
    }
    ensure!(sum_of("default").await? == "nothing", "the default tenant sees others' data");
    Ok(())
}
