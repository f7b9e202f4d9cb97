use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::*;

static ENDED: AtomicUsize = AtomicUsize::new(0);

fn limits() -> Limits {
    Limits {
        stalled_after: Duration::from_millis(50),
        end_after: Duration::from_secs(3_600),
        interval: Duration::from_millis(5),
        end: |_, _| {},
    }
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "{what} did not come");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn a_write_that_takes_too_long_is_told_to_all_until_it_returns() {
    let watchdog = Watchdog::start("log", limits()).expect("a thread");
    drop(watchdog.guard());
    let guard = watchdog.guard();
    watchdog.check().expect("not yet");
    let error = tokio::time::timeout(Duration::from_secs(60), watchdog.stalled()).await.expect("told");
    assert_eq!(error.to_string(), "a write of the log does not return");
    assert!(watchdog.check().is_err());
    drop(guard);
    wait_until("the end of the stall", || watchdog.check().is_ok());
}

#[test]
fn time_in_which_the_process_stands_still_does_not_count() {
    let watchdog = Watchdog::start("log", Limits { interval: Duration::from_secs(3_600), ..limits() });
    let watchdog = watchdog.expect("a thread");
    let _guard = watchdog.guard();
    std::thread::park_timeout(limits().stalled_after * 2);
    for _ in 0..9 {
        watchdog.watched.look(limits());
        watchdog.check().expect("seen too seldom");
    }
    watchdog.watched.look(limits());
    assert!(watchdog.check().is_err());
}

#[test]
fn a_write_that_never_returns_ends_the_process() {
    let end = |what: &str, elapsed: Duration| {
        assert_eq!(what, "store");
        assert!(elapsed >= Duration::from_millis(100));
        ENDED.fetch_add(1, Ordering::SeqCst);
    };
    let limits = Limits { end_after: Duration::from_millis(100), end, ..limits() };
    let watchdog = Watchdog::start("store", limits).expect("a thread");
    let _returns = watchdog.guard();
    wait_until("the end", || ENDED.load(Ordering::SeqCst) > 0);
}
