use serde_json::{Value, json};

use super::{parse, time::milliseconds};
use crate::{Kind, Quantity, Record, Unit};

fn line() -> Value {
    json!({
        "version": "2g", "id": "6be33313-bb39-423a-a928-1d0cc0da60a9",
        "start": "2014-03-24T12:14:40.170Z", "end": "2014-03-24T12:15:41.010Z",
        "dimensions": { "service": "s", "host": "h" }, "annotations": { "foo": "bar" },
        "timers": { "t": { "values": [
            { "value": 250, "unit": { "numerators": [{ "type": "second", "scale": "milli" }, { "type": "byte" }] } },
            { "value": 5 }, null, { "value": 1, "unit": { "numerators": [] } },
            { "value": 2, "unit": { "numerators": [{ "type": "byte", "scale": "kibi" }] } },
        ] } },
        "gauges": { "g": { "values": [{ "value": 0, "unit": { "numerators": [{ "type": "celsius" }] } }] } },
        "counters": null,
    })
}

fn read(line: &Value) -> Result<Record, u16> {
    parse(line.to_string().as_bytes()).map_err(|error| error.http_status())
}

#[test]
fn a_line_is_a_record() {
    let record = read(&line()).unwrap();
    assert_eq!(record.time_ms, 1_395_663_341_010);
    assert_eq!(record.dimensions, [("host", "h"), ("service", "s")].into_iter().collect());
    let samples: Vec<_> =
        record.metrics.iter().map(|(name, metric)| (&**name, metric.kind, &metric.samples[..])).collect();
    let plain = Quantity::plain;
    let timers = [Quantity { value: 1e6 / 1e9 * 250.0, unit: Some(Unit::Second) }, plain(5.0), plain(1.0), plain(2.0)];
    let gauges = [Quantity { value: 273.15, unit: Some(Unit::Kelvin) }];
    assert_eq!(samples, [("t", Kind::Timer, &timers[..]), ("g", Kind::Gauge, &gauges[..])]);
}

#[test]
fn what_is_wrong_is_refused() {
    let change = |path: &str, value: Value| {
        let mut line = line();
        *line.pointer_mut(path).unwrap() = value;
        read(&line)
    };
    assert!(change("/version", json!("2G")).is_ok());
    for (path, value) in [
        ("/version", json!("2f")),
        ("/version", json!(null)),
        ("/id", json!(null)),
        ("/start", json!("yesterday")),
        ("/end", json!(null)),
        ("/dimensions", json!(null)),
        ("/dimensions/host", json!(["x"])),
        ("/annotations", json!(5)),
        ("/timers", json!([])),
        ("/timers/t", json!({})),
        ("/timers/t/values/1/value", json!("x")),
        ("/timers/t/values/1/value", json!(null)),
        ("/timers/t/values/0/unit/numerators", json!({})),
        ("/timers/t/values/0/unit/numerators/0/type", json!(null)),
        ("/gauges", json!({ "t": { "values": [] } })),
    ] {
        assert_eq!(change(path, value.clone()), Err(400), "{path} {value}");
    }
    assert!(parse(b"no JSON").is_err());
}

#[test]
fn times_have_offsets() {
    assert_eq!(milliseconds("1970-01-01T00:00Z"), Some(0));
    assert_eq!(milliseconds("2000-02-29T23:59:59.9999Z"), Some(951_868_799_999));
    assert_eq!(milliseconds("2014-03-24T14:15:41.01+02:00"), Some(1_395_663_341_010));
    assert_eq!(milliseconds("2014-03-24T09:45:41.010-0230"), Some(1_395_663_341_010));
    assert_eq!(milliseconds("1969-12-31T23:59:59Z"), Some(-1_000));
    assert_eq!(milliseconds("1900-03-01T00:00:00Z"), Some(-2_203_891_200_000));
    for wrong in [
        "",
        "2014-03-24",
        "2014-13-01T00:00Z",
        "2014-02-29T00:00Z",
        "2014-01-01T24:00Z",
        "2014-01-01T00:00",
        "2014-1-1T00:00Z",
        "2014-01-01T00:00:00.xZ",
        "2014-01-01T00:00é",
    ] {
        assert_eq!(milliseconds(wrong), None, "{wrong}");
    }
}
