//! Results as bytes: the frames of the Java aggregation server, and JSON; with
//! numbers and times as Java prints them.

pub mod aggregation;
pub mod java;
pub mod json;
