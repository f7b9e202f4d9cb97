use super::*;
use crate::emit::aggregation::{heartbeat, statistic_set};
use crate::{Computed, Periodic, Quantity, Statistic, Unit};

fn result() -> Periodic {
    let unit = Some(Unit::Second);
    let computed =
        |statistic, value, unit, asked_for| Computed { statistic, value: Quantity { value, unit }, asked_for };
    let entries = BTreeMap::from([(4.5f64.to_bits(), 2), ((-1.0f64).to_bits(), 1), (0.0f64.to_bits(), 3)]);
    Periodic {
        metric: "m".into(),
        dimensions: [("service", "s"), ("cluster", "c"), ("empty", "")].into_iter().collect(),
        period_ms: 60_000,
        start_ms: 0,
        min_request_time_ms: Some(1),
        statistics: vec![
            computed(Statistic::Histogram, 1.0, None, false),
            computed(Statistic::Sum, -0.0, unit, true),
            computed(Statistic::Max, f64::NAN, unit, true),
        ],
        unit,
        histogram: Some(crate::Histogram { entries, min: -1.0, max: 4.5, sum: 8.0, unit }),
    }
}

#[test]
fn what_is_written_is_read() {
    let mut bytes = heartbeat(0);
    bytes.extend(statistic_set(&result()).expect("a frame"));
    bytes.extend(statistic_set(&Periodic { metric: "n".into(), ..result() }).expect("a frame"));
    let sets = statistic_sets(&bytes).expect("reads");
    assert_eq!(sets.iter().map(|set| set.identity.metric.as_str()).collect::<Vec<_>>(), ["m", "n"]);
    let set = &sets[0];
    assert_eq!((&*set.identity.period, &*set.identity.period_start), ("PT1M", "1970-01-01T00:00Z"));
    assert_eq!((&*set.identity.service, &*set.identity.cluster, &*set.identity.dimensions["empty"]), ("s", "c", ""));
    assert_eq!(set.client_minimum_request_time, "1970-01-01T00:00:00.001Z");
    let sum = &set.statistics["sum"];
    assert_eq!((sum.value.to_bits(), &*sum.unit, sum.user_specified), ((-0.0f64).to_bits(), "SECOND", true));
    assert!(set.statistics["max"].value.is_nan());
    let histogram = set.statistics["histogram"].histogram.as_ref().expect("one");
    assert_eq!(histogram.unit, "SECOND");
    let expected = BTreeMap::from([(4.5f64.to_bits(), 2), ((-1.0f64).to_bits(), 1), (0.0f64.to_bits(), 3)]);
    assert_eq!(histogram.entries, expected);
}

#[test]
fn what_is_cut_off_anywhere_is_an_error_and_never_a_panic() {
    let bytes = statistic_set(&result()).expect("a frame");
    for length in 1..bytes.len() {
        assert!(statistic_sets(&bytes[..length]).is_err(), "{length}");
    }
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            statistic_sets(&damaged).ok();
        }
    }
    assert!(matches!(statistic_sets(&[0, 0, 0, 4]), Err(ReadError::Length(4))));
    assert!(statistic_sets(&[]).expect("nothing").is_empty());
}
