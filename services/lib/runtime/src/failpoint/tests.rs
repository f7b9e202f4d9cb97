use super::*;

const KNOWN: [&str; 2] = ["rows-before", "rows-after"];

#[test]
fn only_the_place_and_the_time_that_were_asked_for_are_fatal() {
    let failpoint = Failpoint::parse("rows-after:3:abort", &KNOWN).unwrap();
    assert_eq!(failpoint.to_string(), "rows-after, time 3 from now");
    let fates: Vec<Fate> =
        ["rows-after", "rows-before", "rows-after", "rows-after", "rows-after"].map(|p| failpoint.fate_at(p)).into();
    assert_eq!(fates, [Fate::GoOn, Fate::GoOn, Fate::GoOn, Fate::Die, Fate::GoOn]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for value in ["", "rows-after", "rows-after:1", "rows-after:0:abort", "rows-after:1:stop", "rows-after:1:abort:"] {
        assert_eq!(Failpoint::parse(value, &KNOWN).unwrap_err(), FailpointError::Malformed(value.to_owned()));
    }
    let error = Failpoint::parse("row:1:abort", &KNOWN).unwrap_err().to_string();
    assert!(error.contains("\"row\"") && error.contains("rows-before, rows-after"), "{error}");
}
