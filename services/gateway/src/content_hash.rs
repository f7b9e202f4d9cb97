//! The identity of a batch that brings none: a hash of what its samples are.
//!
//! Everything that the request holds goes in, samples that are then refused
//! too: what is refused can differ when the same request comes again an hour
//! later, what it holds cannot.

use tidegate_model::{Distribution, Histogram, MetricId, TenantId};
use xxhash_rust::xxh3::Xxh3Default;

pub struct ContentHash {
    hasher: Xxh3Default,
}

/// Tells equal bits of different kinds apart.
#[derive(Clone, Copy)]
pub enum Kind {
    Float = 0,
    DeltaFloat = 1,
    Histogram = 2,
    Distribution = 3,
}

impl ContentHash {
    pub fn new() -> Self {
        Self { hasher: Xxh3Default::new() }
    }

    pub fn begin(&mut self, tenant: &TenantId) {
        self.hasher.reset();
        self.hasher.update(tenant.as_str().as_bytes());
        self.hasher.update(&[0]);
    }

    #[inline]
    pub fn series(&mut self, id: MetricId) {
        self.hasher.update(&id.0.to_le_bytes());
    }

    #[inline]
    pub fn sample(&mut self, kind: Kind, time_ms: i64, value: f64) {
        let time = (time_ms as u64) ^ ((kind as u64) << 62);
        let pair = u128::from(time) | u128::from(value.to_bits()) << 64;
        self.hasher.update(&pair.to_le_bytes());
    }

    pub fn histogram(&mut self, time_ms: i64, histogram: &Histogram) {
        self.sample(Kind::Histogram, time_ms, histogram.sum);
        for buckets in [&histogram.positive, &histogram.negative] {
            for count in &buckets.counts {
                self.hasher.update(&count.to_le_bytes());
            }
        }
        self.hasher.update(&histogram.count.to_le_bytes());
    }

    pub fn distribution(&mut self, time_ms: i64, distribution: &Distribution) {
        self.sample(Kind::Distribution, time_ms, distribution.sum);
        for (key, count) in distribution.sketch.iter() {
            self.hasher.update(&key.bits().to_le_bytes());
            self.hasher.update(&count.to_le_bytes());
        }
    }

    /// Makes the batch like no other.
    pub fn distinguish(&mut self, unique: u128) {
        self.hasher.update(&unique.to_le_bytes());
    }

    pub fn finish(&self) -> u128 {
        self.hasher.digest128()
    }

    /// A session as the fold knows it. Clients choose their sessions, so that
    /// one tenant's could be another's: the tenant is mixed in.
    pub fn of_session(tenant: &TenantId, session: u128) -> u128 {
        let mut hasher = Xxh3Default::new();
        hasher.update(b"session\0");
        hasher.update(tenant.as_str().as_bytes());
        hasher.update(&[0]);
        hasher.update(&session.to_be_bytes());
        hasher.digest128()
    }

    /// The identity that a client's own key stands for.
    pub fn of_key(tenant: &TenantId, key: &[u8]) -> u128 {
        let mut hasher = Xxh3Default::new();
        hasher.update(b"idempotency-key\0");
        hasher.update(tenant.as_str().as_bytes());
        hasher.update(&[0]);
        hasher.update(key);
        hasher.digest128()
    }
}

#[cfg(test)]
mod tests;
