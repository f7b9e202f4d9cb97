//! A client of the Prometheus HTTP API and of the process's own pages.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::Value;

/// Labels of a result, and its points: seconds since the Unix epoch, value.
pub type Answer = Vec<(BTreeMap<String, String>, Vec<(f64, f64)>)>;

/// Speaks to one server.
#[derive(Clone)]
pub struct Api {
    client: reqwest::Client,
    base: String,
}

impl Api {
    /// `base` is like `http://127.0.0.1:9470`. A request takes a minute at most.
    pub fn new(base: &str) -> Self {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(60)).build().unwrap_or_default();
        Self { client, base: base.to_owned() }
    }

    /// GET of a path: status and text.
    pub async fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        let response = self.client.get(format!("{}{path}", self.base)).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    /// POST of a JSON text: status and text.
    pub async fn post_json(&self, path: &str, body: impl Into<reqwest::Body>) -> anyhow::Result<(u16, String)> {
        let request = self.client.post(format!("{}{path}", self.base)).header("content-type", "application/json");
        let response = request.body(body).send().await?;
        Ok((response.status().as_u16(), response.text().await?))
    }

    /// `data` of an API call; an error answer is an error with its text.
    pub async fn data(&self, path: &str, parameters: &[(&str, &str)]) -> anyhow::Result<Value> {
        let request = self.client.get(format!("{}{path}", self.base)).query(parameters);
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        let mut json: Value =
            serde_json::from_str(&text).with_context(|| format!("{path}: {status}: not JSON: {text:.300}"))?;
        if json["status"] != "success" {
            bail!("{path} {parameters:?}: {status}: {text:.500}");
        }
        Ok(json["data"].take())
    }

    /// An instant query, now.
    pub async fn query(&self, query: &str) -> anyhow::Result<Answer> {
        answer(&self.data("/api/v1/query", &[("query", query)]).await?)
    }

    /// An instant query at a time in milliseconds.
    pub async fn query_at(&self, query: &str, time_ms: i64) -> anyhow::Result<Answer> {
        let time = format!("{:.3}", time_ms as f64 / 1000.0);
        answer(&self.data("/api/v1/query", &[("query", query), ("time", &time)]).await?)
    }

    /// A range query; times in milliseconds.
    pub async fn query_range(&self, query: &str, start_ms: i64, end_ms: i64, step_ms: i64) -> anyhow::Result<Answer> {
        let [start, end, step] = [start_ms, end_ms, step_ms].map(|ms| format!("{:.3}", ms as f64 / 1000.0));
        let parameters = [("query", query), ("start", start.as_str()), ("end", end.as_str()), ("step", step.as_str())];
        answer(&self.data("/api/v1/query_range", &parameters).await?)
    }

    /// The single number an instant query gives now; 0 when it gives nothing.
    pub async fn number(&self, query: &str) -> anyhow::Result<f64> {
        let answer = self.query(query).await?;
        if answer.len() > 1 {
            bail!("{query} gives {} series", answer.len());
        }
        Ok(answer.first().and_then(|(_, points)| points.first()).map_or(0.0, |(_, value)| *value))
    }

    /// Whether `/readyz` says 200.
    pub async fn ready(&self) -> bool {
        matches!(self.get("/readyz").await, Ok((200, _)))
    }
}

fn answer(data: &Value) -> anyhow::Result<Answer> {
    let result = &data["result"];
    match data["resultType"].as_str() {
        Some("scalar") => Ok(vec![(BTreeMap::new(), vec![point(result)?])]),
        Some("vector") => rows(result, |row| Ok(vec![point(&row["value"])?])),
        Some("matrix") => {
            rows(result, |row| row["values"].as_array().context("no values")?.iter().map(point).collect())
        }
        other => bail!("result type {other:?}"),
    }
}

fn rows(result: &Value, points: impl Fn(&Value) -> anyhow::Result<Vec<(f64, f64)>>) -> anyhow::Result<Answer> {
    let rows = result.as_array().context("the result is no list")?;
    rows.iter().map(|row| Ok((serde_json::from_value(row["metric"].clone())?, points(row)?))).collect()
}

fn point(value: &Value) -> anyhow::Result<(f64, f64)> {
    let time = value[0].as_f64().with_context(|| format!("no time in {value}"))?;
    let text = value[1].as_str().with_context(|| format!("no value in {value}"))?;
    Ok((time, text.parse()?))
}

#[cfg(test)]
mod tests;
