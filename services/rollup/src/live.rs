//! Live windows and watermarks to the topic metrics-rollup.

use bytes::Bytes;
use tidegate_codec::stored::{LiveRecord, LiveWindow, encode_live};
use tidegate_eventlog::{LogError, Topic};
use tidegate_fold::Fold;
use tidegate_model::time::WINDOW_MS;
use tidegate_model::{Clock, SourceId};

use crate::Error;
use crate::retry::Retry;

/// Windows in one record.
const RECORD_WINDOWS: usize = 5_000;
/// Windows gathered before they are published, even amid a batch of records.
const MAX_GATHERED: usize = 20_000;

/// Windows that wait for publication.
pub(crate) struct Live {
    windows: Vec<LiveWindow>,
    /// Watermark that was published last.
    pub published: Clock,
}

/// What a publication says of a partition.
#[derive(Clone, Copy)]
pub(crate) struct Reach {
    pub source: SourceId,
    /// The watermark that is known already.
    pub before: Clock,
    pub now: Clock,
}

impl Live {
    pub fn new() -> Self {
        Self { windows: Vec::new(), published: Clock::default() }
    }

    pub fn gather(&mut self, fold: &mut Fold) {
        fold.live(|live| {
            self.windows.push(LiveWindow {
                tenant: live.tenant.clone(),
                metric_id: live.metric_id,
                era: live.era,
                fragment: live.fragment,
                window: live.window.clone(),
            });
        });
    }

    pub fn is_full(&self) -> bool {
        self.windows.len() >= MAX_GATHERED
    }

    /// Whether there are windows, or another one has ended: that it has is
    /// worth telling even when it is empty.
    pub fn is_due(&self, now: Clock) -> bool {
        let ended = |clock: Clock| (clock.era, (clock.effective_ms - 1_000).div_euclid(WINDOW_MS));
        !self.windows.is_empty() || ended(now) != ended(self.published)
    }

    pub fn take(&mut self) -> Vec<LiveWindow> {
        std::mem::take(&mut self.windows)
    }
}

/// Appends the windows. Where they take several records only the last one has
/// the new watermark, since it promises the windows before it.
pub(crate) async fn publish(retry: &Retry, reach: Reach, windows: Vec<LiveWindow>) -> Result<(), Error> {
    let published = windows.len() as u64;
    let Ok(_turn) = retry.context.publications.acquire().await else { return Err(Error::Stopped) };
    let mut rest = Vec::new();
    let mut windows = windows.into_iter();
    loop {
        let record: Vec<_> = windows.by_ref().take(RECORD_WINDOWS).collect();
        if record.is_empty() {
            break;
        }
        rest.push(record);
    }
    if rest.is_empty() {
        rest.push(Vec::new());
    }
    rest.reverse();
    while let Some(windows) = rest.pop() {
        let watermark = if rest.is_empty() { reach.now } else { reach.before };
        let mut record = LiveRecord { source: reach.source, watermark, windows };
        match append(retry, reach.source.partition, encode_live(&record)).await {
            Err(Error::Log(LogError::TooLarge { size_bytes, limit_bytes })) => {
                let half = record.windows.len() / 2;
                if half == 0 {
                    tracing::error!(size_bytes, limit_bytes, "a live window is too large for the log");
                    retry.context.metrics.live_dropped.inc();
                    record.windows.clear();
                    if rest.is_empty() {
                        rest.push(record.windows);
                    }
                    continue;
                }
                let second = record.windows.split_off(half);
                rest.push(second);
                rest.push(record.windows);
            }
            other => other?,
        }
    }
    retry.context.metrics.live_windows.inc_by(published);
    Ok(())
}

async fn append(retry: &Retry, partition: u16, record: Bytes) -> Result<(), Error> {
    let log = &retry.context.log;
    let append = || log.append(Topic::MetricsRollup, vec![(partition, record.clone())]);
    retry.run("publishing live windows", append).await.map(drop)
}

#[cfg(test)]
mod tests;
