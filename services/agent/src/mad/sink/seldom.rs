//! Keeps a line that would come with every result from filling the log.

use tokio::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub struct Seldom {
    last: Option<Instant>,
}

impl Seldom {
    /// Whether it is time for the next line.
    pub fn may_tell(&mut self) -> bool {
        let now = Instant::now();
        let may = self.last.is_none_or(|last| now.duration_since(last) >= INTERVAL);
        if may {
            self.last = Some(now);
        }
        may
    }
}
