//! What is touched and shipped of an hour: version (u8), then
//!
//! ```text
//! 1: touched (clock), then nothing, or shipped (clock)
//! 2: which of the others are there (bit 0 late, bit 1 shipped), touched, late, shipped
//! ```

use tidegate_model::HourState;

use super::{put_clock, take_clock};
use crate::stored::StoredError;
use crate::stored::varint::Cursor;

const VERSION: u8 = 2;
const LATE: u8 = 1;
const SHIPPED: u8 = 2;

pub fn encode_hour_state(state: &HourState) -> Vec<u8> {
    let present = if state.late.is_some() { LATE } else { 0 } | if state.shipped.is_some() { SHIPPED } else { 0 };
    let mut out = vec![VERSION, present];
    put_clock(&mut out, state.touched);
    for clock in [state.late, state.shipped].into_iter().flatten() {
        put_clock(&mut out, clock);
    }
    out
}

pub fn decode_hour_state(bytes: &[u8]) -> Result<HourState, StoredError> {
    let mut cursor = Cursor::new(bytes);
    if bytes.first() == Some(&1) {
        cursor.version("hour", 1)?;
        let touched = take_clock(&mut cursor)?;
        let shipped = if cursor.is_empty() { None } else { Some(take_clock(&mut cursor)?) };
        cursor.end()?;
        return Ok(HourState { touched, late: None, shipped });
    }
    cursor.version("hour", VERSION)?;
    let [present] = cursor.array()?;
    if present & !(LATE | SHIPPED) != 0 {
        return Err(StoredError::Invalid("unknown clocks of an hour"));
    }
    let touched = take_clock(&mut cursor)?;
    let mut clock = |bit| if present & bit != 0 { take_clock(&mut cursor).map(Some) } else { Ok(None) };
    let (late, shipped) = (clock(LATE)?, clock(SHIPPED)?);
    cursor.end()?;
    Ok(HourState { touched, late, shipped })
}
