use super::*;

#[test]
fn version_1_matches_bytes_worked_out_by_hand() {
    let series = [Series::new("a", &[]).at(1, 1.0)];
    let label = [0x0a, 8, b'_', b'_', b'n', b'a', b'm', b'e', b'_', b'_', 0x12, 1, b'a'];
    let sample = [0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10, 1];
    let mut expected = vec![0x0a, 28, 0x0a, 13];
    expected.extend(label);
    expected.extend([0x12, 11]);
    expected.extend(sample);
    assert_eq!(encode_v1(&series), expected);
}

#[test]
fn version_2_names_each_symbol_once() {
    let series = [Series::new("a", &[("h", "x")]), Series::new("a", &[("h", "y")])];
    let bytes = encode_v2(&series);
    let symbols = b"\x22\x00\x22\x08__name__\x22\x01a\x22\x01h\x22\x01x\x22\x01y";
    assert_eq!(&bytes[..symbols.len()], symbols);
    assert_eq!(&bytes[symbols.len()..], b"\x2a\x06\x0a\x04\x01\x02\x03\x04\x2a\x06\x0a\x04\x01\x02\x03\x05");
}

#[test]
fn a_negative_time_is_a_varint_of_ten_bytes() {
    let bytes = encode_v1(&[Series::default().at(-1, 0.0)]);
    assert!(bytes.ends_with(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]));
}
