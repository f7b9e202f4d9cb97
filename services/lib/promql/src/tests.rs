//! Golden cases: expected values worked out by hand from Prometheus' documented
//! semantics.

mod annotations;
mod deltas;
mod golden;
mod limits;
mod oracle;
mod points;
mod selectors;
