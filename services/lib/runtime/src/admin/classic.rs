//! The Prometheus text format 0.0.4, made from OpenMetrics: there the family
//! of a counter is named without `_total`, and units and the end are marked.
//! (None of our metrics has exemplars, which the older format lacks.)

/// Rewrites a page of OpenMetrics line by line.
pub fn from_open_metrics(page: &str) -> String {
    let mut out = String::with_capacity(page.len() + page.len() / 16);
    // HELP comes before the TYPE that says how the family is named.
    let mut help: Option<(&str, &str)> = None;
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" | "stateset" | "gaugehistogram" => ("", "untyped"),
                kind => ("", kind),
            };
            if let Some((_, text)) = help.take().filter(|(named, _)| *named == name) {
                push(&mut out, &["# HELP ", name, suffix, " ", text]);
            }
            push(&mut out, &["# TYPE ", name, suffix, " ", kind]);
        } else if !line.starts_with('#') {
            push(&mut out, &[line]);
        }
    }
    out
}

fn push(out: &mut String, pieces: &[&str]) {
    out.extend(pieces.iter().copied());
    out.push('\n');
}
