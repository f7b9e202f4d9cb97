use super::*;

fn hour(era: i32, hour: i32, last_offset: i64, new_ids: i64) -> Hour {
    Hour { era, hour, last_offset, new_ids }
}

fn left_out(hours: &[Hour], snapshot_offset: i64) -> Vec<i32> {
    forgotten(hours, snapshot_offset).map(|hour| hour.hour).collect()
}

#[test]
fn what_is_old_followed_by_many_and_covered_is_forgotten() {
    let hours =
        [hour(0, 110, 9_000, 300_000), hour(0, 106, 8_000, 199_999), hour(0, 105, 7_000, 199_999), hour(0, 104, 60, 5)];
    assert_eq!(left_out(&hours, 9_000), [105, 104]);
    assert_eq!(left_out(&hours, 7_000), [104], "the snapshot does not cover all");
    let few = hours.map(|hour| Hour { new_ids: hour.new_ids / 10, ..hour });
    assert_eq!(left_out(&few, 9_000), [0; 0], "the fold remembers all of these ids");
}

#[test]
fn a_later_era_makes_hours_old() {
    let hours = [hour(1, 100, 9_000, 300_000), hour(0, 110, 8_000, 100)];
    assert_eq!(left_out(&hours, 9_000), [110]);
    assert_eq!(left_out(&[], 9_000), [0; 0]);
}
