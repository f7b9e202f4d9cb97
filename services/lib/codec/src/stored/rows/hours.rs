//! What is touched and shipped of an hour, version 1: version (u8), touched
//! (clock), then nothing, or shipped (clock).

use tidegate_model::HourState;

use super::{put_clock, take_clock};
use crate::stored::StoredError;
use crate::stored::varint::Cursor;

const VERSION: u8 = 1;

pub fn encode_hour_state(state: &HourState) -> Vec<u8> {
    let mut out = vec![VERSION];
    put_clock(&mut out, state.touched);
    if let Some(shipped) = state.shipped {
        put_clock(&mut out, shipped);
    }
    out
}

pub fn decode_hour_state(bytes: &[u8]) -> Result<HourState, StoredError> {
    let mut cursor = Cursor::new(bytes);
    cursor.version("hour", VERSION)?;
    let touched = take_clock(&mut cursor)?;
    let shipped = if cursor.is_empty() { None } else { Some(take_clock(&mut cursor)?) };
    cursor.end()?;
    Ok(HourState { touched, shipped })
}
