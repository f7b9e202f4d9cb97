//! Values for the property tests of the stored formats.

use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use tidegate_model::time::{WINDOW_MS, minute_start_ms};
use tidegate_model::{
    BatchId, Buckets, Clock, DeltaWindow, Distribution, DistributionWindow, FloatWindow, Histogram, HistogramWindow,
    Labels, MetricId, MetricMetadata, MetricType, ResetHint, SourceId, Span, StaleMarks, TenantId, Value, Window,
    WindowValue,
};

/// Any bits, and often the special ones.
pub fn float() -> BoxedStrategy<f64> {
    prop_oneof![
        4 => any::<u64>().prop_map(f64::from_bits),
        4 => (0u32..1000).prop_map(f64::from),
        1 => Just(-0.0),
        1 => Just(f64::INFINITY),
        1 => Just(f64::from_bits(0x7ff8_0000_dead_beef)),
        1 => Just(tidegate_model::stale_nan()),
    ]
    .boxed()
}

pub fn labels() -> BoxedStrategy<Labels> {
    btree_map("[a-c_]{1,3}", "[a-dé]{1,200}", 0..8)
        .prop_map(|pairs| {
            Labels::from_pairs(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
                .expect("distinct names")
        })
        .boxed()
}

pub fn tenant() -> impl Strategy<Value = TenantId> {
    "[a-z][a-z0-9.-]{0,63}".prop_map(|name| TenantId::new(&name).expect("allowed characters"))
}

pub fn batch() -> impl Strategy<Value = BatchId> {
    prop_oneof![
        any::<u128>().prop_map(BatchId::Content),
        any::<(u128, u64)>().prop_map(|(session, sequence)| BatchId::Session { session, sequence }),
    ]
}

pub fn source() -> impl Strategy<Value = SourceId> {
    any::<(u64, u16)>().prop_map(|(epoch, partition)| SourceId { epoch, partition })
}

pub fn clock() -> impl Strategy<Value = Clock> {
    any::<(u32, i64)>().prop_map(|(era, effective_ms)| Clock { era, effective_ms })
}

pub fn metric_id() -> impl Strategy<Value = MetricId> {
    any::<u128>().prop_map(MetricId)
}

pub fn metadata() -> impl Strategy<Value = MetricMetadata> {
    let metric_type = prop_oneof![
        Just(MetricType::Unknown),
        Just(MetricType::Counter),
        Just(MetricType::Gauge),
        Just(MetricType::Histogram),
        Just(MetricType::GaugeHistogram),
        Just(MetricType::Summary),
        Just(MetricType::Info),
        Just(MetricType::StateSet),
    ];
    (metric_type, ".{0,8}", ".{0,150}").prop_map(|(metric_type, unit, help)| MetricMetadata { metric_type, unit, help })
}

fn buckets() -> BoxedStrategy<Buckets> {
    vec((any::<i32>(), vec(float(), 0..4)), 0..4)
        .prop_map(|runs| Buckets {
            spans: runs.iter().map(|(offset, counts)| Span { offset: *offset, length: counts.len() as u32 }).collect(),
            counts: runs.into_iter().flat_map(|(_, counts)| counts).collect(),
        })
        .boxed()
}

pub fn histogram() -> BoxedStrategy<Histogram> {
    let hint =
        prop_oneof![Just(ResetHint::Unknown), Just(ResetHint::Reset), Just(ResetHint::NoReset), Just(ResetHint::Gauge)];
    (any::<i8>(), [float(), float(), float(), float()], buckets(), buckets(), vec(float(), 0..3), hint)
        .prop_map(
            |(schema, [zero_threshold, zero_count, count, sum], positive, negative, custom_bounds, reset_hint)| {
                Histogram {
                    schema,
                    zero_threshold,
                    zero_count,
                    count,
                    sum,
                    positive,
                    negative,
                    custom_bounds,
                    reset_hint,
                }
            },
        )
        .boxed()
}

pub fn distribution() -> BoxedStrategy<Distribution> {
    (any::<u64>(), [float(), float(), float()], vec(float(), 0..6))
        .prop_map(|(count, [sum, min, max], values)| Distribution {
            count,
            sum,
            min,
            max,
            sketch: values.into_iter().collect(),
        })
        .boxed()
}

pub fn value() -> BoxedStrategy<Value> {
    prop_oneof![
        6 => float().prop_map(Value::Float),
        2 => float().prop_map(Value::DeltaFloat),
        1 => histogram().prop_map(|h| Value::Histogram(Arc::new(h))),
        1 => distribution().prop_map(|d| Value::DeltaDistribution(Arc::new(d))),
    ]
    .boxed()
}

/// A float window made of samples, or of any fields at all.
pub fn float_window() -> BoxedStrategy<FloatWindow> {
    let stale = prop_oneof![
        3 => Just(StaleMarks::default()),
        1 => any::<(u32, i64)>().prop_map(|(count, last_ms)| StaleMarks { count, last_ms }),
    ];
    let pushed = vec((0i64..60_000, float()), 0..6).prop_map(|samples| {
        let mut window = FloatWindow::empty();
        for (time_ms, value) in samples {
            window.push(1_700_000_000_000 + time_ms, value);
        }
        window
    });
    let any_fields = (pushed, any::<[u32; 3]>(), float(), any::<i64>());
    (any_fields, any::<u8>(), stale)
        .prop_map(|((window, counts, sum, time_ms), choice, stale)| match choice {
            0..=9 => {
                let [count, resets, changes] = counts;
                let last = tidegate_model::Point { time_ms, value: sum };
                FloatWindow { count, resets, changes, sum, last, stale, ..window }
            }
            _ => FloatWindow { stale, ..window },
        })
        .boxed()
}

pub fn window_value() -> BoxedStrategy<WindowValue> {
    let times = any::<(i64, i64)>();
    prop_oneof![
        6 => float_window().prop_map(WindowValue::Float),
        2 => (any::<u32>(), [float(), float(), float()], times).prop_map(
            |(count, [sum, min, max], (first_ms, last_ms))| {
                WindowValue::DeltaFloat(DeltaWindow { count, sum, min, max, first_ms, last_ms })
            }
        ),
        2 => (any::<i64>(), float()).prop_map(|(ms, v)| WindowValue::DeltaFloat(DeltaWindow::one(ms, v))),
        1 => (any::<i64>(), histogram()).prop_map(|(ms, h)| {
            WindowValue::Histogram(HistogramWindow::one(ms, Arc::new(h)))
        }),
        1 => (any::<[i64; 2]>(), histogram(), histogram()).prop_map(|(ms, first, last)| {
            let mut window = HistogramWindow::one(ms[0], Arc::new(first));
            window.push(ms[1], Arc::new(last));
            WindowValue::Histogram(window)
        }),
        1 => (any::<u32>(), times, distribution()).prop_map(|(count, (first_ms, last_ms), distribution)| {
            WindowValue::DeltaDistribution(DistributionWindow { count, first_ms, last_ms, distribution })
        }),
        1 => (any::<i64>(), distribution()).prop_map(|(ms, d)| {
            WindowValue::DeltaDistribution(DistributionWindow::one(ms, d))
        }),
    ]
    .boxed()
}

/// Windows of one minute: per start at most one of a kind, in canonical order.
pub fn windows(minute: u32, least_step: i64) -> impl Strategy<Value = Vec<Window>> {
    btree_map((0i64..60_000 / (WINDOW_MS * least_step), 0u8..4), window_value(), 0..10).prop_map(move |by_place| {
        let mut windows: Vec<Window> = Vec::new();
        for ((index, _), value) in by_place {
            let start_ms = minute_start_ms(minute) + index * WINDOW_MS * least_step;
            let kind = super::window::kind_of(&value);
            if !windows.iter().any(|w| w.start_ms == start_ms && super::window::kind_of(&w.value) == kind) {
                windows.push(Window { start_ms, value });
            }
        }
        windows.sort_by_key(|w| (w.start_ms, super::window::kind_of(&w.value)));
        windows
    })
}

/// `bytes` with some changed, or cut off.
pub fn mutated(bytes: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let length = bytes.len();
    (vec((0..length.max(1), any::<u8>()), 0..4), 0..=length, any::<bool>()).prop_map(move |(changes, cut, whole)| {
        let mut changed = bytes.clone();
        for (at, byte) in changes {
            if let Some(place) = changed.get_mut(at) {
                *place = byte;
            }
        }
        if !whole {
            changed.truncate(cut);
        }
        changed
    })
}
