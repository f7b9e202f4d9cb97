use proptest::collection::vec;
use proptest::prelude::*;
use tidegate_model::{FloatWindow, WindowValue};

use super::super::{arbitrary, window};
use super::*;

fn live_window() -> impl Strategy<Value = LiveWindow> {
    let tenant = prop_oneof![Just(TenantId::default()), arbitrary::tenant()];
    let start_ms = prop_oneof![Just(1_700_000_000_000i64), any::<i64>()];
    (tenant, arbitrary::metric_id(), 0u32..2, 0u32..2, start_ms, arbitrary::window_value()).prop_map(
        |(tenant, metric_id, era, fragment, start_ms, value)| {
            let window = Window { start_ms, value };
            LiveWindow { tenant, metric_id, era, fragment, window }
        },
    )
}

fn live_record() -> impl Strategy<Value = LiveRecord> {
    (arbitrary::source(), arbitrary::clock(), vec(live_window(), 0..12))
        .prop_map(|(source, watermark, windows)| LiveRecord { source, watermark, windows })
}

proptest! {
    #[test]
    fn records_come_back(record in live_record()) {
        let read = decode_live(&encode_live(&record)).expect("valid");
        prop_assert_eq!(read.source, record.source);
        prop_assert_eq!(read.watermark, record.watermark);
        prop_assert_eq!(read.windows.len(), record.windows.len());
        for (a, b) in read.windows.iter().zip(&record.windows) {
            let key = |w: &LiveWindow| (w.tenant.clone(), w.metric_id, w.era, w.fragment, w.window.start_ms);
            prop_assert_eq!(key(a), key(b));
            prop_assert!(super::super::chunk::same_value(Some(&a.window.value), &b.window.value), "{:?} {:?}", a, b);
        }
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>, mut body: Vec<u8>) {
        let _ = decode_live(&bytes);
        body.splice(0..0, [VERSION, 1, 2, 3, 4, 5, 6, 7, 8, 1, 0, 0, 0]);
        let _ = decode_live(&body);
    }

    #[test]
    fn damaged_records_do_not_panic(
        bytes in live_record().prop_flat_map(|record| arbitrary::mutated(encode_live(&record).to_vec()))
    ) {
        let _ = decode_live(&bytes);
    }
}

fn of_one_moment(windows: usize) -> LiveRecord {
    let tenant = TenantId::new("acme").expect("valid");
    let start_ms = 1_700_000_000_000;
    let windows = (0..windows).map(|n| {
        let mut window = FloatWindow::empty();
        window.push(start_ms + 1_234, n as f64);
        let window = Window { start_ms, value: WindowValue::Float(window) };
        LiveWindow { tenant: tenant.clone(), metric_id: MetricId(n as u128), era: 3, fragment: 0, window }
    });
    let source = SourceId { epoch: 1, partition: 2 };
    LiveRecord { source, watermark: Clock { era: 3, effective_ms: start_ms + 6_000 }, windows: windows.collect() }
}

#[test]
fn windows_of_one_moment_share_what_they_can() {
    let record = of_one_moment(1_000);
    let size = encode_live(&record).len();
    // Kind 1, id 16, offset 2, value up to 4.
    assert!(size < 1_000 * 23 + 40, "{size} bytes");
    assert_eq!(decode_live(&encode_live(&record)).expect("valid"), record);
}

#[test]
fn a_run_longer_than_its_bytes_is_refused() {
    let mut bytes = encode_live(&of_one_moment(0)).to_vec();
    bytes.push(0);
    super::super::varint::put_varint(&mut bytes, u64::MAX);
    bytes.extend([0; 64]);
    assert_eq!(decode_live(&bytes), Err(StoredError::Truncated));
}

#[test]
fn the_kinds_are_those_of_the_chunk() {
    assert_eq!(window::kind_of(&WindowValue::Float(FloatWindow::empty())), window::kind::FLOAT);
    assert_eq!(decode_live(&[7]), Err(StoredError::Version { format: "live record", found: 7 }));
}
