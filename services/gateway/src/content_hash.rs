//! The identity of a batch that brings none: a hash of what its samples are.
//!
//! Stored with the batch, so part of the format: XXH3-128 over the tenant, 0,
//! then 1 and the hash of the client's `Idempotency-Key` or 0, then tokens in
//! the order of the request, each a byte ([`Token`]) and its fields, integers
//! and floats little-endian, lists preceded by their length.
//!
//! Everything that the request holds goes in, samples that are then refused
//! too, and beside them which ones were refused though they may be taken when
//! the same request comes again (series beyond the cap, too far ahead, out of
//! range): that request is then another batch, and all that it is answered for
//! is counted. The price: when the first answer was lost and the retry is
//! judged otherwise, samples taken both times count twice. Samples refused as
//! too old are not marked, since they become so between a request and its
//! retry. What is left is a batch with a session: its identity is the client's,
//! so a sample refused at first and taken at the retry is not counted.

use tidegate_model::{Buckets, Distribution, Histogram, MetricId, ResetHint, TenantId};
use xxhash_rust::xxh3::Xxh3Default;

pub struct ContentHash {
    hasher: Xxh3Default,
    /// Gathered, for the hasher is slow at few bytes a time.
    buffer: [u8; BUFFER_BYTES],
    buffered: usize,
}

const BUFFER_BYTES: usize = 1024;

/// What the bytes after it are.
#[derive(Clone, Copy)]
enum Token {
    Series = 0,
    Float = 1,
    DeltaFloat = 2,
    Histogram = 3,
    Distribution = 4,
    Refused = 5,
    Unique = 6,
}

/// Tells equal bits of different kinds apart.
#[derive(Clone, Copy)]
pub enum Kind {
    Float = Token::Float as isize,
    DeltaFloat = Token::DeltaFloat as isize,
}

impl ContentHash {
    pub fn new() -> Self {
        Self { hasher: Xxh3Default::new(), buffer: [0; BUFFER_BYTES], buffered: 0 }
    }

    /// Begins a request; `key` is [`ContentHash::of_key`] of the client's own.
    pub fn begin(&mut self, tenant: &TenantId, key: Option<u128>) {
        self.buffered = 0;
        self.hasher.reset();
        self.hasher.update(tenant.as_str().as_bytes());
        self.put([0, u8::from(key.is_some())]);
        if let Some(key) = key {
            self.put(key.to_le_bytes());
        }
    }

    #[inline]
    pub fn series(&mut self, id: MetricId) {
        self.put([Token::Series as u8]);
        self.put(id.0.to_le_bytes());
    }

    #[inline]
    pub fn sample(&mut self, kind: Kind, time_ms: i64, value: f64) {
        self.token(kind as u8, time_ms);
        self.put(value.to_le_bytes());
    }

    pub fn histogram(&mut self, time_ms: i64, histogram: &Histogram) {
        let Histogram { schema, zero_threshold, zero_count, count, sum, positive, negative, custom_bounds, reset_hint } =
            histogram;
        self.token(Token::Histogram as u8, time_ms);
        let reset_hint = match reset_hint {
            ResetHint::Unknown => 0,
            ResetHint::Reset => 1,
            ResetHint::NoReset => 2,
            ResetHint::Gauge => 3,
        };
        self.put([schema.to_le_bytes()[0], reset_hint]);
        for value in [zero_threshold, zero_count, count, sum] {
            self.put(value.to_le_bytes());
        }
        self.buckets(positive);
        self.buckets(negative);
        self.floats(custom_bounds);
    }

    fn buckets(&mut self, buckets: &Buckets) {
        self.length(buckets.spans.len());
        for span in &buckets.spans {
            self.put(span.offset.to_le_bytes());
            self.put(span.length.to_le_bytes());
        }
        self.floats(&buckets.counts);
    }

    fn floats(&mut self, values: &[f64]) {
        self.length(values.len());
        for value in values {
            self.put(value.to_le_bytes());
        }
    }

    pub fn distribution(&mut self, time_ms: i64, distribution: &Distribution) {
        let Distribution { count, sum, min, max, sketch } = distribution;
        self.token(Token::Distribution as u8, time_ms);
        self.put(count.to_le_bytes());
        for value in [sum, min, max] {
            self.put(value.to_le_bytes());
        }
        self.length(sketch.iter().count());
        for (key, count) in sketch.iter() {
            self.put(key.bits().to_le_bytes());
            self.put(count.to_le_bytes());
        }
    }

    /// Marks the sample with this place in the request as one that is refused
    /// now but may be taken later.
    pub fn refused(&mut self, index: u64) {
        self.put([Token::Refused as u8]);
        self.put(index.to_le_bytes());
    }

    /// Makes the batch like no other.
    pub fn distinguish(&mut self, unique: u128) {
        self.put([Token::Unique as u8]);
        self.put(unique.to_le_bytes());
    }

    pub fn finish(&mut self) -> u128 {
        self.flush();
        self.hasher.digest128()
    }

    #[inline]
    fn token(&mut self, token: u8, time_ms: i64) {
        self.put([token]);
        self.put(time_ms.to_le_bytes());
    }

    fn length(&mut self, length: usize) {
        self.put((length as u64).to_le_bytes());
    }

    #[inline]
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        if self.buffered + N > BUFFER_BYTES {
            self.flush();
        }
        self.buffer[self.buffered..self.buffered + N].copy_from_slice(&bytes);
        self.buffered += N;
    }

    fn flush(&mut self) {
        self.hasher.update(&self.buffer[..self.buffered]);
        self.buffered = 0;
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

    /// What a client's own key is in the hash.
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
