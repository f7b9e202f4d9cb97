//! The id of an event: what a client has, and what it still waits for.

use std::fmt;
use std::str::FromStr;

/// The last millisecond of the year 9999.
const LATEST_MS: i64 = 253_402_300_799_999;

/// `T`, the time of the latest step in ms; or `T-F` where the steps from F to T
/// are still to be corrected, because partitions were missing in them. It says
/// all that a server must know to go on, so that any replica can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventId {
    pub step_ms: i64,
    pub incomplete_from_ms: Option<i64>,
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.step_ms)?;
        self.incomplete_from_ms.map_or(Ok(()), |from_ms| write!(f, "-{from_ms}"))
    }
}

/// The text is no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoId;

impl FromStr for EventId {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        let (step, from) = match text.split_once('-') {
            Some((step, from)) => (step, Some(from)),
            None => (text, None),
        };
        let step_ms = time_ms(step)?;
        let incomplete_from_ms = from.map(time_ms).transpose()?;
        if incomplete_from_ms.is_some_and(|from_ms| from_ms > step_ms) {
            return Err(NoId);
        }
        Ok(Self { step_ms, incomplete_from_ms })
    }
}

fn time_ms(text: &str) -> Result<i64, NoId> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(NoId);
    }
    text.parse().ok().filter(|time_ms| *time_ms <= LATEST_MS).ok_or(NoId)
}

#[cfg(test)]
mod tests;
