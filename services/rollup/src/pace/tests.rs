use super::*;

const SPREAD: Duration = Duration::from_secs(10);

/// Writes as told; a write takes `takes`. Gives the sizes of the writes and
/// when the last one ended.
fn run(rows: usize, takes: impl Fn(usize) -> Duration) -> (Vec<usize>, Duration) {
    let (mut pace, mut age, mut writes, mut left) = (Pace::new(rows, SPREAD), Duration::ZERO, Vec::new(), rows);
    while left > 0 {
        match pace.next(age) {
            Next::Write(now) => {
                assert!(now > 0 && now <= left, "{now} of {left}");
                pace.wrote(now);
                writes.push(now);
                left -= now;
                age += takes(now);
            }
            Next::Wait(wait) => {
                assert!(wait >= STEP);
                age += wait;
            }
        }
    }
    (writes, age)
}

#[test]
fn a_few_rows_go_one_by_one_over_the_whole_time() {
    let (writes, end) = run(100, |_| Duration::ZERO);
    assert_eq!(writes, [1; 100]);
    assert!(end > SPREAD * 98 / 100 && end < SPREAD, "{end:?}");
}

#[test]
fn many_rows_go_in_steps() {
    let (writes, end) = run(100_000, |_| Duration::ZERO);
    let largest = writes.iter().max().expect("some");
    assert!(*largest <= 101, "{largest}");
    assert!(end > SPREAD * 98 / 100 && end <= SPREAD, "{end:?}");
}

#[test]
fn what_a_slow_write_held_up_comes_with_the_next() {
    let stalls = |first: usize| if first == 1 { Duration::from_secs(5) } else { Duration::ZERO };
    let (writes, end) = run(100, stalls);
    assert_eq!(&writes[..2], [1, 50]);
    assert!(end <= SPREAD * 2, "{end:?}");
}

#[test]
fn whatever_is_left_when_the_time_is_over_is_due() {
    let pace = Pace::new(100, SPREAD);
    assert_eq!(pace.next(SPREAD), Next::Write(100));
    assert_eq!(Pace::new(100, Duration::ZERO).next(Duration::ZERO), Next::Write(100));
}
