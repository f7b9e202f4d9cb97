use serde_json::json;

use super::*;

#[test]
fn vectors_matrices_and_scalars_become_points() {
    let vector = json!({"resultType": "vector", "result": [{"metric": {"a": "b"}, "value": [1.5, "+Inf"]}]});
    let read = answer(&vector).unwrap();
    assert_eq!(read, vec![(BTreeMap::from([("a".to_owned(), "b".to_owned())]), vec![(1.5, f64::INFINITY)])]);

    let matrix = json!({"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "2"], [2, "3"]]}]});
    assert_eq!(answer(&matrix).unwrap()[0].1, [(1.0, 2.0), (2.0, 3.0)]);

    let scalar = json!({"resultType": "scalar", "result": [1, "7"]});
    assert_eq!(answer(&scalar).unwrap()[0].1, [(1.0, 7.0)]);
}

#[test]
fn anything_else_is_an_error() {
    assert!(answer(&json!({"resultType": "vector", "result": [{"metric": {}, "value": [1, 2]}]})).is_err());
    assert!(answer(&json!({})).is_err());
}
