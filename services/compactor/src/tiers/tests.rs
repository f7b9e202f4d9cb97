use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config as ProptestConfig, TestRunner};
use tidegate_coldstore::{Coverage, ObjectWriter, PutOutcome, series_order};
use tidegate_model::{
    DeltaWindow, Distribution, DistributionWindow, FloatWindow, Labels, MetricId, SourceId, Window, WindowValue,
};

use super::*;
use crate::fixture::labels;

const DAY: u32 = 20_777;
const HOUR: u32 = DAY * 24;
const START_MS: i64 = HOUR as i64 * 3_600_000;

fn key(period: Period) -> ObjectKey {
    ObjectKey { tenant: TenantId::default(), period, shard: 0 }
}

fn day() -> ObjectKey {
    key(Period::Day(DAY))
}

fn month() -> ObjectKey {
    key(Period::Day(DAY).coarser().map_or(Period::Month(0), |month| month))
}

type Series = Vec<(Labels, Vec<Window>)>;

/// Puts an hour at 5 s.
async fn put(archive: &Archive, hour: u32, mut series: Series) {
    series.sort_by(|(a, _), (b, _)| series_order(a, b));
    let mut writer = ObjectWriter::new(key(Period::Hour(hour))).unwrap();
    let mut coverage = Coverage::default();
    for (labels, windows) in &series {
        writer.series(MetricId::of(&TenantId::default(), labels), labels, windows).unwrap();
        let samples = windows.iter().map(|window| u64::from(window.value.samples())).sum();
        coverage.count(SourceId { epoch: 1, partition: 0 }, 0, samples);
    }
    archive.put(&writer.finish(coverage).unwrap()).await.unwrap();
}

async fn read(archive: &Archive, key: &ObjectKey) -> Series {
    archive.read(key, None, &|_| true).await.unwrap().unwrap_or_default()
}

fn float(start_ms: i64, values: &[f64]) -> Window {
    let mut window = FloatWindow::empty();
    values.iter().zip(0..).for_each(|(value, n)| window.push(start_ms + n * 100, *value));
    Window { start_ms, value: WindowValue::Float(window) }
}

/// (start in seconds from the day's, count, sum, first, last)
fn brief(window: &Window) -> (i64, u32, f64, f64, f64) {
    let WindowValue::Float(w) = &window.value else { panic!("another kind") };
    ((window.start_ms - START_MS) / 1000, w.count, w.sum, w.first.value, w.last.value)
}

#[tokio::test]
async fn hours_become_a_day_and_a_month() {
    let archive = Archive::in_memory();
    let at = |seconds: i64, value: f64| float(START_MS + seconds * 1000, &[value, value + 1.0]);
    put(
        &archive,
        HOUR,
        vec![(labels("a"), vec![at(0, 1.0), at(55, 2.0), at(60, 4.0)]), (labels("b"), vec![at(5, 9.0)])],
    )
    .await;
    put(&archive, HOUR + 1, vec![(labels("a"), vec![at(3_600, 8.0)])]).await;
    let built = build(&archive, &day()).await.unwrap().unwrap();
    assert_eq!((built.outcome, built.rows, built.samples), (PutOutcome::Created, 4, 10));
    let read_day = read(&archive, &day()).await;
    let a: Vec<_> = read_day[0].1.iter().map(brief).collect();
    assert_eq!(a, [(0, 4, 8.0, 1.0, 3.0), (60, 2, 9.0, 4.0, 5.0), (3_600, 2, 17.0, 8.0, 9.0)]);
    assert_eq!(build(&archive, &day()).await.unwrap(), None, "as its parts are");

    build(&archive, &month()).await.unwrap().unwrap();
    let a: Vec<_> = read(&archive, &month()).await[0].1.iter().map(brief).collect();
    assert_eq!(a, [(0, 6, 17.0, 1.0, 5.0), (3_600, 2, 17.0, 8.0, 9.0)]);
}

/// Retention has taken one hour; another gets late samples.
#[tokio::test]
async fn what_is_gone_stays_and_what_changed_is_taken_anew() {
    let archive = Archive::in_memory();
    let at = |hour: u32, values: &[f64]| float(START_MS + i64::from(hour) * 3_600_000, values);
    for hour in 0..3 {
        put(&archive, HOUR + hour, vec![(labels("a"), vec![at(hour, &[1.0])])]).await;
    }
    build(&archive, &day()).await.unwrap();
    build(&archive, &month()).await.unwrap();
    archive.delete(&key(Period::Hour(HOUR))).await.unwrap();
    put(&archive, HOUR + 1, vec![(labels("a"), vec![at(1, &[1.0, 5.0])]), (labels("0"), vec![at(1, &[7.0])])]).await;
    for (made, start_s) in [(day(), 3_600), (month(), 3_600)] {
        assert_eq!(build(&archive, &made).await.unwrap().unwrap().outcome, PutOutcome::Replaced);
        let series = read(&archive, &made).await;
        assert_eq!(series[0].1.iter().map(brief).collect::<Vec<_>>(), [(start_s, 1, 7.0, 7.0, 7.0)]);
        let sums: Vec<_> = series[1].1.iter().map(brief).map(|(at, count, sum, ..)| (at, count, sum)).collect();
        assert_eq!(sums, [(0, 1, 1.0), (3_600, 2, 6.0), (7_200, 1, 1.0)]);
        assert_eq!(archive.count(&made).await.unwrap().unwrap().samples, 5);
    }
}

