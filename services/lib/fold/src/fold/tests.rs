use std::sync::Arc;

use tidegate_model::{Distribution, FloatWindow, Window, WindowValue, stale_nan};

use super::*;

const SOURCE: SourceId = SourceId { epoch: 1, partition: 3 };
/// Start of an hour.
const T: i64 = 1_000_000 * 3_600_000;
const MINUTE: u32 = 60_000_000;

fn series(number: u128) -> MetricId {
    MetricId(number << 64 | 7)
}

fn tenant() -> TenantId {
    TenantId::default()
}

/// Reads one record of one part, numbering records and batches by themselves.
fn read(fold: &mut Fold, append_time_ms: i64, samples: &[(u128, i64, f64)]) -> Vec<Placed> {
    let offset = fold.next_offset();
    fold.begin_record(offset, append_time_ms);
    fold.begin_part(BatchId::Content(u128::from(offset) << 64), &tenant());
    samples.iter().map(|(id, time_ms, value)| fold.float(series(*id), *time_ms, *value)).collect()
}

type Stored = (MetricId, u32, u32, u32, Vec<Window>, Vec<Window>);

fn stored(fragment: &mut ClosedFragment) -> Vec<Stored> {
    let mut rows = Vec::new();
    while fragment.rows(2, |row| {
        let windows = (row.windows.to_vec(), row.totals.to_vec());
        rows.push((row.metric_id, row.minute, row.fragment, row.samples, windows.0, windows.1));
    }) > 0
    {}
    rows
}

fn float_window(samples: &[(i64, f64)]) -> WindowValue {
    let mut window = FloatWindow::empty();
    for (time_ms, value) in samples {
        window.push(*time_ms, *value);
    }
    WindowValue::Float(window)
}

#[test]
fn a_minute_closes_ten_seconds_after_its_end_in_order_of_series_and_time() {
    let mut fold = Fold::new(SOURCE);
    let placed =
        read(&mut fold, T, &[(9, T + 7_000, 2.0), (9, T + 1_000, 1.0), (4, T + 59_999, 5.0), (9, T + 7_000, 3.0)]);
    assert_eq!(placed, [Placed::NewInFragment, Placed::Known, Placed::NewInFragment, Placed::Known]);
    read(&mut fold, T + 69_999, &[]);
    assert!(fold.take_closed().is_none());
    assert_eq!((fold.open_samples(), fold.progress().resume_offset), (4, 0));

    read(&mut fold, T + 70_000, &[]);
    let mut closed = fold.take_closed().unwrap();
    assert_eq!((closed.samples(), closed.series(), closed.close().effective_ms), (4, 2, T + 70_000));
    let rows = stored(&mut closed);
    let nine = [(T + 1_000, 1.0), (T + 7_000, 2.0), (T + 7_000, 3.0)];
    let expected_windows = vec![
        Window { start_ms: T, value: float_window(&nine[..1]) },
        Window { start_ms: T + 5_000, value: float_window(&nine[1..]) },
    ];
    assert_eq!((rows[0].0, rows[0].3), (series(4), 1));
    assert_eq!(rows[0].4, [Window { start_ms: T + 55_000, value: float_window(&[(T + 59_999, 5.0)]) }]);
    assert_eq!((rows[1].0, rows[1].1, rows[1].2, rows[1].3), (series(9), MINUTE, 0, 3));
    assert_eq!(
        (&rows[1].4, &rows[1].5),
        (&expected_windows, &vec![Window { start_ms: T, value: float_window(&nine) }])
    );

    let progress = fold.progress();
    assert_eq!((progress.resume_offset, progress.position), (3, 3));
    assert_eq!(progress.closed_through, fold.clock());
    let entry = progress.ledger[&LedgerKey { era: 0, hour: MINUTE / 60 }];
    assert_eq!(entry, LedgerEntry { counted: 4, ..LedgerEntry::default() });
}

