use super::civil_date;

#[test]
fn every_day_of_four_centuries_follows_the_one_before() {
    let mut before = civil_date(-200_000);
    for days in -199_999..=100_000 {
        let (year, month, day) = civil_date(days);
        let follows = match before {
            (y, m, d) if (year, month) == (y, m) => day == d + 1,
            (y, m, d) if year == y => (month, day) == (m + 1, 1) && d >= 28,
            (y, m, d) => (year, month, day) == (y + 1, 1, 1) && (m, d) == (12, 31),
        };
        assert!(follows, "{before:?} {year}-{month}-{day}");
        before = (year, month, day);
    }
}
