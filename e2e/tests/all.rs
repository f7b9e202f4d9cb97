//! All scenarios, in one program so that they run side by side. Each has a server, a folder and ports of its own, and an
//! end in time.

#[path = "all/access.rs"]
mod access;
#[path = "all/agent_push.rs"]
mod agent_push;
#[path = "all/archive.rs"]
mod archive;
#[path = "all/bad_grpc.rs"]
mod bad_grpc;
#[path = "all/bad_http.rs"]
mod bad_http;
#[path = "all/certificates.rs"]
mod certificates;
#[path = "all/crash.rs"]
mod crash;
#[path = "all/disk_full.rs"]
mod disk_full;
#[path = "all/fleet.rs"]
mod fleet;
#[path = "all/host.rs"]
mod host;
#[path = "all/isolation.rs"]
mod isolation;
#[path = "all/limits.rs"]
mod limits;
#[path = "all/otlp_kinds.rs"]
mod otlp_kinds;
#[path = "all/prometheus.rs"]
mod prometheus;
#[path = "all/protocols.rs"]
mod protocols;
#[path = "all/slow_clients.rs"]
mod slow_clients;
#[path = "all/starting.rs"]
mod starting;
#[path = "all/stream.rs"]
mod stream;
#[path = "all/stream_clients.rs"]
mod stream_clients;
#[path = "all/support.rs"]
mod support;
