use prost::Message;
use tidegate_proto::mad::{client_v1, client_v2, client_v3};

use super::{v1, v2, v3};
use crate::parse::ParseError;
use crate::{Histogram, Kind, Metric, Quantity, Record, Unit};

const ID: [u8; 16] = *b"0123456789abcdef";
const TIME_MS: i64 = 1_700_000_000_000;

fn malformed(result: Result<Vec<Record>, ParseError>) -> bool {
    result.is_err_and(|error| error.http_status() == 400)
}

fn unexpected(result: Result<Vec<Record>, ParseError>) -> bool {
    result.is_err_and(|error| error.http_status() == 500)
}

fn gauge(samples: &[f64]) -> Metric {
    let samples = samples.iter().map(|value| Quantity::plain(*value)).collect();
    Metric { kind: Kind::Gauge, samples, histograms: Vec::new() }
}

mod first {
    use super::*;

    fn pair(name: &str, value: &str) -> client_v1::Entry {
        client_v1::Entry { name: name.into(), value: value.into() }
    }

    fn entry(name: &str, value: f64, unit: Option<(i32, i32)>) -> client_v1::MetricEntry {
        let unit = unit.map(|(kind, scale)| client_v1::CompoundUnit {
            numerator: vec![client_v1::Unit { r#type: kind, scale }, client_v1::Unit { r#type: 7, scale: 7 }],
            denominator: vec![client_v1::Unit { r#type: 9, scale: 0 }],
        });
        client_v1::MetricEntry { name: name.into(), samples: vec![client_v1::Quantity { value, unit }] }
    }

    fn record() -> client_v1::Record {
        client_v1::Record { id: ID.to_vec(), end: TIME_MS, dimensions: vec![pair("host", "h")], ..Default::default() }
    }

    fn parse(records: Vec<client_v1::Record>) -> Result<Vec<Record>, ParseError> {
        v1(&client_v1::RecordSet { records }.encode_to_vec())
    }

    /// The quantity of 2 of a unit.
    fn of_unit(kind: i32, scale: i32) -> Option<Quantity> {
        let raw = client_v1::Record { gauges: vec![entry("g", 2.0, Some((kind, scale)))], ..record() };
        parse(vec![raw]).ok().map(|records| records[0].metrics[0].1.samples[0])
    }

    #[test]
    fn counters_timers_and_gauges_are_read() {
        let raw = client_v1::Record {
            gauges: vec![entry("g", 2.0, Some((6, 12)))],
            counters: vec![entry("c", 3.0, None)],
            timers: vec![entry("t", 250.0, Some((0, 7)))],
            annotations: vec![pair("note", "x")],
            ..record()
        };
        let one = |kind, value, unit| Metric { kind, samples: vec![Quantity { value, unit }], histograms: Vec::new() };
        let expected = Record {
            time_ms: TIME_MS,
            request_time_ms: None,
            dimensions: [("host", "h")].into_iter().collect(),
            metrics: vec![
                ("c".into(), one(Kind::Counter, 3.0, None)),
                ("t".into(), one(Kind::Timer, 0.25, Some(Unit::Second))),
                ("g".into(), one(Kind::Gauge, 2_000.0, Some(Unit::Byte))),
            ],
        };
        assert_eq!(parse(vec![raw]), Ok(vec![expected]));
    }

    #[test]
    fn units_are_known_by_type_and_scale() {
        let of = |value, unit| Some(Quantity { value, unit: Some(unit) });
        assert_eq!(of_unit(0, 28), of(2.0, Unit::Second), "UNIT");
        assert_eq!(of_unit(0, 99), of(2.0, Unit::Second), "a scale that is unknown scales nothing");
        assert_eq!(of_unit(1, 28), of(120.0, Unit::Second));
        assert_eq!(of_unit(5, 12), of(256.0, Unit::Byte), "KILOBIT");
        assert_eq!(of_unit(11, 28), of((2.0 + 459.67) * 5.0 / 9.0, Unit::Kelvin));
        assert_eq!(of_unit(99, 28), Some(Quantity::plain(2.0)), "a type that is unknown is none");
        assert_eq!(of_unit(0, 0), None, "an absent scale is YOCTO");
        assert_eq!(of_unit(10, 28), None, "CELSIUS is spelt otherwise inside");
        assert_eq!(of_unit(6, 20), None, "KIBIBYTE");
        assert_eq!(of_unit(9, 28), None, "RADIAN");
    }

    #[test]
    fn what_comes_twice_is_refused() {
        let twice = vec![pair("a", "1"), pair("a", "1")];
        assert!(malformed(parse(vec![client_v1::Record { dimensions: twice.clone(), ..record() }])));
        assert!(malformed(parse(vec![client_v1::Record { annotations: twice, ..record() }])));
        let across =
            client_v1::Record { gauges: vec![entry("m", 1.0, None)], timers: vec![entry("m", 1.0, None)], ..record() };
        assert!(malformed(parse(vec![across])));
    }

    #[test]
    fn the_first_thing_wrong_decides() {
        let short_id = client_v1::Record { id: b"abc".to_vec(), ..record() };
        let bad_unit = client_v1::Record { gauges: vec![entry("g", 1.0, Some((10, 28)))], ..record() };
        assert!(unexpected(parse(vec![short_id.clone(), bad_unit.clone()])));
        assert!(malformed(parse(vec![bad_unit, short_id])));
    }
}

mod second {
    use super::*;
    use client_v2::quantity::Value;

    fn quantity(value: Option<Value>, unit: Option<(i32, i32)>) -> client_v2::Quantity {
        let unit = unit.map(|(kind, scale)| client_v2::CompoundUnit {
            numerator: vec![client_v2::Unit { r#type: kind, scale }],
            denominator: Vec::new(),
        });
        client_v2::Quantity { value, unit }
    }

    fn record(samples: Vec<client_v2::Quantity>) -> client_v2::Record {
        client_v2::Record {
            id: ID.to_vec(),
            end: TIME_MS,
            gauges: vec![client_v2::MetricEntry { name: "g".into(), samples }],
            ..Default::default()
        }
    }

    fn samples(samples: Vec<client_v2::Quantity>) -> Result<Vec<Quantity>, ParseError> {
        let set = client_v2::RecordSet { records: vec![record(samples)] };
        v2(&set.encode_to_vec()).map(|records| records[0].metrics[0].1.samples.clone())
    }

    #[test]
    fn doubles_and_longs_are_values_and_nothing_is_none() {
        let values = [Some(Value::DoubleValue(1.5)), None, Some(Value::LongValue(7)), Some(Value::LongValue(i64::MAX))];
        let read = samples(values.map(|value| quantity(value, None)).to_vec()).unwrap();
        assert_eq!(read, [1.5, 7.0, i64::MAX as f64].map(Quantity::plain));
    }

    #[test]
    fn units_are_known_by_type_and_scale() {
        let of_unit = |kind, scale| {
            samples(vec![quantity(Some(Value::LongValue(2)), Some((kind, scale)))]).ok().map(|samples| samples[0])
        };
        let of = |value, unit| Some(Quantity { value, unit: Some(unit) });
        assert_eq!(of_unit(1, 9), of(1e6 / 1e9 * 2.0, Unit::Second), "MILLISECOND");
        assert_eq!(of_unit(1, 1), of(2.0, Unit::Second), "UNIT");
        assert_eq!(of_unit(1, 0), of(2.0, Unit::Second), "UNKNOWN scales nothing");
        assert_eq!(of_unit(7, 14), of(2_000.0, Unit::Byte), "KILOBYTE");
        assert_eq!(of_unit(13, 1), of(2.0, Unit::Kelvin));
        assert_eq!(of_unit(0, 9), Some(Quantity::plain(2.0)), "UNKNOWN is no unit");
        assert_eq!(of_unit(99, 9), Some(Quantity::plain(2.0)));
        assert_eq!(of_unit(i32::MIN, i32::MIN), Some(Quantity::plain(2.0)));
        assert_eq!(of_unit(11, 1), None, "CELSIUS");
        assert_eq!(of_unit(7, 22), None, "KIBIBYTE");
        assert_eq!(of_unit(8, 1), None, "ROTATION");
    }

    #[test]
    fn a_short_id_is_not_expected() {
        let set = client_v2::RecordSet { records: vec![client_v2::Record { id: vec![1; 15], ..record(Vec::new()) }] };
        assert!(unexpected(v2(&set.encode_to_vec())));
        let long = client_v2::RecordSet { records: vec![client_v2::Record { id: vec![1; 17], ..record(Vec::new()) }] };
        assert_eq!(v2(&long.encode_to_vec()).unwrap().len(), 1);
    }
}

mod third {
    use super::*;
    use client_v3::identifier::Value;
    use client_v3::metric_data_entry::Data;

    fn named(text: &str) -> Option<client_v3::Identifier> {
        Some(client_v3::Identifier { value: Some(Value::StringValue(text.into())) })
    }

    fn dimension(name: &str, value: &str) -> client_v3::DimensionEntry {
        client_v3::DimensionEntry { name: named(name), value: named(value) }
    }

    fn entry(
        name: &str,
        samples: &[f64],
        statistics: Option<client_v3::AugmentedHistogram>,
    ) -> client_v3::MetricDataEntry {
        let data = client_v3::NumericalData { samples: samples.to_vec(), statistics };
        client_v3::MetricDataEntry { name: named(name), data: Some(Data::NumericalData(data)) }
    }

    fn record(data: Vec<client_v3::MetricDataEntry>) -> client_v3::Record {
        client_v3::Record {
            id: ID.to_vec(),
            end_millis_since_epoch: TIME_MS,
            start_millis_since_epoch: TIME_MS - 50,
            dimensions: vec![dimension("host", "h")],
            data,
            request_millis_since_epoch: 0,
        }
    }

    fn parse(records: Vec<client_v3::Record>) -> Result<Vec<Record>, ParseError> {
        v3(&client_v3::Request { records }.encode_to_vec())
    }

    /// What a client packs a value into.
    fn packed(value: f64) -> i64 {
        ((value.to_bits() >> 45) & ((1 << 19) - 1)) as i64
    }

    #[test]
    fn samples_are_gauges_without_units() {
        let raw = record(vec![entry("a", &[1.0, -0.0], None)]);
        let with_request = client_v3::Record { request_millis_since_epoch: TIME_MS - 9, ..record(Vec::new()) };
        let records = parse(vec![raw, with_request]).unwrap();
        assert_eq!(records[0].metrics, [("a".into(), gauge(&[1.0, -0.0]))]);
        assert_eq!((records[0].time_ms, records[0].request_time_ms), (TIME_MS, None));
        assert_eq!(records[0].dimensions.get("host"), Some("h"));
        assert_eq!(records[1].request_time_ms, Some(TIME_MS - 9));
    }

    #[test]
    fn a_histogram_has_the_lower_bounds_of_its_buckets() {
        let statistics = client_v3::AugmentedHistogram {
            entries: [(packed(10.1), 3), (packed(-2.0), 2), (packed(10.1), 1)]
                .map(|(bucket, count)| client_v3::SparseHistogramEntry { bucket, count })
                .to_vec(),
            precision: 7,
            min: -2.0,
            max: 10.1,
            sum: 26.3,
        };
        let records = parse(vec![record(vec![entry("h", &[5.0], Some(statistics))])]).unwrap();
        let metric = &records[0].metrics[0].1;
        assert_eq!(metric.samples, [Quantity::plain(5.0)]);
        let entries = [(10.0625f64.to_bits(), 4), ((-2.0f64).to_bits(), 2)].into_iter().collect();
        assert_eq!(metric.histograms, [Histogram { entries, min: -2.0, max: 10.1, sum: 26.3, unit: None }]);
    }

    #[test]
    fn entries_of_one_name_come_together_in_their_order() {
        let nothing = client_v3::MetricDataEntry { name: named("none"), data: None };
        let data = vec![entry("a", &[1.0], None), nothing, entry("b", &[2.0], None), entry("a", &[3.0], None)];
        let records = parse(vec![record(data)]).unwrap();
        assert_eq!(records[0].metrics, [("a".into(), gauge(&[1.0, 3.0])), ("b".into(), gauge(&[2.0]))]);
        let records = parse(vec![record(vec![entry("empty", &[], None)])]).unwrap();
        assert_eq!(records[0].metrics, []);
    }

    #[test]
    fn identifiers_must_be_set_but_may_be_empty() {
        let unset = client_v3::Identifier { value: None };
        let raw = record(vec![client_v3::MetricDataEntry { name: Some(unset.clone()), data: None }]);
        assert!(malformed(parse(vec![raw])));
        let raw = record(vec![client_v3::MetricDataEntry { name: None, data: None }]);
        assert!(malformed(parse(vec![raw])));
        let nameless = client_v3::DimensionEntry { name: Some(unset), value: named("v") };
        assert!(malformed(parse(vec![client_v3::Record { dimensions: vec![nameless], ..record(Vec::new()) }])));
        let empty = client_v3::Record { dimensions: vec![dimension("", "")], ..record(vec![entry("", &[1.0], None)]) };
        assert_eq!(parse(vec![empty]).unwrap()[0].metrics[0].0, "".into());
        let twice = vec![dimension("a", "1"), dimension("a", "2")];
        assert!(malformed(parse(vec![client_v3::Record { dimensions: twice, ..record(Vec::new()) }])));
    }

    #[test]
    fn a_short_id_is_not_expected() {
        assert!(unexpected(parse(vec![client_v3::Record { id: b"abc".to_vec(), ..record(Vec::new()) }])));
        assert!(unexpected(parse(vec![client_v3::Record { id: Vec::new(), ..record(Vec::new()) }])));
    }
}

#[test]
fn nothing_is_no_records_and_garbage_is_refused() {
    for parse in [v1, v2, v3] {
        assert_eq!(parse(b""), Ok(Vec::new()));
        assert!(malformed(parse(b"\xff\xff\xff")));
        let gzip = [0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x03, 0x00];
        assert!(malformed(parse(&gzip)), "a body in gzip that nobody said is one");
    }
}

#[test]
fn text_that_is_none_is_refused() {
    // A record whose id is right, with a dimension named by the byte 0xff.
    let dimension = [0x0a, 0x01, 0xff, 0x12, 0x01, b'v'];
    let mut record = vec![0x32, 16];
    record.extend(ID);
    record.extend([0x12, dimension.len() as u8]);
    record.extend(dimension);
    let mut body = vec![0x0a, record.len() as u8];
    body.extend(record);
    assert!(malformed(v1(&body)));
    assert!(malformed(v2(&body)));
}
