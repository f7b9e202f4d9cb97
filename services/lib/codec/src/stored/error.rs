//! Why stored bytes cannot be read.

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    #[error("stored bytes end too early")]
    Truncated,
    #[error("stored {format} has version {found}, which this program does not know")]
    Version { format: &'static str, found: u8 },
    #[error("stored bytes are not valid: {0}")]
    Invalid(&'static str),
}
