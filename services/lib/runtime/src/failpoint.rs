//! A place in the program where it shall die, for tests of what a crash there
//! leaves behind. There is at most one, it comes from a variable that nothing
//! else sets, and who starts with it says so loudly.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

/// `PLACE:COUNT:abort`: the process aborts the `COUNT`th time that it comes to
/// the place. Not part of the configuration, so that no file can bring it along.
pub const VARIABLE: &str = "TIDEGATE_FAILPOINT";

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FailpointError {
    #[error("{VARIABLE}={0:?} is not PLACE:COUNT:abort with a count from 1 on")]
    Malformed(String),
    #[error("{VARIABLE}: there is no place {found:?}; there are {}", known.join(", "))]
    Unknown { found: String, known: Vec<&'static str> },
}

/// Handed down to where the places are.
#[derive(Debug)]
pub struct Failpoint {
    place: &'static str,
    /// Times that the place may still be passed, and the one that is fatal.
    left: AtomicU32,
}

/// What happens at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    GoOn,
    Die,
}

impl Failpoint {
    /// From the variable's value; `known` are the places that there are.
    ///
    /// # Errors
    /// When the value makes no sense: a test that dies nowhere proves nothing.
    pub fn parse(value: &str, known: &[&'static str]) -> Result<Self, FailpointError> {
        let malformed = || FailpointError::Malformed(value.to_owned());
        let mut parts = value.split(':');
        let (Some(found), Some(count), Some("abort"), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed());
        };
        let count = count.parse().ok().filter(|count| *count > 0).ok_or_else(malformed)?;
        let place = known.iter().find(|place| **place == found);
        let unknown = || FailpointError::Unknown { found: found.to_owned(), known: known.to_vec() };
        Ok(Self { place: place.ok_or_else(unknown)?, left: AtomicU32::new(count) })
    }

    /// Aborts the process if this is the place and the time.
    pub fn reached(&self, place: &str) {
        if self.fate_at(place) == Fate::Die {
            tracing::error!(place, "aborting, as {VARIABLE} asks");
            std::process::abort();
        }
    }

    fn fate_at(&self, place: &str) -> Fate {
        // Stays at 0 afterwards, which only a test sees.
        let pass = |left: u32| left.checked_sub(1);
        let before = if place == self.place {
            self.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, pass)
        } else {
            Err(0)
        };
        if before == Ok(1) { Fate::Die } else { Fate::GoOn }
    }
}

impl fmt::Display for Failpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, time {} from now", self.place, self.left.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests;
