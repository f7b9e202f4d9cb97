//! The evaluation of one query on all cores.

use std::num::NonZero;
use std::thread;

use tidegate_promql::{Job, Workers};

/// A thread a part, which ends with it; the calling one among them. Asks the
/// system how many cores there are.
pub(crate) fn workers() -> Workers {
    Workers::new(thread::available_parallelism().map_or(1, NonZero::get), run_all)
}

fn run_all(mut jobs: Vec<Job<'_>>) {
    let own = jobs.pop();
    // Waits for all; a panic in one is one of the caller, which answers for it.
    thread::scope(|scope| {
        for job in jobs {
            scope.spawn(job);
        }
        if let Some(own) = own {
            own();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_done_when_it_returns_and_a_panic_is_the_callers() {
        let mut done = [0; 5];
        let jobs = done.iter_mut().map(|done| -> Job<'_> { Box::new(move || *done = 1) });
        run_all(jobs.collect());
        assert_eq!(done, [1; 5]);
        let jobs: Vec<Job<'_>> = vec![Box::new(|| panic!("a fault in an evaluation")), Box::new(|| {})];
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run_all(jobs))).is_err());
    }
}
