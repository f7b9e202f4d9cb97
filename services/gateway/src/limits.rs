//! Rates that a client may reach: requests (JSON) and samples (all protocols)
//! per second. Per process; a client is a tenant and what it calls itself.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::caller::ClientKey;
use crate::config::Limits;
use crate::error::Error;

/// Clients that are told apart at a time. Names come from a header, so there is
/// no end to them; above, clients of a tenant share its limit.
const MAX_CLIENTS: usize = 100_000;

pub struct ClientLimits {
    requests: Option<Rate>,
    samples: Option<Rate>,
    clock: DefaultClock,
    is_crowded: AtomicBool,
}

struct Rate {
    per_second: NonZeroU32,
    limiter: DefaultKeyedRateLimiter<u128>,
}

impl Rate {
    fn new(per_second: u32) -> Option<Self> {
        let per_second = NonZeroU32::new(per_second)?;
        Some(Self { per_second, limiter: RateLimiter::keyed(Quota::per_second(per_second)) })
    }
}

impl ClientLimits {
    pub fn new(limits: &Limits) -> Self {
        Self {
            requests: Rate::new(limits.requests_per_second),
            samples: Rate::new(limits.samples_per_second),
            clock: DefaultClock::default(),
            is_crowded: AtomicBool::new(false),
        }
    }

    /// # Errors
    /// [`Error::RateLimited`] when the client has had its requests.
    pub fn request(&self, client: &ClientKey) -> Result<(), Error> {
        self.take(self.requests.as_ref(), client, 1, "requests")
    }

    /// # Errors
    /// [`Error::RateLimited`] when the client has had its samples,
    /// [`Error::BatchOverLimit`] when these are more than it ever has.
    pub fn samples(&self, client: &ClientKey, count: u64) -> Result<(), Error> {
        self.take(self.samples.as_ref(), client, count, "samples")
    }

    fn take(&self, rate: Option<&Rate>, client: &ClientKey, count: u64, what: &str) -> Result<(), Error> {
        let Some(rate) = rate else { return Ok(()) };
        let Some(wanted) = NonZeroU32::new(u32::try_from(count).unwrap_or(u32::MAX)) else { return Ok(()) };
        let key = if self.is_crowded.load(Ordering::Relaxed) { client.tenant } else { client.client };
        let limit = rate.per_second;
        match rate.limiter.check_key_n(&key, wanted) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => Err(Error::RateLimited {
                what: format!("the client's limit of {limit} {what}/s (limits.{what}_per_second) is reached"),
                retry_after: not_until.wait_time_from(self.clock.now()),
            }),
            Err(_) => Err(Error::BatchOverLimit {
                what: format!(
                    "{count} {what} at once can never pass the client's limit of {limit} {what}/s \
                     (limits.{what}_per_second): send smaller batches"
                ),
                retry_after: Duration::from_secs(count / u64::from(limit.get())),
            }),
        }
    }

    /// Forgets clients that have their whole allowance back. Call every second
    /// or so.
    pub fn sweep(&self) {
        let mut clients = 0;
        for rate in [&self.requests, &self.samples].into_iter().flatten() {
            rate.limiter.retain_recent();
            rate.limiter.shrink_to_fit();
            clients = clients.max(rate.limiter.len());
        }
        self.is_crowded.store(clients > MAX_CLIENTS, Ordering::Relaxed);
    }
}
