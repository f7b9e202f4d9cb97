//! A record of the topic metrics-raw, version 1.
//!
//! ```text
//! record  = 1 (u8), for each part: length, part        no part: a tick
//! part    = 1 (u8), tenant length (u8), tenant,
//!           batch: 0 (u8), hash (16 bytes)             BatchId::Content
//!                | 1 (u8), session (16 bytes), sequence
//!           samples, first time (zigzag, ms),
//!           length of series, series...,
//!           length of symbols, symbols...,
//!           number of metadata, metadata...
//! series  = metric id (16 bytes), number of pairs, symbol index of each pair,
//!           length of samples, samples...
//! sample  = tagged(kind, zigzag of time − first time), value
//! value   = f64 (kinds 0: float, 1: delta float)
//!         | histogram (2) | distribution (3)
//! symbol  = a label pair as in Labels: name length, name, value length, value
//! ```
//!
//! `tagged` is a byte of kind (bits 0–1) and low bits of the number (bits 2–6);
//! bit 7 says that the rest follows as a varint. Most samples of a scrape share
//! their time, so that one byte holds both.
//!
//! The symbols are whole pairs since neighbouring series share most of them.
//! They come after the series: the fold needs ids and samples only.

mod reader;
mod writer;

pub use reader::{Part, Record, SampleIter, SeriesIter, SeriesView};
pub use writer::{PartWriter, join, merge};

const RECORD_VERSION: u8 = 1;
const PART_VERSION: u8 = 1;
const BATCH_CONTENT: u8 = 0;
const BATCH_SESSION: u8 = 1;

mod kind {
    pub const FLOAT: u8 = 0;
    pub const DELTA_FLOAT: u8 = 1;
    pub const HISTOGRAM: u8 = 2;
    pub const DISTRIBUTION: u8 = 3;
}

#[cfg(test)]
mod tests;
