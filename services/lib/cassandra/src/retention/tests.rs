use super::*;

const DAY: u32 = 20_000;
const HOUR: u32 = DAY * HOURS_PER_DAY;
const RETENTION: Retention = Retention { rows_5s_days: 8, rows_1m_days: 91 };

#[test]
fn rows_expire_days_after_their_hour_but_not_too_soon() {
    let end_ms = hour_start_ms(HOUR + 1);
    assert_eq!(RETENTION.rows_5s_seconds(HOUR, end_ms), 8 * 86_400);
    assert_eq!(RETENTION.rows_5s_seconds(HOUR, end_ms - 10_000), 8 * 86_400 + 10);
    assert_eq!(RETENTION.rows_1m_seconds(HOUR, end_ms + DAY_MS), 90 * 86_400);
    assert_eq!(RETENTION.rows_5s_seconds(HOUR, end_ms + 7 * DAY_MS), 2 * 86_400);
    assert_eq!(RETENTION.rows_5s_seconds(HOUR, end_ms + 700 * DAY_MS), 2 * 86_400);
    let forever = Retention { rows_5s_days: u32::MAX, ..RETENTION };
    assert_eq!(i64::from(forever.rows_5s_seconds(HOUR, end_ms)), MOST_SECONDS);
    assert!(i64::from(forever.note_seconds(HOUR, end_ms)) < 20 * 365 * 86_400);
}

#[test]
fn a_note_outlives_every_row_that_it_covers() {
    // Row and note may be days apart: the note by another write, before.
    for noted_ms in (-DAY_MS..10 * DAY_MS).step_by(HOUR_MS as usize) {
        for later_ms in (noted_ms..10 * DAY_MS).step_by(HOUR_MS as usize) {
            let (noted_ms, later_ms) = (hour_start_ms(HOUR) + noted_ms, hour_start_ms(HOUR) + later_ms);
            // What is not noted once is noted again with each write.
            let noted_ms = if RETENTION.noted_once(HOUR, later_ms) { noted_ms } else { later_ms };
            let note_ends = noted_ms / 1_000 + i64::from(RETENTION.note_seconds(HOUR, noted_ms));
            let row_ends = later_ms / 1_000 + i64::from(RETENTION.rows_5s_seconds(HOUR, later_ms));
            assert!(note_ends > row_ends, "noted at {noted_ms}, written at {later_ms}");
        }
    }
}

#[test]
fn a_day_is_listed_no_longer_than_its_first_rows_live() {
    let start_ms = hour_start_ms(HOUR);
    for now_ms in (start_ms - DAY_MS..start_ms + 9 * DAY_MS).step_by(60_000) {
        if let Some(listed) = RETENTION.listed_seconds(DAY, now_ms) {
            assert!(listed > 0 && listed < RETENTION.rows_5s_seconds(HOUR, now_ms), "at {now_ms}");
        }
    }
    assert_eq!(RETENTION.listed_seconds(DAY, start_ms), Some(8 * 86_400));
    assert_eq!(RETENTION.listed_seconds(DAY, start_ms + 8 * DAY_MS), None);
}
