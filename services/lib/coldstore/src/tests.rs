//! What the tests of this crate share: any window, any histogram, and
//! equality to the bit.

use std::sync::Arc;

use proptest::prelude::*;
use tidegate_model::{
    Buckets, DeltaWindow, Distribution, DistributionWindow, FloatWindow, Histogram, HistogramWindow, Labels, Point,
    ResetHint, Span, StaleMarks, TenantId, Window, WindowValue,
};

use crate::{Coverage, ObjectKey, Period};

pub const HOUR: u32 = 498_655;
pub const HOUR_START_MS: i64 = HOUR as i64 * 3_600_000;

pub fn key(shard: u16) -> ObjectKey {
    ObjectKey { tenant: TenantId::default(), period: Period::Hour(HOUR), shard }
}

pub fn labels(name: &str, pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied().chain([("__name__", name)])).unwrap()
}

pub fn covering(windows: impl IntoIterator<Item = Window>) -> Coverage {
    let mut coverage = Coverage::default();
    let samples = windows.into_iter().map(|w| u64::from(w.value.samples())).sum();
    coverage.count(tidegate_model::SourceId { epoch: 1, partition: 0 }, 0, samples);
    coverage
}

/// A float window of these samples.
pub fn float(start_ms: i64, samples: &[(i64, f64)]) -> Window {
    let mut window = FloatWindow::empty();
    for (offset_ms, value) in samples {
        window.push(start_ms + offset_ms, *value);
    }
    Window { start_ms, value: WindowValue::Float(window) }
}

fn bits() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits),
        -1e6..1e6f64,
        Just(-0.0),
        Just(0.0),
        Just(f64::NAN),
        Just(f64::INFINITY),
    ]
}

fn ordered_samples(max: usize) -> impl Strategy<Value = Vec<(i64, f64)>> {
    prop::collection::vec((0i64..5000, bits()), 1..max).prop_map(|mut samples| {
        samples.sort_by_key(|(offset_ms, _)| *offset_ms);
        samples
    })
}

/// Samples pushed in order, parts merged, or fields that no samples give.
fn any_float() -> impl Strategy<Value = FloatWindow> {
    let pushed = ordered_samples(5).prop_map(|samples| {
        let WindowValue::Float(window) = float(HOUR_START_MS, &samples).value else { unreachable!() };
        window
    });
    let merged = (ordered_samples(3), ordered_samples(3)).prop_map(|(a, b)| {
        let [mut a, b] = [a, b].map(|samples| match float(HOUR_START_MS, &samples).value {
            WindowValue::Float(window) => window,
            _ => unreachable!(),
        });
        a.merge(&b);
        a
    });
    let arbitrary = (prop::array::uniform6(bits()), 1u32..9, 0u32..9, 0u32..9, 0i64..5000, 0i64..5000).prop_map(
        |([sum, min, max, first, last, increase], count, resets, changes, first_ms, last_ms)| {
            let point = |offset_ms, value| Point { time_ms: HOUR_START_MS + offset_ms, value };
            let (first, last) = (point(first_ms, first), point(last_ms, last));
            FloatWindow { count, sum, min, max, first, last, increase, resets, changes, stale: StaleMarks::default() }
        },
    );
    let stale = prop::option::weighted(0.2, (1u32..4, 0i64..5000));
    let window = prop_oneof![3 => pushed, 1 => merged, 1 => arbitrary, 1 => Just(FloatWindow::empty())];
    (window, stale).prop_map(|(mut window, stale)| {
        if let Some((count, offset_ms)) = stale {
            window.stale = StaleMarks { count, last_ms: HOUR_START_MS + offset_ms };
        }
        window
    })
}

pub fn any_histogram() -> impl Strategy<Value = Histogram> {
    let buckets = || {
        (prop::collection::vec((any::<i32>(), any::<u32>()), 0..4), prop::collection::vec(bits(), 0..6)).prop_map(
            |(spans, counts)| Buckets {
                spans: spans.into_iter().map(|(offset, length)| Span { offset, length }).collect(),
                counts,
            },
        )
    };
    let hint =
        prop_oneof![Just(ResetHint::Unknown), Just(ResetHint::Reset), Just(ResetHint::NoReset), Just(ResetHint::Gauge)];
    let bounds = prop::collection::vec(bits(), 0..4);
    (any::<i8>(), prop::array::uniform4(bits()), buckets(), buckets(), bounds, hint).prop_map(
        |(schema, [zero_threshold, zero_count, count, sum], positive, negative, custom_bounds, reset_hint)| Histogram {
            schema,
            zero_threshold,
            zero_count,
            count,
            sum,
            positive,
            negative,
            custom_bounds,
            reset_hint,
        },
    )
}

