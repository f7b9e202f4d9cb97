//! OpenTelemetry names → Prometheus names, as Prometheus' default strategy
//! (UnderscoreEscapingWithSuffixes) has them: `http.server.duration` in `ms`
//! → `http_server_duration_milliseconds`, a counter ends in `_total`, a gauge
//! of unit 1 in `_ratio`.

/// What a metric's name depends on besides its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    MonotonicSum,
    Gauge,
    Other,
}

/// The metric's name; "" when nothing of it remains.
pub fn metric_name(name: &str, unit: &str, shape: Shape) -> String {
    let mut tokens: Vec<&str> =
        name.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').filter(|token| !token.is_empty()).collect();
    if tokens.is_empty() {
        return String::new();
    }
    let (main, per) = unit_suffixes(unit);
    if !main.is_empty() && !tokens.contains(&main.as_str()) {
        tokens.push(&main);
    }
    if !per.is_empty() && !tokens.contains(&per.as_str()) {
        tokens.push("per");
        tokens.push(&per);
    }
    let last = match shape {
        Shape::MonotonicSum => Some("total"),
        Shape::Gauge if unit.trim() == "1" => Some("ratio"),
        _ => None,
    };
    if let Some(last) = last {
        tokens.retain(|token| *token != last);
        tokens.push(last);
    }
    let joined = tokens.join("_");
    if joined.starts_with(|c: char| c.is_ascii_digit()) { format!("_{joined}") } else { joined }
}

/// The unit in words, as metadata has it.
pub fn unit_name(unit: &str) -> String {
    let (main, per) = unit_suffixes(unit);
    match (main.is_empty(), per.is_empty()) {
        (_, true) => main,
        (true, false) => format!("per_{per}"),
        (false, false) => format!("{main}_per_{per}"),
    }
}

/// `By/s` → ("bytes", "second"). What stands in braces is a remark.
fn unit_suffixes(unit: &str) -> (String, String) {
    let (main, per) = unit.split_once('/').unwrap_or((unit, ""));
    let clean = |unit: &str, word: fn(&str) -> Option<&'static str>| {
        let unit = unit.trim();
        if unit.is_empty() || unit.contains(['{', '}']) {
            return String::new();
        }
        word(unit).map_or_else(|| escape(unit), str::to_owned)
    };
    (clean(main, unit_word), clean(per, per_word))
}

fn escape(unit: &str) -> String {
    let words: Vec<&str> = unit.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("_")
}

fn unit_word(unit: &str) -> Option<&'static str> {
    Some(match unit {
        "d" => "days",
        "h" => "hours",
        "min" => "minutes",
        "s" => "seconds",
        "ms" => "milliseconds",
        "us" => "microseconds",
        "ns" => "nanoseconds",
        "By" => "bytes",
        "KiBy" => "kibibytes",
        "MiBy" => "mebibytes",
        "GiBy" => "gibibytes",
        "TiBy" => "tibibytes",
        "KBy" => "kilobytes",
        "MBy" => "megabytes",
        "GBy" => "gigabytes",
        "TBy" => "terabytes",
        "m" => "meters",
        "V" => "volts",
        "A" => "amperes",
        "J" => "joules",
        "W" => "watts",
        "g" => "grams",
        "Cel" => "celsius",
        "Hz" => "hertz",
        "%" => "percent",
        "1" => "",
        _ => return None,
    })
}

fn per_word(unit: &str) -> Option<&'static str> {
    Some(match unit {
        "s" => "second",
        "m" => "minute",
        "h" => "hour",
        "d" => "day",
        "w" => "week",
        "mo" => "month",
        "y" => "year",
        _ => return None,
    })
}

/// Writes an attribute's name as a label's name to `out`.
pub fn label_name(name: &str, out: &mut String) {
    out.clear();
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        out.push_str("key_");
    } else if name.starts_with('_') && !name.starts_with("__") {
        out.push_str("key");
    }
    // __name__ and its like keep their underscores; elsewhere runs are one.
    let is_reserved = name.len() > 4 && name.starts_with("__") && name.ends_with("__");
    for c in name.chars() {
        let c = if c.is_ascii_alphanumeric() { c } else { '_' };
        if is_reserved || c != '_' || !out.ends_with('_') {
            out.push(c);
        }
    }
}

#[cfg(test)]
mod tests;