#[tokio::test]
async fn a_part_that_lost_samples_is_refused() {
    let archive = Archive::in_memory();
    put(&archive, HOUR, vec![(labels("a"), vec![float(START_MS, &[1.0, 2.0])])]).await;
    put(&archive, HOUR + 1, vec![(labels("a"), vec![float(START_MS + 3_600_000, &[1.0])])]).await;
    build(&archive, &day()).await.unwrap();
    archive.delete(&key(Period::Hour(HOUR))).await.unwrap();
    put(&archive, HOUR, vec![(labels("a"), vec![float(START_MS, &[1.0])])]).await;
    // Another part's gain does not make up for it.
    put(&archive, HOUR + 1, vec![(labels("a"), vec![float(START_MS + 3_600_000, &[1.0, 2.0, 3.0])])]).await;
    let refused = build(&archive, &day()).await;
    assert!(
        matches!(refused, Err(Error::Archive(ArchiveError::FewerSamples { archived: 2, rebuilt: 1, .. }))),
        "{refused:?}"
    );
    assert_eq!(archive.count(&day()).await.unwrap().unwrap().samples, 3);
}

fn any_value() -> impl Strategy<Value = WindowValue> {
    let whole = -1_000_000i64..1_000_000;
    prop_oneof![
        prop::collection::vec(whole.clone(), 1..4).prop_map(|values| {
            let values: Vec<_> = values.into_iter().map(|value| value as f64).collect();
            float(0, &values).value
        }),
        whole.clone().prop_map(|value| WindowValue::DeltaFloat(DeltaWindow::one(0, value as f64))),
        prop::collection::vec(1i64..1_000_000, 1..5).prop_map(|values| {
            let mut distribution = Distribution::empty();
            values.into_iter().for_each(|value| distribution.record(value as f64));
            WindowValue::DeltaDistribution(DistributionWindow::one(0, distribution))
        }),
    ]
}

fn moved(mut value: WindowValue, by_ms: i64) -> WindowValue {
    match &mut value {
        WindowValue::Float(w) => {
            w.first.time_ms += by_ms;
            w.last.time_ms += by_ms;
        }
        WindowValue::DeltaFloat(w) => (w.first_ms, w.last_ms) = (w.first_ms + by_ms, w.last_ms + by_ms),
        WindowValue::DeltaDistribution(w) => (w.first_ms, w.last_ms) = (w.first_ms + by_ms, w.last_ms + by_ms),
        WindowValue::Histogram(_) => {}
    }
    value
}

/// Counts, sums and sketches of all windows together; whole numbers, so that
/// their sums are exact.
fn totals(windows: &[Window]) -> (u64, i64, i64, Distribution) {
    let (mut samples, mut floats, mut deltas, mut distribution) = (0, 0, 0, Distribution::empty());
    for window in windows {
        samples += u64::from(window.value.samples());
        match &window.value {
            WindowValue::Float(w) => floats += w.sum as i64,
            WindowValue::DeltaFloat(w) => deltas += w.sum as i64,
            WindowValue::DeltaDistribution(w) => distribution.merge(&w.distribution),
            WindowValue::Histogram(_) => {}
        }
    }
    (samples, floats, deltas, distribution)
}

