//! Inputs of others: Prometheus, collectd, Graphite, Telegraf, StatsD.

use tidegate_testkit::{Random, Series, remote_write};

use crate::cases::{Cases, Message, Phase, To, fraction, length, prefix, values};

pub fn prometheus(cases: &mut Cases, random: &mut Random, base_ms: i64, count: u64) {
    let mut all = Vec::new();
    for number in 0..count {
        let length = length(cases, random).min(500);
        let (word, values) = values(random, length);
        let case = cases.name("prometheus", &format!("{length} values, {word}"));
        let name = format!("{}/prometheus/{number}", prefix(random));
        let labels = [("service", "p"), ("cluster", "c"), ("host", "h"), ("case", case.as_str())];
        let spread_ms = if random.strikes(300) { 90_000 } else { 900 };
        let mut series = Series::new(&name, &labels);
        // 1.20.1 counts the others, later versions skip them, as we do.
        for value in values.into_iter().filter(|value| value.is_finite()) {
            series = series.at(base_ms + random.below(spread_ms) as i64, value);
        }
        all.push(series);
    }
    let body = remote_write::snappy(&remote_write::encode_v1(&all));
    cases.http("prometheus".into(), Phase::First, "/metrics/prometheus", body.unwrap_or_default());
}

pub fn collectd(cases: &mut Cases, random: &mut Random, base_ms: i64, count: u64) {
    for number in 0..count {
        let (word, mut values) = values(random, 1 + number as usize % 4);
        // JSON has no others; null is skipped, but by 1.20.1 refused.
        values.retain(|value| value.is_finite());
        // A value that comes twice under one name counts once there.
        values.dedup_by(|one, other| one.to_bits() == other.to_bits());
        let case = cases.name("collectd", word);
        let names: Vec<String> =
            (0..values.len()).map(|at| if at == 0 { "\"value\"".into() } else { format!("\"ds{at}\"") }).collect();
        let types: Vec<String> = values
            .iter()
            .map(|_| format!("{:?}", ["gauge", "derive", "counter", "absolute", "other"][random.below(5) as usize]))
            .collect();
        let values: Vec<String> = values.iter().map(|value| format!("{value:?}")).collect();
        let time = (base_ms + random.below(100_000) as i64) as f64 / 1_000.0;
        let body = format!(
            r#"[{{"values":[{}],"dstypes":[{}],"dsnames":[{}],"time":{time:?},"interval":10.0,"host":"hc","plugin":"{}","plugin_instance":"{}","type":"t","type_instance":"{number}","meta":{{}}}}]"#,
            values.join(","),
            types.join(","),
            names.join(","),
            prefix(random),
            if random.strikes(500) { "0" } else { "" },
        );
        let headers = [("X-TAG-SERVICE", "collectd"), ("X-Tag-Cluster", "cc"), ("x-tag-case", case.as_str())];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let to = To::Http { path: "/metrics/v1/collectd".into(), headers };
        cases.messages.push(Message { name: case, phase: Phase::First, to, body: body.into_bytes() });
    }
}

/// Numbers as `NumberFormat` reads them, good and bad.
const NUMBERS: [&str; 30] = [
    "1",
    "-1",
    "0",
    "-0",
    "1.5",
    "-4.5",
    "1e3",
    "1E3",
    "1E+3",
    "1E-3",
    "+5",
    "12abc",
    "1,234.5",
    "1,2,3",
    "NaN",
    "∞",
    "-∞",
    "1.",
    ".5",
    "-.5",
    "abc",
    "1.2.3",
    "1 2",
    "9223372036854775807",
    "9223372036854775808",
    "1e400",
    "1E400",
    "0x10",
    "1_000",
    "123456789012345678901234567890",
];

fn number(random: &mut Random) -> String {
    match random.below(4) {
        0 => NUMBERS[random.below(NUMBERS.len() as u64) as usize].into(),
        1 => random.below(1_000).to_string(),
        2 => format!("{:.3}", fraction(random) * 100.0),
        _ => format!("{}", (fraction(random) - 0.5) * 1e6),
    }
}

