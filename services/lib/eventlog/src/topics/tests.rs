use super::*;

#[test]
fn what_is_shown_of_options_holds_no_password() {
    let properties = BTreeMap::from([("sasl.password".to_owned(), "of nobody's".to_owned())]);
    let reader = ReaderOptions {
        servers: vec!["broker:9092".to_owned()],
        group: "readers".to_owned(),
        topics: Vec::new(),
        start: Start::Earliest,
        max_records: 1,
        properties: properties.clone(),
    };
    let writer = WriterOptions { servers: vec!["broker:9092".to_owned()], properties };
    for shown in [format!("{reader:?}"), format!("{writer:?}")] {
        assert!(shown.contains("broker:9092") && shown.contains("sasl.password"), "{shown}");
        assert!(!shown.contains("nobody"), "{shown}");
    }
}
