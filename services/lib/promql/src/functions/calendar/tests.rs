use super::*;

fn parts(unix_s: i64) -> [i64; 6] {
    let date = Date::of(unix_s);
    [date.year, date.month, date.day, date.weekday, date.day_of_year(), date.days_in_month()]
}

#[test]
fn dates_that_are_known() {
    assert_eq!(parts(0), [1970, 1, 1, 4, 1, 31]);
    assert_eq!(parts(-1), [1969, 12, 31, 3, 365, 31]);
    assert_eq!(parts(951_782_400), [2000, 2, 29, 2, 60, 29]);
    assert_eq!(parts(1_735_603_200), [2024, 12, 31, 2, 366, 31]);
    assert_eq!(parts(4_107_542_400), [2100, 3, 1, 1, 60, 31]);
    assert_eq!(Date::of(86_399).second_of_day, 86_399);
}

#[test]
fn what_is_no_time_has_parts_nevertheless() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300] {
        let date = Date::of(whole_seconds(value));
        assert!((1..=12).contains(&date.month) && (1..=31).contains(&date.day), "{value}");
    }
}
