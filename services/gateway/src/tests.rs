//! The whole gateway over a log in memory, driven through its routers.

mod bad_input;
mod harness;
mod json;
mod otlp;
mod push;
mod remote_write;
mod shared;
