use std::io::Write;

use proptest::prelude::*;

use super::*;

const ALL: [Encoding; 4] = [Encoding::Identity, Encoding::Snappy, Encoding::Gzip, Encoding::Zstd];

fn compress(encoding: Encoding, data: &[u8]) -> Vec<u8> {
    match encoding {
        Encoding::Identity => data.to_vec(),
        Encoding::Snappy => snap::raw::Encoder::new().compress_vec(data).unwrap(),
        Encoding::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(data).unwrap();
            encoder.finish().unwrap()
        }
        Encoding::Zstd => zstd::encode_all(data, 1).unwrap(),
    }
}

proptest! {
    #[test]
    fn gives_back_what_was_compressed(data in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let mut buffer = Vec::new();
        for encoding in ALL {
            let compressed = compress(encoding, &data);
            prop_assert_eq!(decompress(encoding, &compressed, data.len(), &mut buffer), Ok(&data[..]));
        }
    }

    #[test]
    fn random_bytes_never_panic(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        for encoding in ALL {
            let mut buffer = Vec::new();
            if let Ok(out) = decompress(encoding, &data, 1000, &mut buffer) {
                prop_assert!(out.len() <= 1000);
            }
        }
    }
}

#[test]
fn a_bomb_stops_at_the_limit() {
    let zeros = vec![0; 16 << 20];
    let limit_bytes = 1 << 20;
    for encoding in ALL {
        let bomb = compress(encoding, &zeros);
        let mut buffer = Vec::new();
        assert_eq!(
            decompress(encoding, &bomb, limit_bytes, &mut buffer),
            Err(DecompressError::TooLarge { limit_bytes })
        );
        assert!(buffer.capacity() <= 4 * limit_bytes, "{encoding:?} took {}", buffer.capacity());
    }
}

#[test]
fn a_snappy_length_that_is_a_lie_allocates_nothing() {
    let mut buffer = Vec::new();
    let lie = [0x80, 0x80, 0x80, 0x08, 0x00];
    assert!(matches!(decompress(Encoding::Snappy, &lie, 64 << 20, &mut buffer), Err(DecompressError::Corrupt { .. })));
    assert_eq!(buffer.capacity(), 0);
}

#[test]
fn wrong_compression_is_corrupt() {
    for encoding in [Encoding::Snappy, Encoding::Gzip, Encoding::Zstd] {
        let mut buffer = Vec::new();
        let result = decompress(encoding, b"\x20\xfenot compressed at all", 1000, &mut buffer);
        assert!(matches!(result, Err(DecompressError::Corrupt { .. })), "{encoding:?}: {result:?}");
        let mut cut = compress(encoding, &[7; 500]);
        cut.truncate(cut.len() / 2);
        let result = decompress(encoding, &cut, 1000, &mut buffer);
        assert!(matches!(result, Err(DecompressError::Corrupt { .. })), "{encoding:?}: {result:?}");
    }
}

#[test]
fn headers_name_encodings() {
    assert_eq!(Encoding::from_header(None), Ok(Encoding::Identity));
    assert_eq!(Encoding::from_header(Some("GZIP")), Ok(Encoding::Gzip));
    assert_eq!(Encoding::from_header(Some("br")), Err(DecompressError::Unsupported("br".into())));
}
