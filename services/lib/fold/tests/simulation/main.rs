//! Whole runs of a small cluster around the fold: owners that die or go on as
//! zombies, progress that is lost, late or stale, partial flushes, lost
//! acknowledgements, retries, clocks that jump, a truncated log. After each
//! run the store must hold every accepted sample exactly once and the ledger
//! must say so.
//!
//! `TIDEGATE_SIM_SEEDS` sets the number of seeds of each mode.

mod clients;
mod cluster;
mod judge;
mod owner;
mod random;
mod run;

use run::{Broken, Mode, Verdict, run};

/// Seeds of the runs with a rule removed; some of them must go wrong.
const BROKEN_SEEDS: u64 = 300;

fn seeds() -> u64 {
    std::env::var("TIDEGATE_SIM_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(5_000)
}

/// Runs all seeds on all cores and names those whose verdict is `wanted`.
fn seeds_where(seeds: u64, mode: Mode, broken: &[Broken], wanted: fn(&Verdict) -> bool) -> Vec<u64> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|first| {
                scope.spawn(move || {
                    let mine = (first..seeds).step_by(threads as usize);
                    mine.filter(|seed| wanted(&run(*seed, mode, broken))).collect::<Vec<_>>()
                })
            })
            .collect();
        let mut found: Vec<u64> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
        found.sort_unstable();
        found
    })
}

fn nothing_is_wrong(mode: Mode) {
    let wrong = seeds_where(seeds(), mode, &[], |verdict| !verdict.is_right());
    let first = wrong.first().map(|seed| (*seed, run(*seed, mode, &[])));
    assert!(wrong.is_empty(), "{mode:?}: {} of {} runs are wrong; seed and verdict: {first:?}", wrong.len(), seeds());
}

/// Without the rules in `broken`, runs must go wrong in the way named.
fn goes_wrong_without(broken: &[Broken], wrong: fn(&Verdict) -> bool) {
    let found = seeds_where(BROKEN_SEEDS, Mode::ProgressMayGoBack, broken, wrong);
    assert!(!found.is_empty(), "{BROKEN_SEEDS} runs without {broken:?} show nothing");
}

#[test]
fn exactly_once_when_progress_never_goes_back() {
    nothing_is_wrong(Mode::ProgressNeverGoesBack);
}

#[test]
fn exactly_once_when_progress_may_go_back() {
    nothing_is_wrong(Mode::ProgressMayGoBack);
}

#[test]
fn what_a_truncated_log_still_holds_is_stored_once_and_the_gap_is_in_the_books() {
    nothing_is_wrong(Mode::LogTruncated);
    let lost = seeds_where(100, Mode::LogTruncated, &[], |verdict| verdict.lost_records > 0);
    assert!(!lost.is_empty(), "no run lost anything");
}

#[test]
fn replay_begins_at_the_resume_offset() {
    goes_wrong_without(&[Broken::Resume], |verdict| !verdict.rows_right);
}

#[test]
fn replay_begins_with_the_clock_of_the_resume_offset() {
    goes_wrong_without(&[Broken::Clock], |verdict| !verdict.rows_right);
}

#[test]
fn take_over_knows_the_batches_before() {
    goes_wrong_without(&[Broken::Dedupe], |verdict| !verdict.rows_right);
}

#[test]
fn take_over_knows_no_batches_after_the_resume_offset() {
    goes_wrong_without(&[Broken::Horizon], |verdict| !verdict.rows_right);
}

#[test]
fn only_closed_fragments_are_written() {
    goes_wrong_without(&[Broken::Partial], |verdict| !verdict.rows_right);
}

#[test]
fn a_long_step_back_begins_an_era() {
    goes_wrong_without(&[Broken::Era], |verdict| !verdict.open_in_time);
}

#[test]
fn fuller_wins_and_skipping_what_is_closed_cover_each_other() {
    goes_wrong_without(&[Broken::FullerWins, Broken::SkipClosed], |verdict| !verdict.rows_right);
    for one in [Broken::FullerWins, Broken::SkipClosed] {
        let wrong = seeds_where(BROKEN_SEEDS, Mode::ProgressMayGoBack, &[one], |verdict| !verdict.rows_right);
        assert!(wrong.is_empty(), "without {one:?} alone the rows stay right: seeds {wrong:?}");
    }
    // The ledger has no second line of defence.
    goes_wrong_without(&[Broken::SkipClosed], |verdict| !verdict.ledger_right);
}
