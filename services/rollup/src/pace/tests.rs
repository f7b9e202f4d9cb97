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
                assert!(!wait.is_zero() && (wait <= STEP || writes.is_empty()), "{wait:?}");
                age += wait;
            }
        }
    }
    Run { writes, end: age }
}

#[test]
fn a_few_rows_go_one_by_one_over_the_time() {
    for turn in 0..12 {
        let few = run(20, turn, |_| Duration::ZERO);
        assert_eq!(few.sizes(), [1; 20]);
        let took = few.end - few.writes[0].0;
        assert!(took >= SPREAD * 7 / 10 && few.end < SPREAD, "{took:?} until {:?}", few.end);
    }
}

#[test]
fn many_rows_go_in_equal_steps() {
    let many = run(90_000, 5, |_| Duration::ZERO);
    assert_eq!(many.sizes(), [3_000; 30]);
}

#[test]
fn partitions_that_close_together_take_turns() {
    let runs: Vec<Run> = (0..12).map(|turn| run(900, turn, |_| Duration::ZERO)).collect();
    let mut ends: Vec<Duration> = runs.iter().map(|run| run.end).collect();
    ends.sort_unstable();
    let closest = ends.windows(2).map(|pair| pair[1] - pair[0]).min().expect("some");
    assert!(closest >= SPREAD / 100, "{ends:?}");
    let step = |run: &Run| run.writes[0].0.as_millis() % STEP.as_millis();
    let mut steps: Vec<u128> = runs.iter().map(step).collect();
    steps.sort_unstable();
    steps.dedup();
    assert_eq!(steps.len(), 12, "steps are not at the same moments either");
}

#[test]
fn what_a_slow_write_held_up_comes_with_the_next() {
    // Of 60 rows two are due at a time: each such write takes long.
    let stalls = |rows: usize| if rows == 2 { Duration::from_secs(5) } else { Duration::ZERO };
    let held_up = run(60, 0, stalls);
    assert_eq!(held_up.sizes(), [2, 40, 2, 16]);
}

#[test]
fn whatever_is_left_when_the_time_is_over_is_due() {
    let pace = Pace::new(100, SPREAD, 3);
    assert_eq!(pace.next(SPREAD), Next::Write(100));
    assert_eq!(Pace::new(100, Duration::ZERO, 3).next(Duration::ZERO), Next::Write(100));
}
