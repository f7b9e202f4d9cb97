use std::collections::HashSet;
use std::sync::Mutex;

use super::map;

#[test]
fn the_order_stays_however_many_threads_share_the_work() {
    for (items, cells, threads) in [(0, 0, 4), (1, 1 << 20, 4), (7, 1 << 20, 3), (100, 1 << 20, 8), (100, 10, 8)] {
        let used = Mutex::new(HashSet::new());
        let done = map((0..items).collect(), cells, threads, |item: usize| {
            used.lock().unwrap().insert(std::thread::current().id());
            item * 2
        });
        assert_eq!(done, (0..items).map(|item| item * 2).collect::<Vec<_>>());
        let most = if cells < 100 { 1 } else { threads };
        assert!(used.into_inner().unwrap().len() <= most, "{items} items on {threads} threads");
    }
}

#[test]
fn a_panic_in_a_thread_is_one_of_the_caller() {
    let work = |item: usize| assert!(item < 50);
    let outcome = std::panic::catch_unwind(|| map((0..100).collect(), 1 << 20, 2, work));
    assert!(outcome.is_err());
}
