//! One run: a random history of the cluster, then the verdict.

use tidegate_fold::Rules;

use crate::clients::Clients;
use crate::cluster::Cluster;
use crate::judge;
use crate::owner::Owner;
use crate::random::Random;

/// The fold's rules, but forgetting soon enough to happen within a run.
pub const RULES: Rules =
    Rules { forget_ms: 60_000, forget_ids: 8, forget_session_ms: 600_000, ledger_ms: 6 * 3_600_000, ..Rules::V1 };

/// No fragment may stay open for longer, by a true clock.
const MAX_OPEN_MS: i64 = 240_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    ProgressNeverGoesBack,
    ProgressMayGoBack,
    /// All owners are down until the log has lost records that they need. The
    /// log's clock is sane here: what lost records did to it cannot be known.
    LogTruncated,
}

/// A rule that is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Replay starts at the newest offset, not at the resume offset.
    Resume,
    /// The clock at the resume offset is not restored.
    Clock,
    /// Batch ids are forgotten at a take-over.
    Dedupe,
    /// Batch ids are taken over as of the position, not of the resume offset.
    Horizon,
    /// Open fragments are written when progress is saved.
    Partial,
    /// A clock that steps far back only stops the effective time.
    Era,
    /// Of two versions of a row the latest write stays.
    FullerWins,
    /// A replay writes what is stored already.
    SkipClosed,
}

#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    pub rows_right: bool,
    pub open_in_time: bool,
    pub ledger_right: bool,
    /// Records that the last owner could not read any more.
    pub lost_records: u64,
}

impl Verdict {
    pub fn is_right(&self) -> bool {
        self.rows_right && self.open_in_time && self.ledger_right
    }
}

pub fn run(seed: u64, mode: Mode, broken: &[Broken]) -> Verdict {
    let mut random = Random::new(seed);
    let random = &mut random;
    let mut cluster = Cluster::new();
    // Near the end of an hour, so that runs cross into the next one.
    let mut clients = Clients::new(100_000 * 3_600_000 - random.between(0, 3_000_000));
    let mut owners = vec![Owner::take_over(&cluster, broken)];
    let mut stale = Vec::new();
    let may_go_back = mode == Mode::ProgressMayGoBack;
    for _ in 0..random.between(50, 400) {
        let event = random.fraction();
        if event < 0.5 {
            for _ in 0..random.between(1, 4) {
                clients.push(&mut cluster, random, mode);
            }
        } else if event < 0.85 {
            let owner = random.below(owners.len());
            for _ in 0..random.between(1, 12) {
                owners[owner].step(&mut cluster);
            }
            owners[owner].flush_some(&mut cluster, random);
        } else if event < 0.93 {
            let owner = random.below(owners.len());
            let break_off = random.chance(0.2);
            let Some(saved) = owners[owner].save(&mut cluster, random, break_off) else { continue };
            let fate = random.fraction();
            if fate < 0.6 && (may_go_back || saved.position >= cluster.progress.position) {
                cluster.progress = saved;
            } else if fate < 0.8 {
                stale.push(saved);
            }
        } else if event < 0.96 && !stale.is_empty() && may_go_back {
            cluster.progress = stale.swap_remove(random.below(stale.len()));
        } else if event < 0.985 && owners.len() < 3 {
            owners.push(Owner::take_over(&cluster, broken));
        } else if event < 0.99 && mode == Mode::LogTruncated {
            let from = cluster.progress.resume_offset as usize;
            cluster.log_start = cluster.log_start.max(from + random.below(cluster.log.len() - from + 1));
            owners = vec![Owner::take_over(&cluster, broken)];
            stale.clear();
        } else {
            let owner = random.below(owners.len());
            owners[owner] = Owner::take_over(&cluster, broken);
        }
    }
    // Two ticks, of which the second closes everything.
    for append_ms in [clients.now_ms(), clients.now_ms() + 100_000_000] {
        clients.tick(&mut cluster, append_ms);
    }
    let mut last = Owner::take_over(&cluster, broken);
    while last.step(&mut cluster) {}
    if let Some(progress) = last.save(&mut cluster, random, false) {
        cluster.progress = progress;
    }
    for mut zombie in owners {
        for _ in 0..random.below(31) {
            zombie.step(&mut cluster);
        }
        zombie.flush_some(&mut cluster, random);
    }
    let (rows_right, ledger_right) = match mode {
        Mode::LogTruncated => judge::after_a_gap(&cluster, last.lost),
        _ => (judge::rows_are_right(&cluster), judge::ledger_is_right(&cluster)),
    };
    let open_in_time = cluster.longest_open_ms <= MAX_OPEN_MS;
    Verdict { rows_right, open_in_time, ledger_right, lost_records: last.lost }
}
