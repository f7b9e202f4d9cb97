use super::parse;
use crate::config::PrometheusParser;
use crate::{Quantity, Record, Unit};

const LIMIT_BYTES: usize = 1 << 20;

fn field(number: u8, content: &[u8]) -> Vec<u8> {
    assert!(content.len() < 1 << 14);
    let length = [content.len() as u8 | 0x80, (content.len() >> 7) as u8];
    [&[number << 3 | 2][..], &length, content].concat()
}

fn label(name: &str, value: &[u8]) -> Vec<u8> {
    field(1, &[field(1, name.as_bytes()), field(2, value)].concat())
}

fn sample(value: f64, time_ms: u8) -> Vec<u8> {
    field(2, &[&[0x09][..], &value.to_le_bytes(), &[0x10, time_ms]].concat())
}

fn series(labels: &[(&str, &str)], samples: &[(f64, u8)]) -> Vec<u8> {
    let labels = labels.iter().flat_map(|(name, value)| label(name, value.as_bytes()));
    let samples = samples.iter().flat_map(|(value, time_ms)| sample(*value, *time_ms));
    field(1, &labels.chain(samples).collect::<Vec<u8>>())
}

fn snappy(message: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(message).unwrap()
}

fn read_with(config: &PrometheusParser, series: &[Vec<u8>]) -> Result<Vec<Record>, u16> {
    parse(config, &snappy(&series.concat()), LIMIT_BYTES).map_err(|error| error.http_status())
}

fn read(series: &[Vec<u8>]) -> Result<Vec<Record>, u16> {
    read_with(&PrometheusParser::default(), series)
}

fn named(name: &str) -> Vec<u8> {
    series(&[("__name__", name)], &[(8.0, 1)])
}

fn names(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| &*record.metrics[0].0).collect()
}

#[test]
fn each_sample_is_a_record() {
    let records = read(&[series(&[("__name__", "prom"), ("host", "h")], &[(1.25, 5), (9.0, 6)])]).unwrap();
    let read: Vec<_> = records
        .iter()
        .map(|record| (record.time_ms, record.metrics[0].1.samples[0], record.dimensions.len()))
        .collect();
    assert_eq!(read, [(5, Quantity::plain(1.25), 1), (6, Quantity::plain(9.0), 1)]);
    assert_eq!(names(&records), ["prom", "prom"]);
}

#[test]
fn samples_may_stand_before_labels() {
    let message = field(1, &[sample(1.0, 1), label("__name__", b"late"), label("a", b"b")].concat());
    let records = read(&[message]).unwrap();
    assert_eq!((names(&records), records[0].dimensions.get("a")), (vec!["late"], Some("b")));
}

#[test]
fn what_is_not_finite_is_left_out() {
    let samples = [(f64::NAN, 1), (f64::INFINITY, 2), (3.0, 3)];
    assert_eq!(read(&[series(&[("__name__", "a")], &samples)]).unwrap().len(), 1);
}

#[test]
fn parts_of_aggregations_are_left_out_unless_they_are_listed() {
    let all = ["a_total", "a_bucket", "a_sum", "a_avg", "a_count", "total", "a_totals", "_count"].map(named);
    assert_eq!(names(&read(&all).unwrap()), ["total", "a_totals"]);
    let config = PrometheusParser { reserved_name_whitelist: vec!["a_sum".into()], ..PrometheusParser::default() };
    assert_eq!(names(&read_with(&config, &all).unwrap()), ["a_sum", "total", "a_totals"]);
}

#[test]
fn a_series_with_le_is_left_out_whatever_else_it_has() {
    let bucket = series(&[("le", "1"), ("a", "1"), ("a", "2")], &[(1.0, 1)]);
    assert_eq!(read(&[bucket]), Ok(Vec::new()));
}

#[test]
fn units_are_read_from_the_name_when_asked_for() {
    let config = PrometheusParser {
        interpret_units: true,
        reserved_name_whitelist: vec!["x_seconds_total".into()],
        ..PrometheusParser::default()
    };
    let of = |name: &str| read_with(&config, &[named(name)]).unwrap()[0].metrics[0].1.samples[0];
    let quantity = |value, unit| Quantity { value, unit: Some(unit) };
    assert_eq!(of("x_seconds"), quantity(8.0, Unit::Second));
    assert_eq!(of("seconds"), quantity(8.0, Unit::Second));
    assert_eq!(of("x_seconds_total"), quantity(8.0, Unit::Second));
    assert_eq!(of("x_bytes"), quantity(8.0, Unit::Byte));
    assert_eq!(of("x_bits"), quantity(1.0, Unit::Byte));
    assert_eq!(of("x_celcius"), quantity(281.15, Unit::Kelvin));
    assert_eq!(of("x_celsius"), Quantity::plain(8.0));
    assert_eq!(of("x_second"), Quantity::plain(8.0));
    assert_eq!(read(&[named("x_seconds")]).unwrap()[0].metrics[0].1.samples[0], Quantity::plain(8.0));
}

#[test]
fn names_are_trimmed_and_must_not_be_empty() {
    assert_eq!(names(&read(&[named(" a\t")]).unwrap()), ["a"]);
    for labels in [&[][..], &[("__name__", "")], &[("__name__", " ")], &[("__name__", "a"), ("__name__", "")]] {
        assert_eq!(read(&[series(labels, &[])]), Err(400), "{labels:?}");
    }
}

#[test]
fn labels_that_come_twice_are_refused() {
    assert_eq!(read(&[series(&[("__name__", "a"), ("x", "1"), ("x", "1")], &[(1.0, 1)])]), Err(400));
}

#[test]
fn garbage_is_refused() {
    let config = PrometheusParser::default();
    for body in [&b""[..], b"zzzz", b"\x1f\x8b\x08\x00"] {
        assert!(parse(&config, body, LIMIT_BYTES).is_err(), "{body:?}");
    }
    assert_eq!(read(&[b"\xff\xff\xff".to_vec()]), Err(400));
    assert_eq!(read(&[field(1, &label("__name__", b"\xff"))]), Err(400));
    assert_eq!(read(&[]), Ok(Vec::new()));
}

#[test]
fn a_bomb_costs_nothing() {
    let bomb = snappy(&vec![0; LIMIT_BYTES + 1]);
    assert!(bomb.len() < LIMIT_BYTES / 10);
    assert!(parse(&PrometheusParser::default(), &bomb, LIMIT_BYTES).is_err());
    // 4 GiB are claimed, nothing is there.
    assert!(parse(&PrometheusParser::default(), b"\xff\xff\xff\xff\x0f", LIMIT_BYTES).is_err());
}