/// Any hours, built in any steps, some parts gone between: each tier adds up
/// to the tier below, and one built step by step is the one built at once.
#[test]
fn every_tier_adds_up_to_the_one_below() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let windows = prop::collection::btree_map((0u32..4, 0i64..720, 0usize..3), any_value(), 1..60);
    let input = (windows, prop::collection::vec(0u32..4, 0..4));
    TestRunner::new(ProptestConfig { cases: 48, ..ProptestConfig::default() })
        .run(&input, |(windows, gone_after)| {
            let mut hours: BTreeMap<u32, BTreeMap<Labels, Vec<Window>>> = BTreeMap::new();
            for ((hour, slot, name), value) in windows {
                let start_ms = START_MS + i64::from(hour) * 3_600_000 + slot * 5_000;
                let window = Window { start_ms, value: moved(value, start_ms) };
                let of_hour = hours.entry(HOUR + hour).or_default();
                of_hour.entry(labels(["a", "b", "c"][name])).or_default().push(window);
            }
            runtime.block_on(async {
                let (steps, at_once) = (Archive::in_memory(), Archive::in_memory());
                let mut fine: BTreeMap<Labels, Vec<Window>> = BTreeMap::new();
                for (hour, series) in &hours {
                    for archive in [&steps, &at_once] {
                        put(archive, *hour, series.clone().into_iter().collect()).await;
                    }
                    for (labels, windows) in series {
                        fine.entry(labels.clone()).or_default().extend(windows.iter().cloned());
                    }
                    build(&steps, &day()).await.unwrap();
                    build(&steps, &month()).await.unwrap();
                    for gone in gone_after.iter().filter(|gone| HOUR + **gone <= *hour) {
                        steps.delete(&key(Period::Hour(HOUR + gone))).await.unwrap();
                    }
                }
                build(&at_once, &day()).await.unwrap();
                build(&at_once, &month()).await.unwrap();
                for made in [day(), month()] {
                    let (one, other) = (read(&steps, &made).await, read(&at_once, &made).await);
                    prop_assert_eq!(&one, &other);
                    prop_assert_eq!(one.len(), fine.len());
                    for (labels, windows) in one {
                        prop_assert_eq!(totals(&windows), totals(&fine[&labels]));
                        let starts: BTreeSet<_> = windows.iter().map(|window| window.start_ms).collect();
                        prop_assert!(starts.iter().all(|start| start % made.period.tier().window_ms() == 0));
                    }
                    let counted = steps.count(&made).await.unwrap().unwrap();
                    prop_assert_eq!(counted.samples, counted.coverage.samples());
                }
                Ok(())
            })
        })
        .unwrap();
}

/// More series than are in memory at once, in hours that do not have the same
/// ones.
#[tokio::test]
async fn many_series_are_whole() {
    let archive = Archive::in_memory();
    let name = |n: usize| labels(Box::leak(format!("m{n:04}").into_boxed_str()));
    for hour in 0..2u32 {
        let start_ms = START_MS + i64::from(hour) * 3_600_000;
        let series = (0..700).filter(|n| n % 3 != hour as usize);
        put(&archive, HOUR + hour, series.map(|n| (name(n), vec![float(start_ms, &[n as f64])])).collect()).await;
    }
    build(&archive, &day()).await.unwrap();
    let series = read(&archive, &day()).await;
    assert_eq!(series.len(), 700);
    for (n, (labels, windows)) in series.iter().enumerate() {
        assert_eq!(*labels, name(n));
        let starts: Vec<_> = windows.iter().map(|window| brief(window).0).collect();
        let expected: Vec<i64> =
            [0usize, 1].into_iter().filter(|hour| n % 3 != *hour).map(|h| h as i64 * 3_600).collect();
        assert_eq!(starts, expected, "{labels}");
        assert!(windows.iter().all(|window| brief(window).2 == n as f64));
    }
}

#[tokio::test]
async fn what_is_to_do_is_found_and_done_once() {
    let archive = Archive::in_memory();
    let put_hour = async |hour: u32, values: &[f64]| {
        put(&archive, hour, vec![(labels("a"), vec![float(START_MS + i64::from(hour - HOUR) * 3_600_000, values)])])
            .await;
    };
    put_hour(HOUR, &[1.0]).await;
    let today = DAY + 1;
    let changing = changing_from_hour(today, 8);
    let mut tiers = Tiers::default();
    tiers.look(&archive, &[0], changing).await.unwrap();
    let outcome = tiers.build_due(&archive, DAY, Duration::ZERO).await;
    assert_eq!((outcome.built.len(), outcome.waiting), (0, 1), "the day is not over");
    let outcome = tiers.build_due(&archive, today, Duration::from_secs(600)).await;
    assert_eq!((outcome.built.len(), outcome.waiting), (0, 1), "it has not rested");
    let built = |outcome: Outcome| outcome.built.into_iter().map(|built| built.key).collect::<Vec<_>>();
    assert_eq!(built(tiers.build_due(&archive, today, Duration::ZERO).await), [day(), month()]);
    assert_eq!(tiers.build_due(&archive, today, Duration::ZERO).await, Outcome::default());

    // A new member finds nothing to do; of shards that are not its own, too.
    for shards in [vec![0], vec![1]] {
        let mut other = Tiers::default();
        other.look(&archive, &shards, changing).await.unwrap();
        assert_eq!(other.build_due(&archive, today, Duration::ZERO).await, Outcome::default());
    }
    // It finds what another shipped late, while that can be.
    put_hour(HOUR, &[1.0, 2.0]).await;
    let mut other = Tiers::default();
    other.look(&archive, &[0], (DAY + 2) * 24).await.unwrap();
    assert_eq!(built(other.build_due(&archive, today, Duration::ZERO).await), [], "the hour does not change any more");
    let mut other = Tiers::default();
    other.look(&archive, &[0], changing).await.unwrap();
    assert_eq!(built(other.build_due(&archive, today, Duration::ZERO).await), [day(), month()]);
    // And told of it at once.
    put_hour(HOUR + 5, &[1.0]).await;
    tiers.touched(&TenantId::default(), Period::Hour(HOUR + 5), 0);
    assert_eq!(built(tiers.build_due(&archive, today, Duration::ZERO).await), [day(), month()]);
}
