use proptest::prelude::*;

use super::*;

fn encode(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

proptest! {
    #[test]
    fn varints_read_as_written(value: u64, shift in 0u32..64, after in proptest::collection::vec(any::<u8>(), 0..12)) {
        let value = value >> shift;
        let mut bytes = encode(value);
        bytes.extend(&after);
        let mut reader = Reader::new(&bytes);
        prop_assert_eq!(reader.varint(), Ok(value));
        prop_assert_eq!(reader.remaining(), &after[..]);
    }

    #[test]
    fn random_bytes_end_in_an_error_or_the_end(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let mut reader = Reader::new(&bytes);
        while let Ok(Some(key)) = reader.key() {
            if reader.skip(key).is_err() {
                break;
            }
        }
    }
}

#[test]
fn an_overlong_varint_is_refused() {
    assert_eq!(Reader::new(&[0xff; 10]).varint(), Err(WireError::VarintOverflow));
    assert_eq!(Reader::new(&[0xff; 9]).varint(), Err(WireError::Truncated));
    assert_eq!(Reader::new(&[]).varint(), Err(WireError::Truncated));
    assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]).varint(), Ok(u64::MAX));
}

#[test]
fn a_length_beyond_the_end_is_truncation() {
    assert_eq!(Reader::new(&[5, 1, 2]).bytes(), Err(WireError::Truncated));
    let huge = encode(u64::MAX);
    assert_eq!(Reader::new(&huge).bytes(), Err(WireError::Truncated));
}

#[test]
fn groups_and_field_zero_are_refused() {
    assert_eq!(Reader::new(&[0x0b]).skip(0x0b), Err(WireError::WireType(3)));
    assert_eq!(Reader::new(&[0x02, 0]).key(), Err(WireError::FieldNumber));
}

#[test]
fn zigzag_turns_signs() {
    assert_eq!([0, 1, 2, 3, u64::MAX].map(unzigzag), [0, -1, 1, -2, i64::MIN]);
}