#[test]
fn every_kind_has_its_own_window() {
    let mut fold = Fold::new(SOURCE);
    fold.begin_record(0, T);
    fold.begin_part(BatchId::Content(1), &tenant());
    let mut distribution = Distribution::empty();
    distribution.record(3.0);
    let values = [
        Value::DeltaDistribution(Arc::new(distribution.clone())),
        Value::DeltaFloat(2.0),
        Value::Float(stale_nan()),
        Value::DeltaFloat(5.0),
        Value::DeltaDistribution(Arc::new(distribution)),
    ];
    for value in values {
        fold.sample(series(1), T + 2_000, value);
    }
    read(&mut fold, T + 70_000, &[]);
    let rows = stored(&mut fold.take_closed().unwrap());
    assert_eq!((rows.len(), rows[0].3), (1, 5));
    let [stale, delta, distribution] = &rows[0].4[..] else { panic!("{:?}", rows[0].4) };
    assert!(matches!(&stale.value, WindowValue::Float(w) if w.count == 0 && w.stale.count == 1));
    assert!(matches!(&delta.value, WindowValue::DeltaFloat(w) if w.count == 2 && w.sum == 7.0));
    assert!(
        matches!(&distribution.value, WindowValue::DeltaDistribution(w) if w.count == 2 && w.distribution.count == 2)
    );
    assert_eq!(rows[0].5, rows[0].4);
}

#[test]
fn times_outside_the_format_are_counted_at_its_ends() {
    let mut fold = Fold::new(SOURCE);
    read(&mut fold, T, &[(1, i64::MIN, 1.0), (1, -5, 2.0), (2, i64::MAX, 3.0)]);
    read(&mut fold, T + 120_000, &[]);
    let mut samples = 0;
    while let Some(mut closed) = fold.take_closed() {
        samples += stored(&mut closed).iter().map(|row| row.3).sum::<u32>();
    }
    assert_eq!(samples, 3);
}

#[test]
fn live_windows_come_a_second_after_their_end_and_again_when_they_grow() {
    let mut fold = Fold::new(SOURCE);
    let live = |fold: &mut Fold| {
        let mut out = Vec::new();
        fold.live(|live| {
            out.push((live.metric_id, live.fragment, live.window.start_ms - T, live.window.value.samples()))
        });
        out
    };
    read(&mut fold, T + 4_000, &[(1, T + 3_000, 1.0), (1, T + 6_000, 1.0), (2, T + 200, 1.0)]);
    assert_eq!(live(&mut fold), []);
    read(&mut fold, T + 5_999, &[]);
    assert_eq!(live(&mut fold), []);
    read(&mut fold, T + 6_000, &[]);
    assert_eq!(live(&mut fold), [(series(1), 0, 0, 1), (series(2), 0, 0, 1)]);
    // Late samples within the same second wait for the next one.
    read(&mut fold, T + 6_500, &[(1, T + 1_000, 1.0)]);
    assert_eq!(live(&mut fold), []);
    read(&mut fold, T + 7_000, &[(1, T + 900, 1.0)]);
    assert_eq!(live(&mut fold), [(series(1), 0, 0, 3)]);
    read(&mut fold, T + 8_000, &[]);
    assert_eq!(live(&mut fold), []);
    // Too old to be published, and one that lies ahead, which its close gives out.
    read(&mut fold, T + 8_000, &[(3, T - 190_000, 1.0), (3, T + 300_000, 1.0)]);
    read(&mut fold, T + 60_000, &[]);
    assert_eq!(live(&mut fold), [(series(3), MINUTE + 1, 300_000, 1), (series(1), 0, 5_000, 1)]);
    assert_eq!(std::iter::from_fn(|| fold.take_closed()).count(), 2);
}

#[test]
fn duplicates_are_counted_by_the_ledger_alone() {
    let mut fold = Fold::new(SOURCE);
    for offset in 0..2 {
        fold.begin_record(offset, T + offset as i64);
        let admission = fold.begin_part(BatchId::Session { session: 5, sequence: 1 }, &tenant());
        assert_eq!(admission, if offset == 0 { Admission::New } else { Admission::Duplicate });
        let placed = fold.float(series(1), T, 1.0);
        assert_eq!(placed, if offset == 0 { Placed::NewInFragment } else { Placed::Duplicate });
    }
    read(&mut fold, T + 80_000, &[]);
    assert_eq!(stored(&mut fold.take_closed().unwrap())[0].3, 1);
    let entry = fold.progress().ledger[&LedgerKey { era: 0, hour: MINUTE / 60 }];
    assert_eq!((entry.counted, entry.duplicate), (1, 1));
}