pub fn graphite(cases: &mut Cases, random: &mut Random, base_ms: i64, count: u64) {
    let (mut lines, mut mapped, mut stamped) = (String::new(), String::new(), String::new());
    for index in 0..count {
        let case = cases.name("graphite", "");
        let prefix = prefix(random);
        let mut what = String::new();
        for _ in 0..1 + random.below(4) {
            let (text, time) = (number(random), (base_ms + random.below(3_000) as i64) / 1_000);
            let end = ["\n", "\r\n", " \n"][random.below(3) as usize];
            what.push_str(&format!("{text:?} "));
            lines.push_str(&format!("{prefix}/graphite/{index};case={case};a=b {text} {time}{end}"));
        }
        cases.names.insert(case, what);
    }
    for index in 0..count {
        let case = cases.name("mapped", "");
        let name =
            ["first/NUM/x", "one/NUM/x", "NUM/drop", "second/NUM/second/", "plain/NUM"][random.below(5) as usize];
        let name = name.replace("NUM", &index.to_string());
        let time = base_ms / 1_000;
        mapped.push_str(&format!("{name};case={case} {index}.25 {time}\n"));
        cases.names.insert(case, name);
    }
    for index in 0..count.min(20) {
        let case = cases.name("stamped", "one line");
        stamped.push_str(&format!("all/stamped/{index};case={case} {index}.5 {}\n", base_ms / 1_000));
    }
    cases.push("graphite", Phase::First, To::Graphite, lines.into_bytes());
    cases.push("mapped", Phase::First, To::Mapped, mapped.into_bytes());
    cases.push("stamped", Phase::Late, To::Stamped, stamped.into_bytes());
}

pub fn telegraf(cases: &mut Cases, random: &mut Random, base_ms: i64, count: u64) {
    let mut lines = String::new();
    for index in 0..count {
        let case = cases.name("telegraf", "");
        let field = |random: &mut Random| match random.below(6) {
            0 => ["true", "false", "\"true\"", "\"FALSE\"", "\"text\""][random.below(5) as usize].into(),
            1 => format!("\"{}\"", number(random)),
            2 => random.below(1_000_000).to_string(),
            3 => format!("{:e}", fraction(random)),
            _ => format!("{:?}", (fraction(random) - 0.5) * 1e4),
        };
        let fields: Vec<String> = (0..1 + random.below(3)).map(|at| format!(r#""f{at}":{}"#, field(random))).collect();
        let time = base_ms + random.below(5_000) as i64;
        let one = format!(
            r#"{{"name":"{}/telegraf/{index}","tags":{{"service":"t","cluster":"c","case":"{case}"}},"fields":{{{}}},"timestamp":{time}}}"#,
            prefix(random),
            fields.join(","),
        );
        if random.strikes(300) {
            lines.push_str(&format!(r#"{{"metrics":[{one},{one}]}}"#));
        } else {
            lines.push_str(&one);
        }
        lines.push('\n');
        cases.names.insert(case, fields.join(","));
    }
    cases.push("telegraf", Phase::First, To::Telegraf, lines.into_bytes());
}

pub fn statsd(cases: &mut Cases, random: &mut Random, count: u64) {
    for index in 0..count {
        let case = cases.name("statsd", "");
        let (prefix, kind) = (prefix(random), ["c", "g", "h", "m", "ms", "s", "x"][random.below(7) as usize]);
        let name = format!("{prefix}/statsd/{index}");
        let text = number(random);
        let rate = ["", "", "", "|@1", "|@1.0", "|@0", "|@2", "|@x"][random.below(8) as usize];
        let tags = format!("service:sd,cluster:c,case:{case}");
        let line = match random.below(4) {
            0 => format!("{name},service=sd,cluster=c,case={case}:{text}|{kind}{rate}"),
            1 => format!("{name}:{text}|{kind}{rate}|#{tags}\n"),
            2 => format!("{name}:{text}|{kind}{rate}|#{tags}\n\n{name}:7|{kind}|#{tags}"),
            _ => format!("{name}:{text}|{kind}{rate}|#{tags}"),
        };
        cases.names.insert(case.clone(), line.clone());
        cases.messages.push(Message { name: case, phase: Phase::Late, to: To::Statsd, body: line.into_bytes() });
    }
}
