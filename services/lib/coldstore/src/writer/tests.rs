use tidegate_model::TenantId;

use super::*;
use crate::tests::{HOUR_START_MS, covering, float, key, labels};

fn id(labels: &Labels) -> MetricId {
    MetricId::of(&TenantId::default(), labels)
}

#[test]
fn series_out_of_order_are_refused() {
    let mut writer = ObjectWriter::new(key(0)).unwrap();
    let (a, b) = (labels("a", &[]), labels("b", &[]));
    writer.series(id(&b), &b, &[]).unwrap();
    assert!(matches!(writer.series(id(&b), &b, &[]), Err(ArchiveError::Unsorted(_))));
    assert!(matches!(writer.series(id(&a), &a, &[]), Err(ArchiveError::Unsorted(_))));
}

#[test]
fn windows_outside_the_hour_or_out_of_order_are_refused() {
    let a = labels("a", &[]);
    for starts in [&[-5000][..], &[3_600_000], &[5000, 0]] {
        let windows: Vec<_> = starts.iter().map(|offset| float(HOUR_START_MS + offset, &[(0, 1.0)])).collect();
        let written = ObjectWriter::new(key(0)).unwrap().series(id(&a), &a, &windows);
        assert!(matches!(written, Err(ArchiveError::Window { .. })), "{starts:?}");
    }
}

#[test]
fn a_coverage_that_does_not_add_up_is_refused() {
    let a = labels("a", &[]);
    let mut writer = ObjectWriter::new(key(0)).unwrap();
    writer.series(id(&a), &a, &[float(HOUR_START_MS, &[(0, 1.0), (1, 2.0)])]).unwrap();
    let coverage = covering([float(HOUR_START_MS, &[(0, 1.0)])]);
    assert!(matches!(writer.finish(coverage), Err(ArchiveError::Miscounted { rows: 2, coverage: 1 })));
}

#[test]
fn equal_rows_give_equal_bytes() {
    let a = labels("a", &[("job", "x")]);
    let window = float(HOUR_START_MS, &[(0, 1.0)]);
    let [first, second] = [(); 2].map(|()| {
        let mut writer = ObjectWriter::new(key(0)).unwrap();
        writer.series(id(&a), &a, std::slice::from_ref(&window)).unwrap();
        writer.finish(covering([window.clone()])).unwrap()
    });
    assert_eq!((first.bytes, first.content), (second.bytes, second.content));
}
