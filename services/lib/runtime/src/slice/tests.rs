use std::thread;

use rustix::process::{getpriority_process, setpriority_process};

use super::*;

fn slice() -> Duration {
    get().unwrap()
}

/// On a thread of its own, which ends with what it was given.
fn apart<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| scope.spawn(work).join()).unwrap()
}

/// Linux has since 6.12.
fn kernel_has_slices() -> bool {
    apart(|| slice() > Duration::ZERO)
}

#[test]
fn a_thread_and_those_it_starts_have_the_slice_that_it_was_given() {
    let (own, inherited) = apart(|| {
        set(SHORTEST).unwrap();
        (slice(), apart(slice))
    });
    let expected = if kernel_has_slices() { SHORTEST } else { Duration::ZERO };
    assert_eq!((own, inherited), (expected, expected));
}

#[test]
fn a_slice_is_taken_back() {
    let before = apart(slice);
    let after = apart(|| {
        set(SHORTEST).unwrap();
        set(Duration::ZERO).unwrap();
        slice()
    });
    assert_eq!(after, before);
}

#[test]
fn the_priority_stays_as_it_was() {
    let (before, after) = apart(|| {
        let lowered = getpriority_process(None).unwrap() + 1;
        setpriority_process(None, lowered).unwrap();
        set(SHORTEST).unwrap();
        (lowered, getpriority_process(None).unwrap())
    });
    assert_eq!(after, before);
}
