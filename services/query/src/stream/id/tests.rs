use super::*;

fn id(step_ms: i64, incomplete_from_ms: Option<i64>) -> EventId {
    EventId { step_ms, incomplete_from_ms }
}

#[test]
fn ids_read_back_as_they_were_written() {
    for (text, expected) in [
        ("1700000000000", id(1_700_000_000_000, None)),
        ("1700000005000-1700000000000", id(1_700_000_005_000, Some(1_700_000_000_000))),
        ("5000-5000", id(5_000, Some(5_000))),
        ("0", id(0, None)),
    ] {
        assert_eq!(text.parse(), Ok(expected));
        assert_eq!(expected.to_string(), text);
    }
}

#[test]
fn what_no_server_wrote_is_refused() {
    let huge = "9".repeat(10_000);
    for text in
        ["", "-", "-5", "5-", "abc", "5 ", "+5", "5-6", "5-4-3", "1e3", "0x5", "٣", "253402300800000", &huge, "5000\n"]
    {
        assert_eq!(text.parse::<EventId>(), Err(NoId), "{text:?}");
    }
}
