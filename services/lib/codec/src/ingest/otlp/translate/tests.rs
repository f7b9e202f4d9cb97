use super::*;

#[test]
fn metric_names() {
    let cases = [
        ("http.server.duration", "ms", Shape::Other, "http_server_duration_milliseconds"),
        ("system.io", "By", Shape::MonotonicSum, "system_io_bytes_total"),
        ("system.io.bytes.total", "By", Shape::MonotonicSum, "system_io_bytes_total"),
        ("total.requests", "{request}", Shape::MonotonicSum, "requests_total"),
        ("cpu.utilization", "1", Shape::Gauge, "cpu_utilization_ratio"),
        ("queue.length", "1", Shape::Other, "queue_length"),
        ("net.speed", "By/s", Shape::Gauge, "net_speed_bytes_per_second"),
        ("messages", "{msg}/s", Shape::Gauge, "messages_per_second"),
        ("2xx", "", Shape::MonotonicSum, "_2xx_total"),
        ("a..b__c", "", Shape::Gauge, "a_b_c"),
        ("job:rate:5m", "", Shape::Gauge, "job:rate:5m"),
        ("weird", "foo bar/baz", Shape::Gauge, "weird_foo_bar_per_baz"),
        ("température", "Cel", Shape::Gauge, "temp_rature_celsius"),
        ("..", "s", Shape::Gauge, ""),
    ];
    for (name, unit, shape, expected) in cases {
        assert_eq!(metric_name(name, unit, shape), expected, "{name} {unit}");
    }
}

#[test]
fn units_in_words() {
    assert_eq!([unit_name("By/s"), unit_name("1"), unit_name("{x}/m")], ["bytes_per_second", "", "per_minute"]);
}

#[test]
fn label_names() {
    let cases = [
        ("http.method", "http_method"),
        ("a..b", "a_b"),
        ("1st", "key_1st"),
        ("_private", "key_private"),
        ("__name__", "__name__"),
        ("ok", "ok"),
        ("ä", "_"),
    ];
    for (name, expected) in cases {
        let mut out = String::new();
        label_name(name, &mut out);
        assert_eq!(out, expected);
    }
}
