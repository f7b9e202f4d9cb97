use tidegate_model::{FloatWindow, Window, WindowValue};

use super::*;

fn hour(windows: i64) -> Arc<SeriesHour> {
    let window = |n| Window { start_ms: n * 5_000, value: WindowValue::Float(FloatWindow::one(n * 5_000, 1.0)) };
    Arc::new(SeriesHour::new(0, (0..windows).map(window).collect()))
}

fn key(version: u128, row: u32) -> Key {
    Key::archived(version, Part::Windows(row))
}

#[test]
fn all_that_is_kept_is_within_one_bound_whatever_it_is_of() {
    let cache = Cache::new(50_000);
    let used = key(1, 0);
    cache.lock().put(used, Entry::Windows(hour(10)));
    for n in 0..1_000 {
        let entry = Entry::Windows(hour(n % 100));
        let key = if n % 2 == 0 { key(2, n as u32) } else { Key::stored(MetricId(n as u128), 5) };
        cache.lock().put(key, entry);
        assert!(cache.lock().get(&used).is_some(), "what is used stays, at {n}");
        assert!(cache.size_bytes() <= 50_000, "{} at {n}", cache.size_bytes());
    }
    assert!(cache.lock().get(&key(2, 0)).is_none(), "what was not used for longest goes");
    // The same again takes no more.
    for _ in 0..1_000 {
        cache.lock().put(used, Entry::Windows(hour(10)));
    }
    assert!(cache.lock().get(&key(2, 998)).is_some());
}

#[test]
fn what_would_push_all_else_out_is_not_kept() {
    let cache = Cache::new(10_000);
    cache.lock().put(key(1, 0), Entry::Windows(hour(10)));
    cache.lock().put(key(1, 1), Entry::Windows(hour(1_000)));
    assert!(cache.lock().get(&key(1, 1)).is_none());
    assert!(cache.lock().get(&key(1, 0)).is_some());
}
