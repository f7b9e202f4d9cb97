//! The log on real brokers: those of the stack, and, for tests that stop one, a
//! broker of its own.

mod broker {
    pub mod conformance;
    pub mod groups;
    pub mod others;
    pub mod outage;
    pub mod own_broker;
    pub mod reading;
    pub mod recreated;
    pub mod refused_appends;
    pub mod secure;
    pub mod shared;
    pub mod tls_server;
    pub mod topics;
}
