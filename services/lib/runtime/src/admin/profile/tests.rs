use super::*;

#[test]
fn a_name_may_hold_anything() {
    let stat = "7 (a) b (c)) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14";
    assert_eq!(parse(stat), Some(("a) b (c)".into(), [11, 12])));
    assert_eq!(parse("7 (a) S 1"), None);
}

#[test]
fn threads_of_one_name_are_added_and_the_busiest_are_first() {
    let thread = |name: &str, user, system| (name.to_owned(), [user, system]);
    let before = Ticks::from([(1, thread("idle", 5, 5)), (2, thread("work", 10, 0)), (9, thread("gone", 1, 1))]);
    let after = Ticks::from([(1, thread("idle", 5, 5)), (2, thread("work", 60, 10)), (3, thread("work", 40, 0))]);
    let told = difference(&before, &after, 100.0);
    let of = |name: &str, count, user_seconds, system_seconds| Threads {
        name: name.into(),
        count,
        user_seconds,
        system_seconds,
    };
    assert_eq!(told, [of("work", 2, 0.9, 0.1), of("idle", 1, 0.0, 0.0)]);
}
