use prometheus_client::registry::Registry;
use proptest::prelude::*;
use tidegate_eventlog::MemoryLog;
use tidegate_fold::Rules;
use tidegate_model::{FloatWindow, Window, WindowValue, stale_nan};

use super::*;

const MINUTE: i64 = 28_333_320;
const START_MS: i64 = MINUTE * MINUTE_MS;

fn tail(hold_ms: u64) -> Tail {
    limited_tail(hold_ms, usize::MAX)
}

fn limited_tail(tail_hold_ms: u64, max_tail_windows: usize) -> Tail {
    let hold = Hold::of(&Config { tail_hold_ms, max_tail_windows, ..Config::default() });
    Tail::new(&MemoryLog::new(2), hold, Arc::new(Metrics::register(&mut Registry::default())))
}

fn window(start_ms: i64, samples: &[(i64, f64)]) -> Window {
    let mut window = FloatWindow::empty();
    for (offset_ms, value) in samples {
        match tidegate_model::is_stale(*value) {
            true => window.push_stale(start_ms + offset_ms),
            false => window.push(start_ms + offset_ms, *value),
        }
    }
    Window { start_ms, value: WindowValue::Float(window) }
}

fn live(id: u128, fragment: u32, window: Window) -> LiveWindow {
    LiveWindow { tenant: TenantId::default(), metric_id: MetricId(id), era: 0, fragment, window }
}

fn record(tail: &Tail, watermark_ms: i64, windows: Vec<LiveWindow>) -> LiveRecord {
    let source = SourceId { epoch: tail.epoch, partition: 0 };
    LiveRecord { source, watermark: Clock { era: 0, effective_ms: watermark_ms }, windows }
}

fn all(tail: &Tail, id: u128) -> Vec<Fragment> {
    tail.read(&TenantId::default(), &[MetricId(id)], &(i64::MIN..i64::MAX)).remove(0)
}

