//! This host's own metrics, read every few seconds and pushed to a gateway.
//! They are named as the Prometheus node exporter names them where it has them.

mod batch;
pub(crate) mod collect;
mod service;

pub use service::{name, start};
