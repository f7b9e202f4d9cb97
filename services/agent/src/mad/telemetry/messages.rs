//! What clients are told, as the Java daemon writes it.

use std::collections::{BTreeMap, HashMap};

use tidegate_mad::emit::json::{number, text};
use tidegate_mad::{Computed, Periodic};

use super::Version;
use super::statistics::Statistics;

pub const HEARTBEAT: &str = r#"{"response":"ok"}"#;
pub const NO_LOGS: &str = r#"{"command":"logsList","data":{"logs":[]}}"#;

pub fn new_metric(service: &str, metric: &str, statistic: &str) -> String {
    let mut out = String::from(r#"{"command":"newMetric","data":{"service":"#);
    text(&mut out, service);
    out.push_str(r#","metric":"#);
    text(&mut out, metric);
    out.push_str(r#","statistic":"#);
    text(&mut out, statistic);
    out.push_str("}}");
    out
}

pub fn report(version: Version, service: &str, result: &Periodic, computed: &Computed) -> String {
    let mut out = String::with_capacity(256);
    out.push_str(match version {
        Version::V1 => r#"{"command":"report","data":{"server":"#,
        Version::V2 => r#"{"command":"reportMetric","data":{"server":"#,
    });
    match result.dimensions.get("host") {
        Some(host) => text(&mut out, host),
        None => out.push_str("null"),
    }
    out.push_str(r#","service":"#);
    text(&mut out, service);
    out.push_str(r#","metric":"#);
    text(&mut out, &result.metric);
    out.push_str(r#","timestamp":"#);
    out.push_str(&result.start_ms.to_string());
    out.push_str(r#","statistic":"#);
    text(&mut out, computed.statistic.name());
    out.push_str(r#","data":"#);
    number(&mut out, computed.value.value);
    if version == Version::V2 {
        let unit = computed.value.unit.map_or(String::new(), |unit| format!("\"{}\"", unit.name()));
        out.push_str(&format!(r#","numeratorUnits":[{unit}],"denominatorUnits":[]"#));
    }
    out.push_str("}}");
    out
}

pub fn metrics_list(known: &HashMap<Box<str>, HashMap<Box<str>, Statistics>>) -> String {
    let mut out = String::from(r#"{"command":"metricsList","data":{"metrics":"#);
    let services: BTreeMap<_, _> = known.iter().collect();
    list(&mut out, services, |out, metrics| {
        let metrics: BTreeMap<_, _> = metrics.iter().collect();
        list(out, metrics, |out, statistics| {
            list(out, statistics.names().map(|name| (name, ())), |out, ()| out.push_str("[]"));
        });
    });
    out.push_str("}}");
    out
}

fn list<N: AsRef<str>, T>(
    out: &mut String,
    children: impl IntoIterator<Item = (N, T)>,
    mut children_of: impl FnMut(&mut String, T),
) {
    out.push('[');
    for (index, (name, child)) in children.into_iter().enumerate() {
        out.push_str(if index > 0 { r#",{"name":"# } else { r#"{"name":"# });
        text(out, name.as_ref());
        out.push_str(r#","children":"#);
        children_of(out, child);
        out.push('}');
    }
    out.push(']');
}
