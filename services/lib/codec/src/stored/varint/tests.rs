use proptest::prelude::*;

use super::super::arbitrary;
use super::*;

proptest! {
    #[test]
    fn numbers_come_back(number: u64, signed: i64, tag in 0u8..4, bytes: Vec<u8>) {
        let mut out = Vec::new();
        put_varint(&mut out, number);
        put_zigzag(&mut out, signed);
        put_tagged(&mut out, tag, number);
        put_tagged(&mut out, tag, number >> 40);
        put_bytes(&mut out, &bytes);
        let mut cursor = Cursor::new(&out);
        prop_assert_eq!(cursor.varint(), Ok(number));
        prop_assert_eq!(cursor.zigzag(), Ok(signed));
        prop_assert_eq!(cursor.tagged(), Ok((tag, number)));
        prop_assert_eq!(cursor.tagged(), Ok((tag, number >> 40)));
        prop_assert_eq!(cursor.bytes(), Ok(&bytes[..]));
        prop_assert_eq!(cursor.end(), Ok(()));
    }

    #[test]
    fn floats_come_back_to_the_bit(value in arbitrary::float(), predicted in arbitrary::float()) {
        let mut out = Vec::new();
        put_xor(&mut out, predicted, value);
        put_count(&mut out, value);
        let mut cursor = Cursor::new(&out);
        prop_assert_eq!(cursor.xor(predicted).map(f64::to_bits), Ok(value.to_bits()));
        prop_assert_eq!(cursor.float_count().map(f64::to_bits), Ok(value.to_bits()));
        prop_assert_eq!(cursor.end(), Ok(()));
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>, predicted: f64) {
        let read: [fn(&mut Cursor<'_>, f64) -> bool; 6] = [
            |c, _| c.varint().is_ok(),
            |c, _| c.tagged().is_ok(),
            |c, p| c.xor(p).is_ok(),
            |c, _| c.float_count().is_ok(),
            |c, _| c.str().is_ok(),
            |c, _| c.count(3).is_ok_and(|count| count * 3 > c.len()),
        ];
        for read in &read[..5] {
            let mut cursor = Cursor::new(&bytes);
            while !cursor.is_empty() && read(&mut cursor, predicted) {}
        }
        prop_assert!(!read[5](&mut Cursor::new(&bytes), predicted), "more items than bytes can hold");
    }
}

#[test]
fn a_small_tagged_number_takes_one_byte() {
    for (number, length) in [(0, 1), (31, 1), (32, 2), (0xfff, 2), (0x1000, 3)] {
        let mut out = Vec::new();
        put_tagged(&mut out, 3, number);
        assert_eq!(out.len(), length, "{number}");
    }
}

#[test]
fn numbers_that_do_not_fit_are_refused() {
    let too_long = [0xff; 11];
    assert!(matches!(Cursor::new(&too_long).varint(), Err(StoredError::Invalid(_))));
    assert!(matches!(Cursor::new(&too_long).tagged(), Err(StoredError::Invalid(_))));
    assert_eq!(Cursor::new(&too_long[..3]).varint(), Err(StoredError::Truncated));
}
