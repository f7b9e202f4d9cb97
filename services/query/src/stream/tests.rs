use super::*;

#[test]
fn steps_are_multiples_of_their_length() {
    assert_eq!(first_step_after(0, 5_000), 5_000);
    assert_eq!(first_step_after(4_999, 5_000), 5_000);
    assert_eq!(first_step_after(5_000, 5_000), 10_000);
    assert_eq!(first_step_after(-1, 5_000), 0);
    assert_eq!(first_step_after(1_700_000_001_234, 60_000), 1_700_000_040_000);
}

#[test]
fn a_result_says_what_is_missing() {
    let value = QueryValue::Scalar(vec![(1_500, 2.0)]);
    let evaluated = Evaluated { value, warnings: vec!["careful".into()], infos: Vec::new() };
    assert_eq!(
        result(1_500, &evaluated, &[3, 4]),
        r#"{"time":1.500,"result":[{"metric":{},"value":"2"}],"missing_partitions":[3,4],"warnings":["careful"]}"#
    );
}
