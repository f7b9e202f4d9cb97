//! What the scenarios and the load test share: a Tidegate process on a data
//! folder of its own, clients of every protocol it speaks, and the list of
//! tests that were skipped because a program is absent.
//!
//! The encoders are written here from the protocols' descriptions, not taken
//! from the code under test, so that an error on one side shows.

pub mod aggregation_server;
pub mod api;
pub mod binary;
pub mod fault_proxy;
pub mod fleet;
pub mod json;
pub mod mad;
pub mod otlp;
pub mod ports;
pub mod process;
pub mod push;
pub mod random;
pub mod remote_write;
pub mod series;
pub mod server;
pub mod skipped;
pub mod sse;
pub mod stack;
pub mod tcp_proxy;
pub mod wait;
pub mod wire;

pub use aggregation_server::AggregationServer;
pub use api::Api;
pub use fleet::Fleet;
pub use random::Random;
pub use series::{Series, now_ms};
pub use server::{Options, Server};
pub use wait::eventually;
