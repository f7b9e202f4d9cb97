use tidegate_model::time::HOUR_MS;
use tidegate_model::{HourState, stale_nan};

use super::*;

const SHARDS: u16 = 3;

fn id(number: u128) -> MetricId {
    MetricId(number)
}

fn touched(cache: &HourCache, hours: &[(u16, u32, i64)]) {
    let row = |(shard, hour, at_ms): &(u16, u32, i64)| HourRow {
        shard: *shard,
        hour: *hour,
        source: SourceId { epoch: 1, partition: *shard },
        state: HourState { touched: Clock { era: 0, effective_ms: *at_ms }, shipped: None },
    };
    cache.set_touched(&hours.iter().map(row).collect::<Vec<_>>());
}

fn points(length: usize) -> Arc<SeriesHour> {
    Arc::new(SeriesHour::Points((0..length).map(|n| (n as i64 * 5_000, n as f64)).collect()))
}

fn has(cache: &HourCache, hour: u32, id: MetricId) -> bool {
    cache.get(hour, &[id], &cache.stamps(hour, SHARDS))[0].is_some()
}

#[test]
fn an_hour_that_was_touched_since_is_read_anew() {
    let cache = HourCache::new(1 << 20);
    let series = id(7);
    let shard = series.partition(SHARDS);
    cache.put(5, &[(series, points(3))], &cache.stamps(5, SHARDS));
    assert!(!has(&cache, 5, series), "nothing is known of the hour");
    touched(&cache, &[(shard, 5, 10), (shard, 6, 10)]);
    // Touched again while it was read: it counts as of before.
    let before = cache.stamps(5, SHARDS);
    touched(&cache, &[(shard, 5, 11), (shard, 6, 10)]);
    cache.put(5, &[(series, points(3))], &before);
    assert!(!has(&cache, 5, series));
    cache.put(5, &[(series, points(3))], &cache.stamps(5, SHARDS));
    assert!(has(&cache, 5, series) && !has(&cache, 6, series) && !has(&cache, 5, id(8)));
    // Another hour's touch changes nothing, nor does the same said again.
    touched(&cache, &[(shard, 5, 11), (shard, 6, 99)]);
    assert!(has(&cache, 5, series));
    touched(&cache, &[(shard, 5, 12)]);
    assert!(!has(&cache, 5, series));
}

#[test]
fn memory_is_bounded_and_what_is_used_stays() {
    let cache = HourCache::new(100_000);
    let used = id(0);
    touched(&cache, &(0..SHARDS).flat_map(|shard| (0..1_000).map(move |hour| (shard, hour, 1))).collect::<Vec<_>>());
    for hour in 0..1_000 {
        cache.put(hour, &[(id(3), points(60))], &cache.stamps(hour, SHARDS));
        if hour == 0 {
            cache.put(0, &[(used, points(60))], &cache.stamps(0, SHARDS));
        }
        assert!(has(&cache, 0, used), "at hour {hour}");
        let generations = cache.generations.lock();
        let entries = generations.young.values().chain(generations.old.values());
        assert!(entries.map(|entry| entry.hour.size_bytes()).sum::<usize>() <= 102_000);
    }
    assert!(!has(&cache, 1, id(3)));
}

#[test]
fn windows_come_back_as_they_were() {
    let window = |start_ms: i64, samples: &[(i64, f64)]| {
        let mut window = FloatWindow::empty();
        for (time_ms, value) in samples {
            if value.to_bits() == stale_nan().to_bits() {
                window.push_stale(*time_ms)
            } else {
                window.push(*time_ms, *value)
            }
        }
        Window { start_ms, value: WindowValue::Float(window) }
    };
    let single =
        [window(0, &[(7, -0.0)]), window(5_000, &[(9_999, f64::INFINITY)]), window(HOUR_MS, &[(HOUR_MS, 1.5)])];
    for (windows, compact) in [
        (single.to_vec(), true),
        (
            [single.to_vec(), vec![window(HOUR_MS + 5_000, &[(HOUR_MS + 5_001, 1.0), (HOUR_MS + 5_002, 1.0)])]]
                .concat(),
            false,
        ),
        (vec![window(0, &[(1, 1.0), (2, stale_nan())])], false),
        (vec![window(0, &[(1, stale_nan())])], false),
    ] {
        let kept = SeriesHour::new(windows.clone());
        assert_eq!(matches!(kept, SeriesHour::Points(_)), compact);
        for (from_ms, until_ms) in [(0, i64::MAX), (5_000, HOUR_MS), (1, 5_000), (HOUR_MS, HOUR_MS + 1)] {
            let mut back = Vec::new();
            kept.append_to(&mut back, from_ms, until_ms);
            let wanted: Vec<_> =
                windows.iter().filter(|w| (from_ms..until_ms).contains(&w.start_ms)).cloned().collect();
            assert_eq!(back, wanted);
            assert_eq!(kept.count(from_ms, until_ms), wanted.len());
        }
    }
}
