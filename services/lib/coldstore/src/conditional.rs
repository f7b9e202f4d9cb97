//! Puts that happen only if the object is still what the writer saw.

pub mod conformance;
mod local;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, PutMode, PutOptions, UpdateVersion};

pub use local::LocalPut;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutCondition {
    Absent,
    /// The object has this ETag.
    Matches(String),
}

#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// Nothing was written; look again.
    #[error("object {0} is not what it was")]
    Precondition(String),
    /// Nothing is known of what was written.
    #[error("object {path}: {source}")]
    Io { path: String, source: std::io::Error },
    #[error("{0}")]
    Store(#[source] object_store::Error),
}

/// Replaces an object whole. Durable when it returns; readers see all of the
/// new object or all of the old one.
#[async_trait]
pub trait ConditionalPut: Send + Sync + 'static {
    async fn put(&self, path: &Path, bytes: Bytes, condition: PutCondition) -> Result<(), PutError>;

    /// Makes an object durable that is there as it shall be: the put that
    /// brought it may have died before it was.
    async fn settle(&self, _path: &Path) -> Result<(), PutError> {
        Ok(())
    }
}

/// For stores that check conditions themselves, as S3 does.
pub struct StorePut(pub Arc<dyn ObjectStore>);

#[async_trait]
impl ConditionalPut for StorePut {
    async fn put(&self, path: &Path, bytes: Bytes, condition: PutCondition) -> Result<(), PutError> {
        let mode = match condition {
            PutCondition::Absent => PutMode::Create,
            PutCondition::Matches(e_tag) => PutMode::Update(UpdateVersion { e_tag: Some(e_tag), version: None }),
        };
        let put = self.0.put_opts(path, bytes.into(), PutOptions { mode, ..PutOptions::default() }).await;
        match put {
            Ok(_) => Ok(()),
            Err(
                object_store::Error::AlreadyExists { .. }
                | object_store::Error::Precondition { .. }
                | object_store::Error::NotFound { .. },
            ) => Err(PutError::Precondition(path.to_string())),
            Err(error) => Err(PutError::Store(error)),
        }
    }
}

#[cfg(test)]
mod tests;
