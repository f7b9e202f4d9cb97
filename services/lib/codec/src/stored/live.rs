//! A record of the topic metrics-rollup, version 1.
//!
//! ```text
//! record = 1 (u8), log epoch (u64), partition (u16), watermark era,
//!          watermark (zigzag, ms), runs...
//! run    = flags (u8), number of windows less one,
//!          [tenant length (u8), tenant]            flag 1: another tenant
//!          [era, fragment]                         flag 2: another fragment
//!          [start − start before (zigzag, ms)]     flag 4: another start
//!          windows...
//! window = kind (u8), metric id (16 bytes), value (see window.rs)
//! ```
//!
//! A run holds neighbouring windows that share tenant, fragment and start:
//! mostly all that a partition publishes at a moment. Before the first run the
//! tenant is "default" and all numbers are 0.

use bytes::Bytes;
use tidegate_model::{Clock, MetricId, SourceId, TenantId, Window};

use super::StoredError;
use super::varint::{Cursor, put_varint, put_zigzag};
use super::window::{Predictor, kind_of};

const VERSION: u8 = 1;
const OTHER_TENANT: u8 = 1;
const OTHER_FRAGMENT: u8 = 2;
const OTHER_START: u8 = 4;
/// Kind, metric id, form, value.
const LEAST_WINDOW_BYTES: usize = 19;

/// Windows as they stand, and how far the partition is.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveRecord {
    pub source: SourceId,
    /// No window that ends before this is open in its on-time fragment.
    pub watermark: Clock,
    pub windows: Vec<LiveWindow>,
}

/// One fragment's part of a 5 s window.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveWindow {
    pub tenant: TenantId,
    pub metric_id: MetricId,
    pub era: u32,
    pub fragment: u32,
    pub window: Window,
}

pub fn encode_live(record: &LiveRecord) -> Bytes {
    let mut out = Vec::with_capacity(32 + record.windows.len() * 32);
    out.push(VERSION);
    out.extend_from_slice(&record.source.epoch.to_le_bytes());
    out.extend_from_slice(&record.source.partition.to_le_bytes());
    put_varint(&mut out, u64::from(record.watermark.era));
    put_zigzag(&mut out, record.watermark.effective_ms);
    let default_tenant = TenantId::default();
    let mut before = Shared { tenant: &default_tenant, era: 0, fragment: 0, start_ms: 0 };
    for run in record.windows.chunk_by(|a, b| Shared::of(a) == Shared::of(b)) {
        let shared = Shared::of(&run[0]);
        shared.put(&mut out, &before, run.len());
        before = shared;
        for live in run {
            out.push(kind_of(&live.window.value));
            out.extend_from_slice(&live.metric_id.0.to_le_bytes());
            Predictor::default().put(&mut out, live.window.start_ms, &live.window.value);
        }
    }
    out.into()
}

pub fn decode_live(bytes: &[u8]) -> Result<LiveRecord, StoredError> {
    let mut cursor = Cursor::new(bytes);
    cursor.version("live record", VERSION)?;
    let source =
        SourceId { epoch: u64::from_le_bytes(cursor.array()?), partition: u16::from_le_bytes(cursor.array()?) };
    let watermark = Clock { era: cursor.varint_u32()?, effective_ms: cursor.zigzag()? };
    let mut windows = Vec::new();
    let mut tenant = TenantId::default();
    let (mut era, mut fragment, mut start_ms) = (0, 0, 0i64);
    while !cursor.is_empty() {
        let flags = cursor.u8()?;
        let more = cursor.varint()?;
        if flags & OTHER_TENANT != 0 {
            let length = usize::from(cursor.u8()?);
            let name = std::str::from_utf8(cursor.take(length)?).ok();
            let name = name.and_then(|name| TenantId::new(name).ok());
            tenant = name.ok_or(StoredError::Invalid("tenant"))?;
        }
        if flags & OTHER_FRAGMENT != 0 {
            (era, fragment) = (cursor.varint_u32()?, cursor.varint_u32()?);
        }
        if flags & OTHER_START != 0 {
            start_ms = start_ms.wrapping_add(cursor.zigzag()?);
        }
        if flags > 7 {
            return Err(StoredError::Invalid("unknown flags of a run"));
        }
        if more >= (cursor.len() / LEAST_WINDOW_BYTES) as u64 {
            return Err(StoredError::Truncated);
        }
        windows.reserve(more as usize + 1);
        for _ in 0..=more {
            let kind = cursor.u8()?;
            let metric_id = MetricId(u128::from_le_bytes(cursor.array()?));
            let value = Predictor::default().take(&mut cursor, start_ms, kind)?;
            let window = Window { start_ms, value };
            windows.push(LiveWindow { tenant: tenant.clone(), metric_id, era, fragment, window });
        }
    }
    Ok(LiveRecord { source, watermark, windows })
}

#[derive(PartialEq, Clone, Copy)]
struct Shared<'a> {
    tenant: &'a TenantId,
    era: u32,
    fragment: u32,
    start_ms: i64,
}

impl<'a> Shared<'a> {
    fn of(live: &'a LiveWindow) -> Self {
        Self { tenant: &live.tenant, era: live.era, fragment: live.fragment, start_ms: live.window.start_ms }
    }

    fn put(&self, out: &mut Vec<u8>, before: &Shared<'_>, windows: usize) {
        let other_tenant = self.tenant != before.tenant;
        let other_fragment = (self.era, self.fragment) != (before.era, before.fragment);
        let other_start = self.start_ms != before.start_ms;
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        out.push(
            flag(other_tenant, OTHER_TENANT) | flag(other_fragment, OTHER_FRAGMENT) | flag(other_start, OTHER_START),
        );
        put_varint(out, windows as u64 - 1);
        if other_tenant {
            out.push(self.tenant.as_str().len() as u8);
            out.extend_from_slice(self.tenant.as_str().as_bytes());
        }
        if other_fragment {
            put_varint(out, u64::from(self.era));
            put_varint(out, u64::from(self.fragment));
        }
        if other_start {
            put_zigzag(out, self.start_ms.wrapping_sub(before.start_ms));
        }
    }
}

#[cfg(test)]
mod tests;
