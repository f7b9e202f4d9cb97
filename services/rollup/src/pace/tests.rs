use super::*;

const SPREAD: Duration = Duration::from_secs(10);

struct Run {
    /// Age and size.
    writes: Vec<(Duration, usize)>,
    end: Duration,
}

impl Run {
    fn sizes(&self) -> Vec<usize> {
        self.writes.iter().map(|(_, rows)| *rows).collect()
    }
}

/// Writes as told; a write takes `takes`.
fn run(rows: usize, turn: u16, takes: impl Fn(usize) -> Duration) -> Run {
    let (mut pace, mut age, mut writes, mut left) = (Pace::new(rows, SPREAD, turn), Duration::ZERO, Vec::new(), rows);
    while left > 0 {
        match pace.next(age) {
            Next::Write(now) => {
                assert!(now > 0 && now <= left, "{now} of {left}");
                pace.wrote(now);
                writes.push((age, now));
                left -= now;
                age += takes(now);
            }
            Next::Wait(wait) => {
                assert!(!wait.is_zero() && wait <= STEP, "{wait:?}");
                age += wait;
            }
        }
    }
    Run { writes, end: age }
}

#[test]
fn a_few_rows_go_one_by_one_over_the_whole_time() {
    for turn in 0..12 {
        let Run { end, .. } = run(20, turn, |_| Duration::ZERO);
        assert_eq!(run(20, turn, |_| Duration::ZERO).sizes(), [1; 20]);
        assert!(end >= SPREAD * 9 / 10 && end < SPREAD, "{end:?}");
    }
}

#[test]
fn many_rows_go_in_equal_steps() {
    let many = run(100_000, 5, |_| Duration::ZERO);
    let largest = many.sizes().into_iter().max().expect("some");
    assert!(largest == 2_500, "{largest}");
    assert!(many.end >= SPREAD * 9 / 10 && many.end < SPREAD, "{:?}", many.end);
}

#[test]
fn partitions_that_close_together_take_turns() {
    let second = |turn| run(1_000, turn, |_| Duration::ZERO).writes[1].0;
    let mut at: Vec<Duration> = (0..12).map(second).collect();
    at.sort_unstable();
    let closest = at.windows(2).map(|pair| pair[1] - pair[0]).min().expect("some");
    assert!(closest >= STEP / 24, "{at:?}");
}

#[test]
fn what_a_slow_write_held_up_comes_with_the_next() {
    // Of 80 rows two are due at a time: each such write takes long.
    let stalls = |rows: usize| if rows == 2 { Duration::from_secs(5) } else { Duration::ZERO };
    let held_up = run(80, 0, stalls);
    assert_eq!(held_up.sizes(), [2, 40, 2, 36]);
    assert_eq!(held_up.end, STEP + SPREAD);
}

#[test]
fn whatever_is_left_when_the_time_is_over_is_due() {
    let pace = Pace::new(100, SPREAD, 3);
    assert_eq!(pace.next(SPREAD), Next::Write(100));
    assert_eq!(Pace::new(100, Duration::ZERO, 3).next(Duration::ZERO), Next::Write(100));
}
