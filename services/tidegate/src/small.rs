//! An agent in a process of its own shares its host with what it measures: it
//! keeps no memory that it does not need.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use tidegate_runtime::memory::{self, Program, Thrift, Usage};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Between two looks at what it has; each takes some 20 µs.
const LOOK: Duration = Duration::from_secs(1);

/// What is known from the start.
pub struct Small {
    small_pages: io::Result<()>,
    program: io::Result<Program>,
}

/// To be called first of all: the program may be run anew.
pub fn begin() -> Small {
    Small { small_pages: memory::take_small_pages(), program: Program::loaded() }
}

impl Small {
    /// Gives back what of the program only the start, or work that is over, has needed. What is still used comes again by itself.
    pub async fn keep(self, cancel: CancellationToken) -> Result<(), Infallible> {
        if let Err(error) = self.small_pages {
            tracing::debug!(%error, "some memory is taken in large pages");
        }
        let program = match self.program {
            Ok(program) => program,
            Err(error) => {
                tracing::debug!(%error, "all pages of the program that were used stay resident");
                return Ok(());
            }
        };
        let mut thrift = Thrift::default();
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                _ = looks.tick() => {}
            }
            if Usage::read().is_some_and(|usage| thrift.look(usage)) {
                let given_bytes = program.give_back().unwrap_or_default();
                tracing::debug!(given_bytes, "pages of the program are given back");
            }
        }
    }
}
