use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Workers;

#[test]
fn the_order_stays_however_many_parts_there_are() {
    for (items, cells, parts) in [(0, 0, 4), (1, 1 << 20, 4), (7, 1 << 20, 3), (9, 1 << 20, 4), (100, 1 << 20, 8)] {
        let jobs_run = Arc::new(AtomicUsize::new(0));
        let counted = jobs_run.clone();
        let workers = Workers::new(parts, move |jobs| {
            counted.fetch_add(jobs.len(), Ordering::Relaxed);
            // In any order.
            jobs.into_iter().rev().for_each(|job| job());
        });
        let done = workers.map((0..items).collect(), cells, |item: usize| item * 2);
        assert_eq!(done, (0..items).map(|item| item * 2).collect::<Vec<_>>());
        let expected = if items < 2 { 1 } else { parts };
        assert_eq!(jobs_run.load(Ordering::Relaxed), expected, "{items} items in {parts} parts");
    }
}

#[test]
fn little_work_is_not_cut() {
    let workers = Workers::new(8, |jobs| {
        assert_eq!(jobs.len(), 1);
        jobs.into_iter().for_each(|job| job());
    });
    assert_eq!(workers.map(vec![1, 2, 3], 300, |item| item + 1), [2, 3, 4]);
}
