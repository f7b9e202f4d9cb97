use super::parse;
use crate::config::{TelegrafParser, TimestampUnit};
use crate::{Kind, Quantity, Record};

fn read_in(unit: TimestampUnit, line: &str) -> Result<Vec<Record>, u16> {
    parse(TelegrafParser { timestamp_unit: unit }, line.as_bytes()).map_err(|error| error.http_status())
}

fn read(line: &str) -> Result<Vec<Record>, u16> {
    read_in(TimestampUnit::Seconds, line)
}

fn values(record: &Record) -> Vec<(&str, f64)> {
    record.metrics.iter().map(|(name, metric)| (&**name, metric.samples[0].value)).collect()
}

#[test]
fn every_field_is_a_timer() {
    let line = r#"{"name":"cpu","tags":{"host":"h","n":5},"timestamp":1700000000,
        "fields":{"a":1.5,"b":"2","c":true,"d":"FALSE","e":"text","f":"3 apples","g":1e3,"h":"1e3"}}"#;
    let records = read(line).unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].time_ms, 1_700_000_000_000);
    assert_eq!(records[0].dimensions, [("host", "h"), ("n", "5")].into_iter().collect());
    let expected = [
        ("cpu.a", 1.5),
        ("cpu.b", 2.0),
        ("cpu.c", 1.0),
        ("cpu.d", 0.0),
        ("cpu.f", 3.0),
        ("cpu.g", 1000.0),
        ("cpu.h", 1.0),
    ];
    assert_eq!(values(&records[0]), expected);
    let metric = &records[0].metrics[0].1;
    assert_eq!((metric.kind, &metric.samples[..]), (Kind::Timer, &[Quantity::plain(1.5)][..]));
}

#[test]
fn a_batch_is_several_records() {
    let line =
        r#"{"metrics":[{"name":"a","timestamp":1,"fields":{"x":1}},{"name":"","timestamp":"2","fields":{"y":2}}]}"#;
    let records = read(line).unwrap();
    assert_eq!(records.iter().map(|record| record.time_ms).collect::<Vec<_>>(), [1_000, 2_000]);
    assert_eq!(values(&records[0]), [("a.x", 1.0)]);
    assert_eq!(values(&records[1]), [("y", 2.0)], "a blank name stands before nothing");
    assert_eq!(read(r#"{"metrics":[]}"#), Ok(Vec::new()));
}

#[test]
fn times_have_a_unit() {
    let time = |unit, timestamp: &str| {
        let line = format!(r#"{{"name":"a","timestamp":{timestamp}}}"#);
        read_in(unit, &line).unwrap()[0].time_ms
    };
    assert_eq!(time(TimestampUnit::Seconds, "1.9"), 1_000);
    assert_eq!(time(TimestampUnit::Milliseconds, "1234"), 1_234);
    assert_eq!(time(TimestampUnit::Microseconds, "1234567"), 1_234);
    assert_eq!(time(TimestampUnit::Nanoseconds, "1234567890"), 1_234);
}

#[test]
fn what_is_wrong_is_refused() {
    let malformed = [
        "",
        "{",
        "[]",
        "5",
        r#"{"timestamp":1}"#,
        r#"{"name":null,"timestamp":1}"#,
        r#"{"name":"a"}"#,
        r#"{"name":"a","timestamp":-1}"#,
        r#"{"name":"a","timestamp":"soon"}"#,
        r#"{"name":"a","timestamp":1,"fields":{"x":[1]}}"#,
        r#"{"name":"a","timestamp":1,"fields":{"x":null}}"#,
        r#"{"name":"a","timestamp":1,"tags":[]}"#,
        r#"{"name":"a","timestamp":1,"fields":{"x":NaN}}"#,
        r#"{"metrics":{}}"#,
        r#"{"metrics":[{"name":"a","timestamp":1},{}]}"#,
    ];
    for line in malformed {
        assert_eq!(read(line), Err(400), "{line}");
    }
    assert_eq!(read(r#"{"metrics":null}"#), Err(500));
    assert_eq!(read("null"), Err(500));
    assert_eq!(
        parse(TelegrafParser { timestamp_unit: TimestampUnit::Seconds }, b"{\"name\":\"\xff\"}").map_err(|_| ()),
        Err(())
    );
}
