//! Who data belongs to.

use std::fmt;
use std::sync::Arc;

/// A tenant's name: 1 to 64 of `A-Z a-z 0-9 _ . -`, first a letter, digit or
/// underscore, so that it can stand in a path or a key as it is.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(Arc<str>);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TenantError {
    #[error("tenant name has {0} bytes; 1 to 64 are allowed")]
    Length(usize),
    #[error("tenant name may hold letters, digits, '_', '.', '-' and must not start with '.' or '-'")]
    Character,
}

impl TenantId {
    pub const MAX_BYTES: usize = 64;

    pub fn new(name: &str) -> Result<Self, TenantError> {
        if name.is_empty() || name.len() > Self::MAX_BYTES {
            return Err(TenantError::Length(name.len()));
        }
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        if !name.bytes().all(allowed) || name.starts_with(['.', '-']) {
            return Err(TenantError::Character);
        }
        Ok(Self(name.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TenantId {
    /// The tenant of requests that name none.
    fn default() -> Self {
        Self("default".into())
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantId({})", self.0)
    }
}
