//! The rollup state machine: records of a partition in, closed fragments,
//! live windows and progress out.
//!
//! Everything that comes out is a pure function of the partition's log. So any
//! number of owners may fold the same partition and write what they find; a
//! crash, a zombie or a lost write cannot change what ends up stored. The
//! crate knows no clock and does no I/O: time is the log's.
//!
//! A [`Fold`] is fed one record at a time:
//!
//! 1. [`Fold::begin_record`] moves the effective time and closes what is due;
//! 2. [`Fold::begin_part`] asks whether the batch was counted before;
//! 3. [`Fold::float`] or [`Fold::sample`] place each sample;
//! 4. [`Fold::live`] gives the windows that streams shall see now, then
//!    [`Fold::take_closed`] the fragments to store;
//! 5. once those are stored: [`Fold::take_sightings`], [`Fold::take_sessions`]
//!    and [`Fold::take_final_ledger`], and after these [`Fold::progress`].

mod batches;
mod closed;
mod content_ids;
mod fold;
mod fragment;
mod ledger;
mod live;
mod rules;
mod series_table;
mod windows;

pub use batches::{Admission, Horizon};
pub use closed::{ClosedFragment, RowOut};
pub use fold::{Fold, Placed};
pub use live::LiveOut;
pub use rules::{Placement, Rules};
