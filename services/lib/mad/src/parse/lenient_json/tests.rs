use serde_json::json;

use super::{double, first_value, first_value_with_non_numbers, text};

#[test]
fn what_follows_the_first_value_does_not_matter() {
    assert_eq!(first_value(b"{\"a\":1} and more").unwrap(), json!({ "a": 1 }));
    assert_eq!(first_value(b"\xef\xbb\xbf[]").unwrap(), json!([]));
    assert!(first_value(b"").is_err());
    assert!(first_value(b"{").is_err());
    assert!(first_value(b"[NaN]").is_err());
}

#[test]
fn non_numbers_become_text_but_not_inside_of_text() {
    let read = |text: &str| first_value_with_non_numbers(text.as_bytes()).unwrap();
    assert_eq!(read("[NaN, -INF,Infinity]"), json!(["NaN", "-INF", "Infinity"]));
    assert_eq!(read(r#"{"NaN \" NaN": NaN, "b": -1}"#), json!({ "NaN \" NaN": "NaN", "b": -1 }));
    assert!(first_value_with_non_numbers(b"[NaNs]").is_err());
    assert!(first_value_with_non_numbers(b"[NaN, \"\\").is_err());
}

#[test]
fn text_and_numbers_stand_for_each_other() {
    assert_eq!(text(&json!(5)).unwrap().as_deref(), Some("5"));
    assert_eq!(text(&json!(true)).unwrap().as_deref(), Some("true"));
    assert_eq!(text(&json!(null)), Ok(None));
    assert!(text(&json!([])).is_err());
    assert_eq!(double(&json!(" 1.5 ")), Ok(Some(1.5)));
    assert_eq!(double(&json!(7)), Ok(Some(7.0)));
    assert_eq!(double(&json!("-INF")), Ok(Some(f64::NEG_INFINITY)));
    assert_eq!(double(&json!("")), Ok(None));
    assert!(double(&json!("x")).is_err());
    assert!(double(&json!(true)).is_err());
}
