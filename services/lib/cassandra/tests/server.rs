//! The store on real nodes: those named by `TIDEGATE_TEST_CASSANDRA`.

mod server {
    mod conformance;
    mod migrations;
    mod outage;
    mod rows;
    mod secure;
    mod shared;
    mod state;
}
