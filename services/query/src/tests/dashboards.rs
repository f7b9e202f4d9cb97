//! Each query of the dashboards for Grafana, asked of the API over data of the
//! names and labels that it selects.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use tidegate_promql::{MatchOp, Range, selections};

use crate::testing::{BASE_MS, Server, TestSeries, World, series};

/// Of Tidegate's own dashboards; what Grafana fills in is filled in.
fn queries() -> BTreeMap<String, Vec<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/grafana/dashboards");
    ["hosts", "red", "pipeline", "alerts"]
        .map(|name| {
            let text = std::fs::read_to_string(folder.join(format!("{name}.json"))).unwrap();
            let board: Value = serde_json::from_str(&text).unwrap();
            let targets =
                board["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap());
            let filled = |expr: &str| {
                let expr = expr.replace("$__rate_interval", "1m");
                expr.replace("$instance", ".*").replace("$service", ".*")
            };
            (name.to_owned(), targets.map(|target| filled(target["expr"].as_str().unwrap())).collect())
        })
        .into()
}

/// Series that the query's selectors accept: two, told apart by what the
/// dashboards group by.
fn accepted(query: &str) -> Vec<TestSeries> {
    let expr = tidegate_promql::parse(query).unwrap();
    let range = Range { start_ms: BASE_MS, end_ms: BASE_MS + 240_000, step_ms: 15_000 };
    let mut all = Vec::new();
    for selection in selections(&expr, &range) {
        for twin in ["a", "b"] {
            let mut labels: BTreeMap<&str, &str> =
                ["instance", "service", "endpoint", "partition", "reason", "device"].map(|name| (name, twin)).into();
            labels.insert("le", if twin == "a" { "1" } else { "+Inf" });
            for matcher in &selection.matchers {
                match matcher.op {
                    MatchOp::Equal => labels.insert(&matcher.name, &matcher.value),
                    MatchOp::Regex if matcher.value == "5.." => labels.insert(&matcher.name, "503"),
                    _ => None,
                };
            }
            let labels: Vec<_> = labels.into_iter().collect();
            let samples = (0..60).map(|n| (BASE_MS + n * 5_000, (n + 1) as f64)).collect();
            all.push(series(&labels, samples));
        }
    }
    all
}

async fn answer(server: &Server, query: &str) -> Value {
    let (start, end) = ((BASE_MS / 1_000 + 120).to_string(), (BASE_MS / 1_000 + 240).to_string());
    let range = [("query", query), ("start", &start), ("end", &end), ("step", "15")];
    let (status, answer) = server.get("/api/v1/query_range", &range).await;
    assert_eq!(status, 200, "{query}: {answer}");
    answer
}

#[tokio::test]
async fn every_query_of_every_dashboard_is_answered() {
    for (board, queries) in queries() {
        assert!(!queries.is_empty(), "{board}");
        for query in queries {
            let world = World::new(BASE_MS + 300_000);
            world.store(&accepted(&query)).await;
            let answer = answer(&world.start().await, &query).await;
            // Floats are no distributions: those queries are asked, and give nothing.
            let of_distributions = query.contains("http_request_duration_seconds");
            let found = answer["data"]["result"].as_array().unwrap().len();
            assert!(of_distributions || found > 0, "{board}: {query}: {answer}");
        }
    }
}
