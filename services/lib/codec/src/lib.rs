//! Bytes from and to the outside, and back into values: wire formats in
//! `ingest`, what Tidegate itself writes to the log and the store in `stored`.
//! Pure: no I/O, no clock, no runtime.

pub mod ingest;
pub mod stored;
