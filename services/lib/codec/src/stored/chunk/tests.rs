use proptest::prelude::*;
use tidegate_model::{DeltaWindow, FloatWindow};

use super::super::arbitrary;
use super::*;

const MINUTE: u32 = 28_333_333;

fn encode(windows: &[Window], totals: &[Window]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_chunk(windows, totals, &mut out);
    out
}

fn same(a: &[Window], b: &[Window]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.start_ms == b.start_ms && same_value(Some(&a.value), &b.value))
}

fn assert_comes_back(windows: &[Window], totals: &[Window]) -> usize {
    let bytes = encode(windows, totals);
    let chunk = decode_chunk(MINUTE, &bytes).expect("valid");
    assert!(same(windows, &chunk.windows), "{windows:?} became {:?}", chunk.windows);
    assert!(same(totals, &chunk.totals), "{totals:?} became {:?}", chunk.totals);
    bytes.len()
}

/// Windows of the samples (ms within the minute, value), and their total.
fn fold(samples: &[(i64, f64)]) -> (Vec<Window>, Vec<Window>) {
    let minute_ms = minute_start_ms(MINUTE);
    let mut windows: Vec<Window> = Vec::new();
    let mut total = FloatWindow::empty();
    for (offset_ms, value) in samples {
        let time_ms = minute_ms + offset_ms;
        let start_ms = tidegate_model::time::window_start_ms(time_ms);
        if windows.last().is_none_or(|w| w.start_ms != start_ms) {
            windows.push(Window { start_ms, value: WindowValue::Float(FloatWindow::empty()) });
        }
        if let Some(Window { value: WindowValue::Float(w), .. }) = windows.last_mut() {
            for w in [w, &mut total] {
                if tidegate_model::is_stale(*value) { w.push_stale(time_ms) } else { w.push(time_ms, *value) }
            }
        }
    }
    (windows, vec![Window { start_ms: minute_ms, value: WindowValue::Float(total) }])
}

proptest! {
    #[test]
    fn chunks_come_back(windows in arbitrary::windows(MINUTE, 1), totals in arbitrary::windows(MINUTE, 12)) {
        assert_comes_back(&windows, &totals);
    }

    #[test]
    fn folded_minutes_come_back(mut samples in proptest::collection::vec((0i64..60_000, arbitrary::float()), 1..30)) {
        samples.sort_by_key(|(offset_ms, _)| *offset_ms);
        let (windows, totals) = fold(&samples);
        assert_comes_back(&windows, &totals);
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(minute: u32, mut bytes: Vec<u8>) {
        let _ = decode_chunk(minute, &bytes);
        bytes.insert(0, VERSION);
        let _ = decode_chunk(minute, &bytes);
    }

    #[test]
    fn damaged_chunks_do_not_panic(
        bytes in (arbitrary::windows(MINUTE, 1), arbitrary::windows(MINUTE, 12))
            .prop_flat_map(|(windows, totals)| arbitrary::mutated(encode(&windows, &totals)))
    ) {
        let _ = decode_chunk(MINUTE, &bytes);
    }
}

#[test]
fn a_scraped_counter_takes_few_bytes() {
    // Every 15 s, with jitter: version, header, and per window 2 to 6 bytes; no total.
    let (windows, totals) = fold(&[(4_012, 1000.0), (19_020, 1015.0), (34_015, 1031.0), (49_013, 1044.0)]);
    let size = assert_comes_back(&windows, &totals);
    assert!(size <= 22, "{size} bytes");
}

#[test]
fn a_total_that_follows_takes_no_bytes() {
    let (windows, totals) = fold(&[(100, 1.5), (5_100, -0.0), (5_200, 0.1), (59_999, 0.3)]);
    assert_eq!(encode(&windows, &totals).len(), encode(&windows, &[]).len());
    assert_comes_back(&windows, &totals);
}

#[test]
fn stale_marks_alone_come_back() {
    let (windows, totals) = fold(&[(7_000, tidegate_model::stale_nan()), (7_500, tidegate_model::stale_nan())]);
    let size = assert_comes_back(&windows, &totals);
    assert!(size <= 8, "{size} bytes");
}

#[test]
fn long_windows_come_back_with_their_total() {
    let samples: Vec<_> = (0..600i64).map(|n| (n * 100, (n as f64).sin() * 1e6)).collect();
    let (windows, totals) = fold(&samples);
    assert_comes_back(&windows, &totals);
}

#[test]
fn counts_that_overflow_do_not_panic() {
    let minute_ms = minute_start_ms(MINUTE);
    let window = |index: i64, count| {
        let delta = DeltaWindow { count, ..DeltaWindow::one(minute_ms, 1.0) };
        Window { start_ms: minute_ms + index * WINDOW_MS, value: WindowValue::DeltaFloat(delta) }
    };
    assert_comes_back(&[window(0, u32::MAX), window(1, u32::MAX)], &[window(0, 1)]);
    let mut bytes = encode(&[window(0, u32::MAX), window(1, u32::MAX)], &[]);
    bytes[2] |= 0x40;
    assert_eq!(decode_chunk(MINUTE, &bytes), Err(StoredError::Invalid("the total does not follow")));
}

#[test]
fn an_empty_chunk_comes_back() {
    assert_eq!(assert_comes_back(&[], &[]), 1);
    assert_eq!(decode_chunk(0, &[]), Err(StoredError::Truncated));
    assert_eq!(decode_chunk(0, &[2]), Err(StoredError::Version { format: "chunk", found: 2 }));
}