#[test]
fn a_replay_skips_what_is_stored() {
    let mut fold = Fold::new(SOURCE);
    read(&mut fold, T, &[(1, T, 1.0)]);
    read(&mut fold, T + 65_000, &[(1, T + 64_000, 2.0)]);
    read(&mut fold, T + 70_000, &[]);
    assert_eq!(fold.take_closed().unwrap().samples(), 1);
    let sightings: Vec<_> = fold.take_sightings().into_iter().flat_map(|chunk| chunk.entries).collect();
    let progress = fold.progress();
    assert_eq!((progress.resume_offset, progress.position), (1, 3));
    assert_eq!(progress.resume_clock.effective_ms, T);

    let before = sightings.into_iter().filter(|sighting| sighting.offset < 1).collect();
    let mut again = Fold::resume(&progress, before, None);
    assert_eq!(
        read(&mut again, T + 65_000, &[(1, T + 64_000, 2.0), (1, T, 9.0)]),
        [Placed::NewInFragment, Placed::Closed]
    );
    read(&mut again, T + 70_000, &[]);
    assert!(again.take_closed().is_none());
    assert_eq!(again.progress(), progress);
}

#[test]
fn a_new_era_closes_everything() {
    let mut fold = Fold::new(SOURCE);
    read(&mut fold, T + 3_600_000, &[(1, T, 1.0), (1, T + 3_600_000, 1.0)]);
    read(&mut fold, T, &[(1, T, 1.0)]);
    let closed: Vec<_> = std::iter::from_fn(|| fold.take_closed()).map(|c| (c.close().era, c.minute())).collect();
    assert_eq!(closed, [(0, MINUTE), (0, MINUTE + 60)]);
    assert_eq!((fold.clock(), fold.open_samples()), (Clock { era: 1, effective_ms: T }, 1));
}

#[test]
fn poison_and_gaps_are_in_the_books_and_a_gap_holds_the_resume_offset() {
    let mut fold = Fold::new(SOURCE);
    read(&mut fold, T, &[]);
    fold.gap(10);
    assert_eq!((fold.next_offset(), fold.progress().resume_offset), (11, 1));
    fold.begin_record(11, T + 1_000);
    fold.poison();
    assert_eq!((fold.progress().resume_offset, fold.progress().resume_clock.effective_ms), (1, T));
    read(&mut fold, T + 70_000, &[]);
    let entry = fold.progress().ledger[&LedgerKey { era: 0, hour: MINUTE / 60 }];
    assert_eq!((entry.poison, entry.gap), (1, 10));
    assert_eq!(fold.progress().resume_offset, 13);
    assert!(fold.take_closed().is_none(), "no samples, no rows");
}

#[test]
fn old_hours_leave_the_ledger() {
    let mut fold = Fold::new(SOURCE);
    read(&mut fold, T, &[(1, T, 1.0)]);
    read(&mut fold, T + 8 * 86_400_000, &[]);
    let finals = fold.take_final_ledger();
    assert_eq!(finals.len(), 1);
    assert_eq!((finals[0].0.hour, finals[0].1.counted), (MINUTE / 60, 1));
    assert!(fold.progress().ledger.is_empty());
}

#[test]
fn tenants_stay_apart_within_a_fragment() {
    let mut fold = Fold::new(SOURCE);
    fold.begin_record(0, T);
    for (number, name) in ["a", "b", "a", "c"].into_iter().enumerate() {
        fold.begin_part(BatchId::Content(number as u128), &TenantId::new(name).unwrap());
        fold.float(series(number as u128), T, 1.0);
    }
    read(&mut fold, T + 70_000, &[]);
    let mut tenants = Vec::new();
    fold.take_closed().unwrap().rows(usize::MAX, |row| tenants.push(row.tenant.to_string()));
    assert_eq!(tenants, ["a", "b", "a", "c"]);
}
