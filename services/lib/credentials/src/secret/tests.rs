use super::*;

#[test]
fn it_is_never_shown() {
    let secret = Secret::new("hunter2");
    assert_eq!(format!("{secret:?}"), "<hidden>");
    assert_eq!(serde_json::to_string(&secret).expect("it serializes"), "\"<hidden>\"");
    assert_eq!(secret.reveal(), "hunter2");
    assert_eq!(format!("{:?}", Secret::default()), "");
}

#[test]
fn one_that_is_no_text_is_refused_without_quoting_it() {
    assert_eq!(serde_json::from_str::<Secret>(r#""hunter2""#).expect("a text").reveal(), "hunter2");
    for number in ["90210", "-90210", "90210.5", "true"] {
        let error = serde_json::from_str::<Secret>(number).expect_err(number).to_string();
        assert!(error.contains("quotes") && !error.contains(number), "{error}");
    }
}
