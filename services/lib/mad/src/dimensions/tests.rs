use super::Dimensions;

#[test]
fn names_are_sorted_and_the_last_value_of_a_name_stands() {
    let dimensions: Dimensions = [("service", "a"), ("host", "h"), ("service", "b")].into_iter().collect();
    assert_eq!(dimensions.iter().collect::<Vec<_>>(), [("host", "h"), ("service", "b")]);
    assert_eq!(dimensions.get("service"), Some("b"));
    assert_eq!(dimensions.get("cluster"), None);
}

#[test]
fn the_order_in_which_pairs_come_does_not_matter() {
    let one: Dimensions = [("a", "1"), ("b", "2")].into_iter().collect();
    let other: Dimensions = [("b", "2"), ("a", "1")].into_iter().collect();
    assert_eq!(one, other);
}