#[test]
fn windows_come_back_to_the_bit() {
    let odd_nan = f64::from_bits(0x7ff8_dead_beef_0001);
    for samples in [
        vec![(0, 1.5)],
        vec![(4_999, -0.0)],
        vec![(1, odd_nan)],
        vec![(1, f64::INFINITY)],
        vec![(1, stale_nan())],
        vec![(1, 2.0), (3, stale_nan())],
        vec![(1, 1.0), (2, 3.0), (3, 2.0)],
    ] {
        let tail = tail(1_000);
        let given = window(START_MS, &samples);
        tail.apply(record(&tail, START_MS, vec![live(1, 0, given.clone())]));
        let bits = |value: &WindowValue| match value {
            WindowValue::Float(w) => {
                let values = [w.sum, w.min, w.max, w.first.value, w.last.value, w.increase].map(f64::to_bits);
                (w.count, values, w.first.time_ms, w.last.time_ms, w.resets, w.changes, w.stale)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(bits(&all(&tail, 1)[0].value), bits(&given.value), "{samples:?}");
    }
}

#[test]
fn of_one_key_the_fullest_stays_and_keys_are_kept_in_order() {
    let tail = tail(1_000);
    let thin = window(START_MS, &[(1, 1.0)]);
    let full = window(START_MS, &[(1, 1.0), (2, 2.0)]);
    let later = window(START_MS + 5_000, &[(1, 9.0)]);
    let windows = vec![live(1, 0, later.clone()), live(1, 0, full.clone()), live(1, 7, thin.clone()), live(1, 0, thin)];
    tail.apply(record(&tail, START_MS, windows));
    let found: Vec<_> = all(&tail, 1).into_iter().map(|f| (f.start_ms, f.fragment, f.value.samples())).collect();
    assert_eq!(found, [(START_MS, 0, 2), (START_MS, 7, 1), (START_MS + 5_000, 0, 1)]);
    let some = tail.read(&TenantId::default(), &[MetricId(2), MetricId(1)], &(START_MS + 1..START_MS + 5_001));
    assert!(some[0].is_empty());
    assert_eq!(some[1].iter().map(|f| f.start_ms).collect::<Vec<_>>(), [START_MS + 5_000]);
}

fn progress(tail: &Tail, closed_through_ms: i64) -> Progress {
    let closed_through = Clock { era: 0, effective_ms: closed_through_ms };
    let source = SourceId { epoch: tail.epoch, partition: 0 };
    let resume_clock = Clock::default();
    Progress { source, resume_offset: 0, resume_clock, closed_through, position: 0, ledger: Default::default() }
}

#[test]
fn a_fragment_goes_when_it_is_stored_and_not_before() {
    let tail = tail(1_000_000);
    let late_fragment = MINUTE as u32 + 3;
    let one = window(START_MS, &[(1, 1.0)]);
    let windows = vec![live(1, 0, one.clone()), live(1, late_fragment, one)];
    tail.apply(record(&tail, START_MS, windows));
    tail.evict(&[progress(&tail, START_MS + 69_999)]);
    assert_eq!(all(&tail, 1).len(), 2);
    tail.evict(&[progress(&tail, START_MS + 70_000)]);
    assert_eq!(all(&tail, 1).len(), 1);
    // What was learnt is not forgotten by older progress.
    tail.evict(&[progress(&tail, 0)]);
    let through = tail.stored_through(SourceId { epoch: tail.epoch, partition: 0 });
    assert_eq!(through, Some(Clock { era: 0, effective_ms: START_MS + 70_000 }));
    tail.evict(&[progress(&tail, START_MS + 3 * MINUTE_MS)]);
    assert_eq!(all(&tail, 1).len(), 0);
    assert_eq!(tail.metrics.tail_dropped.get(), 0);
}

#[test]
fn a_new_era_means_that_the_old_one_is_closed() {
    let tail = tail(1_000_000);
    tail.apply(record(&tail, START_MS, vec![live(1, 0, window(START_MS, &[(1, 1.0)]))]));
    let mut later = progress(&tail, START_MS);
    later.closed_through.era = 1;
    tail.evict(&[later]);
    assert_eq!(all(&tail, 1).len(), 0);
}

#[test]
fn what_the_store_never_takes_is_dropped_with_a_count() {
    let tail = tail(60_000);
    tail.apply(record(&tail, START_MS, vec![live(1, 0, window(START_MS, &[(1, 1.0)]))]));
    tail.apply(record(&tail, START_MS + 60_000, vec![]));
    tail.evict(&[]);
    assert_eq!(all(&tail, 1).len(), 1);
    tail.apply(record(&tail, START_MS + 60_001, vec![]));
    tail.evict(&[]);
    assert_eq!((all(&tail, 1).len(), tail.metrics.tail_dropped.get()), (0, 1));
}

#[test]
fn watermarks_only_rise_and_those_of_another_log_do_not_count() {
    let tail = tail(60_000);
    let marks = || tail.watermarks().borrow().clone();
    tail.apply(record(&tail, 10_000, vec![]));
    assert_eq!(marks().lowest_ms(), None);
    assert_eq!(marks().behind(10_000), [1]);
    tail.apply(LiveRecord { source: SourceId { epoch: tail.epoch, partition: 1 }, ..record(&tail, 9_000, vec![]) });
    assert!(marks().reached(9_000) && !marks().reached(9_001));
    tail.apply(record(&tail, 5_000, vec![]));
    tail.apply(LiveRecord { source: SourceId { epoch: 99, partition: 1 }, ..record(&tail, 90_000, vec![]) });
    assert_eq!((marks().lowest_ms(), marks().highest_ms()), (Some(9_000), Some(10_000)));
    // A new era may begin at an earlier time.
    let mut stepped_back = record(&tail, 2_000, vec![]);
    stepped_back.watermark.era = 1;
    tail.apply(stepped_back);
    assert_eq!(marks().lowest_ms(), Some(2_000));
}

proptest! {
    /// The tail lets go of a window when its fragment is stored, so it must
    /// know the same closing time as the fold.
    #[test]
    fn fragments_close_when_the_fold_says(ahead_ms in -600_000i64..600_000, window in 0i64..12) {
        let placement = Rules::V1.place(MINUTE as u32, START_MS + ahead_ms);
        let close = close_of(START_MS + window * 5_000, 3, placement.fragment);
        prop_assert_eq!(close, Clock { era: 3, effective_ms: placement.close_ms });
    }
}

#[test]
fn the_oldest_windows_go_where_there_are_too_many() {
    let tail = limited_tail(u64::MAX, 25);
    for step in 0..4 {
        let start_ms = START_MS + step * WINDOW_MS;
        let windows = (0..10).map(|id| live(id, 0, window(start_ms, &[(1, 1.0)]))).collect();
        tail.apply(record(&tail, start_ms + WINDOW_MS, windows));
    }
    tail.evict(&[]);
    for id in 0..10 {
        let starts: Vec<i64> = all(&tail, id).iter().map(|fragment| fragment.start_ms).collect();
        assert_eq!(starts, [START_MS + 2 * WINDOW_MS, START_MS + 3 * WINDOW_MS]);
    }
    assert_eq!((tail.metrics.tail_windows.get(), tail.metrics.tail_dropped.get()), (20, 20));
    tail.evict(&[]);
    assert_eq!(tail.metrics.tail_dropped.get(), 20);
}
