//! What goes to the oracle and comes back, as lines of JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tidegate_model::{is_stale, stale_nan};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Case {
    pub series: Vec<Series>,
    pub queries: Vec<Query>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Query {
    pub expr: String,
    pub start_ms: i64,
    pub end_ms: i64,
    /// 0: an instant query.
    pub step_ms: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Series {
    #[serde(default, deserialize_with = "or_default")]
    pub labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    pub points: Vec<Point>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Point {
    pub t: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub f: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h: Option<Histogram>,
}

/// Populated buckets by index.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Histogram {
    pub schema: i8,
    pub zero_threshold: Number,
    pub zero_count: Number,
    pub count: Number,
    pub sum: Number,
    #[serde(deserialize_with = "or_default")]
    pub positive: Vec<Bucket>,
    #[serde(deserialize_with = "or_default")]
    pub negative: Vec<Bucket>,
    #[serde(deserialize_with = "or_default")]
    pub bounds: Vec<Number>,
    pub gauge: bool,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Bucket {
    pub i: i32,
    pub n: Number,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// vector, matrix, scalar, string or error.
    pub kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub series: Vec<Series>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub infos: Vec<String>,
}

/// A recorded query with its answer, over the series of a seed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Recorded {
    pub seed: u64,
    pub query: Query,
    pub answer: Answer,
}

/// A float as text, since JSON knows neither NaN nor infinities.
#[derive(Clone, Copy, Debug, Default)]
pub struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if is_stale(self.0) { serializer.serialize_str("stale") } else { serializer.collect_str(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "stale" {
            return Ok(Self(stale_nan()));
        }
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}

/// Go writes an empty slice or map as null.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
