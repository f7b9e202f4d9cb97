use tidegate_model::time::HOUR_MS;
use tidegate_model::{FloatWindow, HourState, Point, stale_nan};

use super::*;

const SHARDS: u16 = 3;
/// The first minute of hour 5.
const FIRST: u32 = 300;

fn id(number: u128) -> MetricId {
    MetricId(number)
}

fn clock(effective_ms: i64) -> Clock {
    Clock { era: 0, effective_ms }
}

/// The close of what came on time of a minute.
fn close_of(minute: u32) -> Clock {
    clock(minute_start_ms(minute + 1) + GRACE_MS)
}

fn row(shard: u16, hour: u32, state: HourState) -> HourRow {
    HourRow { shard, hour, source: SourceId { epoch: 1, partition: shard }, state }
}

fn touched(cache: &HourCache, hours: &[(u16, u32, i64)]) {
    let row = |(shard, hour, at_ms): &(u16, u32, i64)| {
        row(*shard, *hour, HourState { touched: clock(*at_ms), ..HourState::default() })
    };
    cache.set_touched(&hours.iter().map(row).collect::<Vec<_>>());
}

fn window(start_ms: i64, samples: &[(i64, f64)]) -> Window {
    let mut window = FloatWindow::empty();
    for (time_ms, value) in samples {
        if value.to_bits() == stale_nan().to_bits() {
            window.push_stale(*time_ms)
        } else {
            window.push(*time_ms, *value)
        }
    }
    Window { start_ms, value: WindowValue::Float(window) }
}

/// A point each minute.
fn minutes(minutes: std::ops::Range<u32>, value: f64) -> Vec<Window> {
    minutes.map(|minute| window(minute_start_ms(minute), &[(minute_start_ms(minute) + 1, value)])).collect()
}

fn points(length: u32) -> Arc<SeriesHour> {
    Arc::new(SeriesHour::new(0, minutes(0..length, 1.0)))
}

fn get(cache: &HourCache, hour: u32, from_minute: u32, id: MetricId) -> Kept {
    cache.get(hour, from_minute, &[id], &cache.stamps(hour, SHARDS)).remove(0)
}

fn has(cache: &HourCache, hour: u32, id: MetricId) -> bool {
    matches!(get(cache, hour, hour * 60, id), Kept::Whole(_))
}

#[test]
fn an_hour_that_was_touched_by_late_samples_is_read_anew() {
    let cache = HourCache::new(Arc::new(Cache::new(1 << 20)));
    let series = id(7);
    let shard = series.partition(SHARDS);
    let say = |late_ms: i64| {
        let late = HourState { touched: clock(late_ms), late: Some(clock(late_ms)), shipped: None };
        cache.set_touched(&[row(shard, 5, late), row(shard, 6, late)]);
    };
    cache.put(5, &[(series, points(3))], &cache.stamps(5, SHARDS));
    assert!(!has(&cache, 5, series), "nothing is known of the hour");
    say(10);
    // Touched again while it was read: it counts as of before.
    let before = cache.stamps(5, SHARDS);
    say(11);
    cache.put(5, &[(series, points(3))], &before);
    assert!(matches!(get(&cache, 5, FIRST, series), Kept::Nothing));
    cache.put(5, &[(series, points(3))], &cache.stamps(5, SHARDS));
    assert!(has(&cache, 5, series) && !has(&cache, 6, series) && !has(&cache, 5, id(8)));
    // The same said again changes nothing.
    say(11);
    assert!(has(&cache, 5, series));
    say(12);
    assert!(matches!(get(&cache, 5, FIRST, series), Kept::Nothing));
}

#[test]
fn of_an_hour_that_goes_on_only_its_end_is_read_anew() {
    let cache = HourCache::new(Arc::new(Cache::new(1 << 20)));
    let series = id(7);
    let shard = series.partition(SHARDS);
    let close_ms = |minute| close_of(minute).effective_ms;
    touched(&cache, &[(shard, 5, close_ms(FIRST + 9))]);
    let hour = Arc::new(SeriesHour::new(FIRST + 2, minutes(FIRST + 2..FIRST + 10, 1.0)));
    cache.put(5, &[(series, hour)], &cache.stamps(5, SHARDS));
    assert!(matches!(get(&cache, 5, FIRST + 2, series), Kept::Whole(_)));
    assert!(matches!(get(&cache, 5, FIRST + 1, series), Kept::Nothing), "earlier minutes were not read");

    touched(&cache, &[(shard, 5, close_ms(FIRST + 11))]);
    let Kept::Until(hour, minute) = get(&cache, 5, FIRST + 5, series) else { panic!("it is kept up to a minute") };
    assert_eq!(minute, FIRST + 10);
    let grown = Arc::new(hour.with_end(minute, minutes(FIRST + 10..FIRST + 12, 2.0)));
    let expected = [minutes(FIRST + 2..FIRST + 10, 1.0), minutes(FIRST + 10..FIRST + 12, 2.0)].concat();
    assert_eq!(grown.slice(0, i64::MAX).to_windows().to_vec(), expected);
    cache.put(5, &[(series, grown)], &cache.stamps(5, SHARDS));
    assert!(matches!(get(&cache, 5, FIRST + 2, series), Kept::Whole(_)));
}

