//! Label sets in their canonical form, and the id that stands for a series.

use std::fmt;

use xxhash_rust::xxh3::xxh3_128;

use crate::TenantId;

/// The label that holds a metric's name.
pub const METRIC_NAME: &str = "__name__";

/// Labels sorted by name, each name once, no empty value (an empty value means
/// the label is absent, as in Prometheus).
///
/// Held as canonical bytes: for each pair the name, then the value, each as
/// LEB128 length and UTF-8 bytes. Equal sets have equal bytes, and the bytes
/// are what is hashed and stored.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels(Box<[u8]>);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LabelsError {
    #[error("label {0:?} is given twice")]
    Duplicate(String),
    #[error("a label name is empty")]
    EmptyName,
    #[error("label bytes are not canonical: {0}")]
    Corrupt(&'static str),
}

impl Labels {
    pub fn empty() -> Self {
        Self(Box::default())
    }

    /// Sorts the pairs, drops those with an empty value, refuses a name given
    /// twice.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, LabelsError> {
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        pairs.sort_unstable_by_key(|(name, _)| *name);
        if let Some(twice) = pairs.windows(2).find(|two| two[0].0 == two[1].0) {
            return Err(LabelsError::Duplicate(twice[0].0.to_owned()));
        }
        let mut bytes = Vec::new();
        for (name, value) in pairs {
            if name.is_empty() {
                return Err(LabelsError::EmptyName);
            }
            if !value.is_empty() {
                push_pair(&mut bytes, name, value);
            }
        }
        Ok(Self(bytes.into()))
    }

    /// Takes bytes that [`Labels::as_bytes`] or [`push_pair`] made, checking
    /// that they are canonical.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LabelsError> {
        let mut rest = bytes;
        let mut previous: Option<&str> = None;
        while !rest.is_empty() {
            let (name, after) = take_str(rest)?;
            let (value, after) = take_str(after)?;
            if name.is_empty() || value.is_empty() {
                return Err(LabelsError::Corrupt("empty name or value"));
            }
            if previous.is_some_and(|previous| previous >= name) {
                return Err(LabelsError::Corrupt("names are not sorted"));
            }
            previous = Some(name);
            rest = after;
        }
        Ok(Self(bytes.into()))
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let (name, after) = take_str(rest).ok()?;
            let (value, after) = take_str(after).ok()?;
            rest = after;
            Some((name, value))
        })
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// The metric's name, "" when there is none.
    pub fn metric_name(&self) -> &str {
        self.get(METRIC_NAME).unwrap_or("")
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.iter().count()
    }
}

/// Appends one pair in canonical form. The caller keeps the order of names.
pub fn push_pair(bytes: &mut Vec<u8>, name: &str, value: &str) {
    for text in [name, value] {
        let mut length = text.len();
        while length >= 0x80 {
            bytes.push(length as u8 | 0x80);
            length >>= 7;
        }
        bytes.push(length as u8);
        bytes.extend_from_slice(text.as_bytes());
    }
}

fn take_str(bytes: &[u8]) -> Result<(&str, &[u8]), LabelsError> {
    let mut length = 0usize;
    for (index, byte) in bytes.iter().enumerate().take(5) {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let rest = &bytes[index + 1..];
            let text = rest.get(..length).ok_or(LabelsError::Corrupt("truncated"))?;
            let text = std::str::from_utf8(text).map_err(|_| LabelsError::Corrupt("not UTF-8"))?;
            return Ok((text, &rest[length..]));
        }
    }
    Err(LabelsError::Corrupt("truncated"))
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Prometheus notation: `name{label="value",...}`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.metric_name())?;
        f.write_str("{")?;
        for (index, (name, value)) in self.iter().filter(|(name, _)| *name != METRIC_NAME).enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{name}={value:?}")?;
        }
        f.write_str("}")
    }
}

/// 128-bit identity of a series: XXH3-128 over tenant length (1 byte), tenant
/// and canonical label bytes. Part of the stored format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MetricId(pub u128);

impl MetricId {
    pub fn of(tenant: &TenantId, labels: &Labels) -> Self {
        Self::of_canonical(tenant, labels.as_bytes())
    }

    /// As [`MetricId::of`], for label bytes known to be canonical.
    pub fn of_canonical(tenant: &TenantId, labels: &[u8]) -> Self {
        MetricIds::of(tenant).of_canonical(labels)
    }

    /// The partition of the series, of `partitions` in all.
    pub fn partition(self, partitions: u16) -> u16 {
        // 32 bits at a time: a division of 128 bits is a slow call.
        let partitions = u64::from(partitions.max(1));
        let (high, low) = ((self.0 >> 64) as u64, self.0 as u64);
        let rest = (high % partitions) << 32 | low >> 32;
        let rest = (rest % partitions) << 32 | low & 0xffff_ffff;
        (rest % partitions) as u16
    }

    pub fn to_be_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    pub fn from_be_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }
}

/// Ids of many series of a tenant: [`MetricId::of_canonical`] with a buffer
/// that is used again.
#[derive(Clone, Debug)]
pub struct MetricIds {
    /// Tenant length, tenant, then the labels of the latest series.
    buffer: Vec<u8>,
    prefix_bytes: usize,
}

impl MetricIds {
    pub fn of(tenant: &TenantId) -> Self {
        let mut ids = Self { buffer: Vec::new(), prefix_bytes: 0 };
        ids.begin(tenant);
        ids
    }

    /// The series that follow are this tenant's.
    pub fn begin(&mut self, tenant: &TenantId) {
        self.buffer.clear();
        self.buffer.push(tenant.as_str().len() as u8);
        self.buffer.extend_from_slice(tenant.as_str().as_bytes());
        self.prefix_bytes = self.buffer.len();
    }

    /// The id of the series with these labels, which are canonical bytes.
    #[inline]
    pub fn of_canonical(&mut self, labels: &[u8]) -> MetricId {
        self.buffer.truncate(self.prefix_bytes);
        self.buffer.extend_from_slice(labels);
        MetricId(xxh3_128(&self.buffer))
    }
}

impl fmt::Display for MetricId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

#[cfg(test)]
mod tests;
