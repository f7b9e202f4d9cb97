//! Reads the file of tokens again when it changes.

use std::convert::Infallible;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::file::{FileError, Tokens};
use crate::guard::Guard;

/// What changes is in force a second later at most.
const LOOK_EVERY: Duration = Duration::from_millis(500);

impl Guard {
    /// Looks for changes until cancelled. By content, as times of files are
    /// coarse and links may be swapped. A file that makes no sense is told, and
    /// the tokens before stay.
    ///
    /// # Errors
    /// None today; the type fits `Tasks::spawn`.
    pub async fn keep_reading(self, cancel: CancellationToken) -> Result<(), Infallible> {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        let mut seen = None;
        loop {
            tokio::select! {
                () = cancel.cancelled() => return Ok(()),
                _ = ticks.tick() => {}
            }
            let file = self.file().clone();
            let read = tokio::task::spawn_blocking(move || Tokens::text_of(&file).map_err(|error| error.to_string()));
            let Ok(text) = read.await else { continue };
            if seen.as_ref() == Some(&text) {
                continue;
            }
            let is_first = seen.is_none();
            let tokens = text.clone().and_then(|text| {
                let tokens = Tokens::read_as(self.file(), &text);
                tokens.map_err(|error: FileError| error.to_string())
            });
            seen = Some(text);
            match tokens {
                // It may have changed since it was loaded.
                Ok(tokens) if is_first => self.replace(tokens),
                Ok(tokens) => {
                    tracing::info!(tokens = tokens.len(), file = %self.file().display(), "the tokens were read again");
                    self.metrics().reloads.inc();
                    self.replace(tokens);
                }
                Err(error) => {
                    self.metrics().failed_reloads.inc();
                    tracing::error!(error, "the tokens before stay in force");
                }
            }
        }
    }
}
