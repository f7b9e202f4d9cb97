//! A partition in memory: its bounds and its latest records.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tidegate_eventlog::{Bounds, Fetched, LogError, Record};
use tokio::sync::watch;

/// Memory of a record besides its payload, about.
const RECORD_OVERHEAD_BYTES: usize = 96;

pub(super) struct Partition {
    state: Mutex<State>,
    /// The end, once records up to it can be read.
    ends: watch::Sender<u64>,
}

struct State {
    bounds: Bounds,
    /// The last records without a gap up to the end.
    tail: VecDeque<Record>,
    tail_bytes: usize,
    max_tail_bytes: usize,
}

/// What there is to read from an offset on.
pub(super) enum Reading {
    /// From memory.
    Tail(Fetched),
    /// Only the files have it.
    Files(Bounds),
    /// The offset is the end.
    Nothing(Bounds),
}

impl Partition {
    pub fn new(bounds: Bounds, max_tail_bytes: usize) -> Self {
        let state = State { bounds, tail: VecDeque::new(), tail_bytes: 0, max_tail_bytes };
        Self { state: Mutex::new(state), ends: watch::Sender::new(bounds.end) }
    }

    pub fn bounds(&self) -> Bounds {
        self.state.lock().bounds
    }

    pub fn ends(&self) -> watch::Receiver<u64> {
        self.ends.subscribe()
    }

    pub fn read(&self, from: u64, max_bytes: usize) -> Result<Reading, LogError> {
        let state = self.state.lock();
        let bounds = state.bounds;
        if from < bounds.start || from > bounds.end {
            return Err(LogError::OutOfRange { from, bounds });
        }
        if from == bounds.end {
            return Ok(Reading::Nothing(bounds));
        }
        let tail_start = bounds.end - state.tail.len() as u64;
        if from < tail_start {
            return Ok(Reading::Files(bounds));
        }
        let mut size_bytes = 0usize;
        let later = state.tail.range((from - tail_start) as usize..);
        let fitting = later.take_while(|record| {
            let first = size_bytes == 0;
            size_bytes += record.payload.len().max(1);
            first || size_bytes <= max_bytes
        });
        Ok(Reading::Tail(Fetched { records: fitting.cloned().collect(), bounds }))
    }

    /// Takes records that are on disk, the first at the end. Readers see them; those that wait are woken by [`Partition::wake`].
    pub fn extend(&self, records: impl IntoIterator<Item = Record>) {
        let mut state = self.state.lock();
        for record in records {
            state.bounds.end = record.offset + 1;
            state.tail_bytes += record.payload.len() + RECORD_OVERHEAD_BYTES;
            state.tail.push_back(record);
        }
        while state.tail_bytes > state.max_tail_bytes {
            let Some(oldest) = state.tail.pop_front() else { break };
            state.tail_bytes -= oldest.payload.len() + RECORD_OVERHEAD_BYTES;
        }
    }

    /// Tells readers that wait of what [`Partition::extend`] took.
    pub fn wake(&self) {
        let end = self.bounds().end;
        self.ends.send_replace(end);
    }

    /// After the files were opened again: records whose append failed may be
    /// in them all the same.
    pub fn reset_end(&self, end: u64) {
        let mut state = self.state.lock();
        if state.bounds.end != end {
            state.bounds.end = end;
            state.tail.clear();
            state.tail_bytes = 0;
        }
        drop(state);
        self.ends.send_replace(end);
    }

    /// Moves the start forward, to the end at most; gives where it is now.
    pub fn advance_start(&self, start: u64) -> u64 {
        let mut state = self.state.lock();
        let start = start.clamp(state.bounds.start, state.bounds.end);
        state.bounds.start = start;
        let kept = (state.bounds.end - start) as usize;
        while state.tail.len() > kept {
            let Some(oldest) = state.tail.pop_front() else { break };
            state.tail_bytes -= oldest.payload.len() + RECORD_OVERHEAD_BYTES;
        }
        start
    }
}
