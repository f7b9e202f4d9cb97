//! The JSON push, as a client without a library writes it.

use crate::Series;

/// The body of `POST /metrics`: a metric a sample.
pub fn body(series: &[Series]) -> String {
    let metrics = series.iter().flat_map(|one| {
        let tags: serde_json::Map<String, serde_json::Value> = one
            .labels
            .iter()
            .filter(|(name, _)| name != "__name__")
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        one.samples.iter().map(move |(time_ms, value)| {
            serde_json::json!({"name": one.name(), "value": value, "timestamp": time_ms, "tags": tags})
        })
    });
    serde_json::json!({"metrics": metrics.collect::<Vec<_>>()}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_a_metric_a_sample() {
        let series = Series::new("m", &[("id", "a")]).at(5, 7.0);
        let json: serde_json::Value = serde_json::from_str(&body(&[series])).unwrap();
        let expected =
            serde_json::json!({"metrics": [{"name": "m", "value": 7.0, "timestamp": 5, "tags": {"id": "a"}}]});
        assert_eq!(json, expected);
    }
}