pub fn any_value() -> impl Strategy<Value = WindowValue> {
    let histogram = (any_histogram(), prop::option::of((1u32..5, any_histogram())), 0i64..2500, 0i64..2500).prop_map(
        |(first, more, first_ms, gap_ms)| {
            let mut window = HistogramWindow::one(HOUR_START_MS + first_ms, Arc::new(first));
            if let Some((count, last)) = more {
                window.push(HOUR_START_MS + first_ms + gap_ms, Arc::new(last));
                window.count = count;
            }
            window
        },
    );
    let delta = prop_oneof![
        (0i64..5000, bits()).prop_map(|(offset_ms, value)| DeltaWindow::one(HOUR_START_MS + offset_ms, value)),
        (1u32..5, prop::array::uniform3(bits()), 0i64..2500, 0i64..2500).prop_map(
            |(count, [sum, min, max], first_ms, gap_ms)| {
                let first_ms = HOUR_START_MS + first_ms;
                DeltaWindow { count, sum, min, max, first_ms, last_ms: first_ms + gap_ms }
            }
        ),
    ];
    let distribution = (1u32..4, prop::collection::vec(bits(), 0..20), 0i64..2500, 0i64..2500).prop_map(
        |(count, values, first_ms, gap_ms)| {
            let mut distribution = Distribution::empty();
            values.into_iter().for_each(|value| distribution.record(value));
            let first_ms = HOUR_START_MS + first_ms;
            DistributionWindow { count, first_ms, last_ms: first_ms + gap_ms, distribution }
        },
    );
    prop_oneof![
        4 => any_float().prop_map(WindowValue::Float),
        1 => histogram.prop_map(WindowValue::Histogram),
        1 => delta.prop_map(WindowValue::DeltaFloat),
        1 => distribution.prop_map(WindowValue::DeltaDistribution),
    ]
}

/// Moves a value of the hour's first window to another.
pub fn shifted(mut value: WindowValue, by_ms: i64) -> Window {
    match &mut value {
        WindowValue::Float(w) => {
            if w.count > 0 {
                w.first.time_ms += by_ms;
                w.last.time_ms += by_ms;
            }
            if w.stale.count > 0 {
                w.stale.last_ms += by_ms;
            }
        }
        WindowValue::Histogram(w) => {
            w.first.time_ms += by_ms;
            w.last.time_ms += by_ms;
        }
        WindowValue::DeltaFloat(w) => {
            w.first_ms += by_ms;
            w.last_ms += by_ms;
        }
        WindowValue::DeltaDistribution(w) => {
            w.first_ms += by_ms;
            w.last_ms += by_ms;
        }
    }
    Window { start_ms: HOUR_START_MS + by_ms, value }
}

/// Equality of every field, doubles by their bits.
pub fn same_window(a: &Window, b: &Window) -> bool {
    a.start_ms == b.start_ms
        && match (&a.value, &b.value) {
            (WindowValue::Float(a), WindowValue::Float(b)) => {
                let bits =
                    |w: &FloatWindow| [w.sum, w.min, w.max, w.first.value, w.last.value, w.increase].map(f64::to_bits);
                let times = |w: &FloatWindow| (w.first.time_ms, w.last.time_ms, w.stale);
                bits(a) == bits(b)
                    && times(a) == times(b)
                    && (a.count, a.resets, a.changes) == (b.count, b.resets, b.changes)
            }
            (WindowValue::Histogram(a), WindowValue::Histogram(b)) => {
                (a.count, a.first.time_ms, a.last.time_ms) == (b.count, b.first.time_ms, b.last.time_ms)
                    && same_histogram(&a.first.value, &b.first.value)
                    && same_histogram(&a.last.value, &b.last.value)
            }
            (WindowValue::DeltaFloat(a), WindowValue::DeltaFloat(b)) => {
                let bits = |w: &DeltaWindow| [w.sum, w.min, w.max].map(f64::to_bits);
                (a.count, a.first_ms, a.last_ms, bits(a)) == (b.count, b.first_ms, b.last_ms, bits(b))
            }
            (WindowValue::DeltaDistribution(a), WindowValue::DeltaDistribution(b)) => {
                let bits = |d: &Distribution| [d.sum, d.min, d.max].map(f64::to_bits);
                (a.count, a.first_ms, a.last_ms) == (b.count, b.first_ms, b.last_ms)
                    && a.distribution.count == b.distribution.count
                    && bits(&a.distribution) == bits(&b.distribution)
                    && a.distribution.sketch == b.distribution.sketch
            }
            _ => false,
        }
}

pub fn same_histogram(a: &Histogram, b: &Histogram) -> bool {
    let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    let head = |h: &Histogram| bits(&[h.zero_threshold, h.zero_count, h.count, h.sum]);
    let buckets = |b: &Buckets| (b.spans.clone(), bits(&b.counts));
    (a.schema, a.reset_hint, head(a)) == (b.schema, b.reset_hint, head(b))
        && buckets(&a.positive) == buckets(&b.positive)
        && buckets(&a.negative) == buckets(&b.negative)
        && bits(&a.custom_bounds) == bits(&b.custom_bounds)
}
