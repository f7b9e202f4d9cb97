//! Results as JSON, an object each:
//!
//! ```text
//! {"metric":"latency","dimensions":{"cluster":"c","service":"s"},"period":"PT1S","start":"2026-11-20T21:26:50Z",
//!  "statistics":{"mean":{"value":0.25,"unit":"SECOND"},"histogram":{"value":1.0,"unit":"SECOND","entries":[[0.25,1]]}}}
//! ```
//!
//! Statistics are those that the pipeline asks for. Numbers are as Java prints
//! them; NaN and the infinities, which JSON lacks, are texts.

use crate::emit::java;
use crate::{Computed, Periodic, Statistic};

/// Appends the object of one result.
pub fn result(out: &mut String, result: &Periodic) {
    out.push_str("{\"metric\":");
    text(out, &result.metric);
    out.push_str(",\"dimensions\":{");
    for (index, (name, value)) in result.dimensions.iter().enumerate() {
        comma(out, index);
        text(out, name);
        out.push(':');
        text(out, value);
    }
    out.push_str("},\"period\":\"");
    out.push_str(&java::Duration(result.period_ms).to_string());
    out.push_str("\",\"start\":\"");
    out.push_str(&java::Instant(result.start_ms).to_string());
    out.push('"');
    if let Some(time_ms) = result.min_request_time_ms {
        out.push_str(",\"clientMinimumRequestTime\":\"");
        out.push_str(&java::Instant(time_ms).to_string());
        out.push('"');
    }
    out.push_str(",\"statistics\":{");
    let asked_for = result.statistics.iter().filter(|computed| computed.asked_for);
    for (index, computed) in asked_for.enumerate() {
        comma(out, index);
        statistic(out, computed, result);
    }
    out.push_str("}}");
}

fn statistic(out: &mut String, computed: &Computed, result: &Periodic) {
    text(out, computed.statistic.name());
    out.push_str(":{\"value\":");
    number(out, computed.value.value);
    let is_histogram = computed.statistic == Statistic::Histogram;
    if let Some(unit) = if is_histogram { result.unit } else { computed.value.unit } {
        out.push_str(",\"unit\":");
        text(out, unit.name());
    }
    if let (true, Some(histogram)) = (is_histogram, &result.histogram) {
        out.push_str(",\"entries\":[");
        for (index, (bucket, count)) in histogram.by_value().enumerate() {
            comma(out, index);
            out.push('[');
            number(out, bucket);
            out.push(',');
            out.push_str(&count.to_string());
            out.push(']');
        }
        out.push(']');
    }
    out.push('}');
}

/// Appends a number as Java's Jackson does.
pub fn number(out: &mut String, value: f64) {
    let printed = java::Double(value).to_string();
    if value.is_finite() {
        out.push_str(&printed);
    } else {
        text(out, &printed);
    }
}

/// Appends a text in quotes.
pub fn text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..'\x20' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            _ => out.push(c),
        }
    }
    out.push('"');
}

fn comma(out: &mut String, index: usize) {
    if index > 0 {
        out.push(',');
    }
}

#[cfg(test)]
mod tests;
