//! The log on real brokers: those named by `TIDEGATE_TEST_KAFKA`, and, for
//! tests that stop one, brokers of their own.

mod broker {
    pub mod conformance;
    pub mod shared;
}