#[test]
fn how_an_hour_changed_follows_from_its_clocks() {
    let of = |source: u16, last: Clock, late: Option<Clock>| {
        (SourceId { epoch: 1, partition: source }, Touched { last, late })
    };
    let stamp = |clocks: &[(SourceId, Touched)]| Stamp::from(clocks.to_vec());
    let late_close = clock(minute_start_ms(FIRST + 4));
    let first = stamp(&[of(0, close_of(FIRST + 3), None), of(1, close_of(FIRST + 5), Some(late_close))]);
    let cases = [
        (vec![of(0, close_of(FIRST + 3), None), of(1, close_of(FIRST + 5), Some(late_close))], Change::None),
        (vec![of(0, close_of(FIRST + 4), None), of(1, close_of(FIRST + 5), Some(late_close))], Change::From(FIRST + 4)),
        (vec![of(0, close_of(FIRST + 9), None), of(1, close_of(FIRST + 9), Some(late_close))], Change::From(FIRST + 4)),
        (vec![of(0, close_of(FIRST + 3), None), of(1, close_of(FIRST + 9), Some(late_close))], Change::From(FIRST + 6)),
        // Late samples, another source, an era, an owner that knows less.
        (vec![of(0, close_of(FIRST + 4), Some(late_close)), first[1]], Change::Anywhere),
        (vec![first[0]], Change::Anywhere),
        (vec![first[0], of(2, close_of(FIRST + 5), Some(late_close))], Change::Anywhere),
        (vec![of(0, Clock { era: 1, ..close_of(FIRST + 4) }, None), first[1]], Change::Anywhere),
        (vec![of(0, close_of(FIRST + 2), None), first[1]], Change::Anywhere),
    ];
    for (now, expected) in cases {
        assert_eq!(change(&first, &stamp(&now)), expected, "{now:?}");
    }
    // After a late close the minute before it is still open.
    let after_late = stamp(&[of(0, late_close, Some(late_close))]);
    let next = stamp(&[of(0, close_of(FIRST + 3), Some(late_close))]);
    assert_eq!(change(&after_late, &next), Change::From(FIRST + 3));
}

#[test]
fn memory_is_bounded_and_what_is_used_stays() {
    let cache = HourCache::new(Arc::new(Cache::new(100_000)));
    let used = id(0);
    touched(&cache, &(0..SHARDS).flat_map(|shard| (0..1_000).map(move |hour| (shard, hour, 1))).collect::<Vec<_>>());
    for hour in 0..1_000 {
        cache.put(hour, &[(id(3), points(60))], &cache.stamps(hour, SHARDS));
        if hour == 0 {
            cache.put(0, &[(used, points(60))], &cache.stamps(0, SHARDS));
        }
        assert!(has(&cache, 0, used), "at hour {hour}");
        assert!(cache.cache().size_bytes() <= 100_000);
    }
    assert!(!has(&cache, 1, id(3)));
}

#[test]
fn windows_come_back_as_they_were() {
    let single =
        [window(0, &[(7, -0.0)]), window(5_000, &[(9_999, f64::INFINITY)]), window(HOUR_MS, &[(HOUR_MS, 1.5)])];
    let pair = window(HOUR_MS + 5_000, &[(HOUR_MS + 5_001, 1.0), (HOUR_MS + 5_002, 1.0)]);
    for (windows, compact) in [
        (single.to_vec(), true),
        ([single.to_vec(), vec![pair]].concat(), false),
        (vec![window(0, &[(1, 1.0), (2, stale_nan())])], false),
        (vec![window(0, &[(1, stale_nan())])], false),
    ] {
        let kept = SeriesHour::new(0, windows.clone());
        assert_eq!(matches!(kept.windows, Windows::Points(_)), compact);
        for (from_ms, until_ms) in [(0, i64::MAX), (5_000, HOUR_MS), (1, 5_000), (HOUR_MS, HOUR_MS + 1)] {
            let back = kept.slice(from_ms, until_ms).to_windows().to_vec();
            let wanted: Vec<_> =
                windows.iter().filter(|w| (from_ms..until_ms).contains(&w.start_ms)).cloned().collect();
            assert_eq!(back, wanted);
            assert_eq!(kept.count(from_ms, until_ms).0, wanted.len());
        }
    }
}

#[test]
fn ends_of_any_kind_are_put_in_place() {
    let single = minutes(0..4, 1.0);
    let stale = window(minute_start_ms(2), &[(minute_start_ms(2), stale_nan())]);
    for before in [single.clone(), [single[..2].to_vec(), vec![stale.clone()]].concat()] {
        for end in [vec![], minutes(2..5, 7.0), vec![stale.clone()]] {
            let joined = SeriesHour::new(0, before.clone()).with_end(2, end.clone());
            assert_eq!(joined.slice(0, i64::MAX).to_windows().to_vec(), [single[..2].to_vec(), end].concat());
        }
    }
    let Windows::Points(points) = SeriesHour::new(0, single).windows else { panic!("points") };
    assert_eq!(points[1], Point { time_ms: minute_start_ms(1) + 1, value: 1.0 });
}
