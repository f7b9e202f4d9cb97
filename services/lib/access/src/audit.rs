//! The audit log: lines of target `audit` on who did what, from where, and how
//! it ended. Bounded in rate, so that it cannot be made to fill a disk; what is
//! left out is counted, and the next line tells how many.

use std::net::SocketAddr;

use parking_lot::Mutex;
use prometheus_client::metrics::counter::Counter;
use tokio::time::Instant;

/// Lines a second, as many at once.
const LINES_PER_SECOND: f64 = 50.0;

pub struct Audit {
    state: Mutex<State>,
    skipped: Counter,
}

struct State {
    left: f64,
    at: Instant,
    skipped: u64,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// Name of the token; empty where none was recognized.
    pub who: &'a str,
    pub tenant: &'a str,
    pub method: &'a str,
    pub path: &'a str,
    pub peer: Option<SocketAddr>,
    pub outcome: &'a str,
    pub status: u16,
}

/// Of a path, in a line: clients choose it.
const PATH_BYTES: usize = 200;

impl Audit {
    pub fn new(skipped: Counter) -> Self {
        Self { state: Mutex::new(State { left: LINES_PER_SECOND, at: Instant::now(), skipped: 0 }), skipped }
    }

    pub fn write(&self, line: &Line<'_>) {
        let Some(skipped) = self.state.lock().turn(Instant::now()) else {
            self.skipped.inc();
            return;
        };
        let Line { who, tenant, method, path, peer, outcome, status } = *line;
        let path = &path[..path.floor_char_boundary(PATH_BYTES)];
        let peer = peer.map(|peer| tracing::field::display(peer.ip()));
        let skipped = (skipped > 0).then_some(skipped);
        tracing::info!(target: "audit", who, tenant, method, path, peer, outcome, status, skipped, "audit");
    }
}

impl State {
    /// Lines left out before this one, if this one may be written.
    fn turn(&mut self, now: Instant) -> Option<u64> {
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * LINES_PER_SECOND;
        self.left = (self.left + earned).min(LINES_PER_SECOND);
        self.at = now;
        if self.left < 1.0 {
            self.skipped += 1;
            return None;
        }
        self.left -= 1.0;
        Some(std::mem::take(&mut self.skipped))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_are_bounded_and_those_left_out_are_told() {
        let now = Instant::now();
        let mut state = State { left: LINES_PER_SECOND, at: now, skipped: 0 };
        let written = (0..1_000).filter(|_| state.turn(now).is_some()).count();
        assert_eq!(written, 50);
        assert_eq!(state.turn(now + Duration::from_secs(1)), Some(950));
        assert_eq!(state.turn(now + Duration::from_secs(1)), Some(0));
    }
}
