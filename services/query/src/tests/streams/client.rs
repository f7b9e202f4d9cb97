//! A client as the documentation describes it: it keeps the series that it was
//! told, and the id of the latest event that had one.

use std::collections::BTreeMap;
use std::collections::HashMap;

use serde_json::Value;

use crate::testing::{Events, Server, SseEvent};

/// An event with its points by series.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// `None` is a step.
    pub event: Option<String>,
    pub id: Option<String>,
    pub time_ms: i64,
    /// By labels, as JSON.
    pub points: BTreeMap<String, Value>,
    pub missing: Value,
}

pub(super) struct Client {
    events: Events,
    series: HashMap<String, String>,
    pub last_id: Option<String>,
}

impl Client {
    pub async fn open(server: &Server, parameters: &[(&str, &str)], last_id: Option<&str>) -> Self {
        let events = server.stream(parameters, last_id).await;
        Self { events, series: HashMap::new(), last_id: last_id.map(str::to_owned) }
    }

    /// The next event as it is.
    pub async fn raw(&mut self) -> Option<SseEvent> {
        let event = self.events.next().await?;
        if event.id.is_some() {
            self.last_id.clone_from(&event.id);
        }
        for (key, labels) in event.data["series"].as_object().into_iter().flatten() {
            self.series.insert(key.clone(), labels.to_string());
        }
        Some(event)
    }

    /// The next event, which must be a step or a correction.
    pub async fn next(&mut self) -> Step {
        let SseEvent { event, id, data } = self.raw().await.expect("the stream ended");
        let point = |point: &Value| {
            let key = point[0].as_str().unwrap();
            (self.series.get(key).expect("a series that was not told").clone(), point[1].clone())
        };
        let points = data["points"].as_array().unwrap_or_else(|| panic!("{event:?} {data}")).iter().map(point);
        let time_ms = (data["time"].as_f64().unwrap() * 1e3).round() as i64;
        Step { event, id, time_ms, points: points.collect(), missing: data["missing_partitions"].clone() }
    }

    pub async fn take(&mut self, count: usize) -> Vec<Step> {
        let mut taken = Vec::new();
        for _ in 0..count {
            taken.push(self.next().await);
        }
        taken
    }

    pub async fn is_quiet(&mut self) -> bool {
        self.events.is_quiet().await
    }
}

impl Step {
    /// Of the only series.
    pub fn value(&self) -> &str {
        assert_eq!(self.points.len(), 1, "{self:?}");
        self.points.values().next().unwrap().as_str().unwrap()
    }

    pub fn is_correction(&self) -> bool {
        self.event.as_deref() == Some("correction")
    }
}
