//! Compressed request bodies, with a cap on the decompressed size that holds
//! while reading: a bomb costs no more memory than an honest body of the cap.

use std::io::Read;

/// Decompressed bytes that a request may have unless configured otherwise.
pub const DEFAULT_LIMIT_BYTES: usize = 32 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Identity,
    /// One raw snappy block, as remote write has it; not the framed format.
    Snappy,
    Gzip,
    Zstd,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecompressError {
    #[error("the decompressed body exceeds {limit_bytes} bytes")]
    TooLarge { limit_bytes: usize },
    #[error("the {encoding} data is corrupt: {reason}")]
    Corrupt { encoding: &'static str, reason: String },
    #[error("content encoding {0:?} is not supported; identity, gzip, zstd and snappy are")]
    Unsupported(String),
}

impl Encoding {
    /// From a `Content-Encoding` header; none at all means identity.
    pub fn from_header(value: Option<&str>) -> Result<Self, DecompressError> {
        let value = value.unwrap_or("").trim();
        let is = |name: &str| value.eq_ignore_ascii_case(name);
        match () {
            () if value.is_empty() || is("identity") => Ok(Self::Identity),
            () if is("snappy") => Ok(Self::Snappy),
            () if is("gzip") || is("x-gzip") => Ok(Self::Gzip),
            () if is("zstd") => Ok(Self::Zstd),
            () => Err(DecompressError::Unsupported(value.to_owned())),
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Snappy => "snappy",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// The decompressed body, at most `limit_bytes` of it; `body` itself when it
/// is not compressed. `buffer` is reused from call to call.
pub fn decompress<'a>(
    encoding: Encoding,
    body: &'a [u8],
    limit_bytes: usize,
    buffer: &'a mut Vec<u8>,
) -> Result<&'a [u8], DecompressError> {
    buffer.clear();
    match encoding {
        Encoding::Identity if body.len() > limit_bytes => return Err(DecompressError::TooLarge { limit_bytes }),
        Encoding::Identity => return Ok(body),
        Encoding::Snappy => snappy(body, limit_bytes, buffer)?,
        Encoding::Gzip => read_capped(encoding, flate2::read::MultiGzDecoder::new(body), limit_bytes, buffer)?,
        Encoding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(body).map_err(|error| corrupt(encoding, error))?;
            // The window is memory too; 2^27 would be the library's own limit.
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(|error| corrupt(encoding, error))?;
            read_capped(encoding, decoder, limit_bytes, buffer)?;
        }
    }
    Ok(buffer)
}

/// 8 MiB, what every decoder must support (RFC 8878).
const ZSTD_WINDOW_LOG: u32 = 23;

fn snappy(body: &[u8], limit_bytes: usize, buffer: &mut Vec<u8>) -> Result<(), DecompressError> {
    let length = snap::raw::decompress_len(body).map_err(|error| corrupt(Encoding::Snappy, error))?;
    if length > limit_bytes {
        return Err(DecompressError::TooLarge { limit_bytes });
    }
    // Snappy cannot grow data more than about 21 times (a copy of 64 bytes
    // takes 3), so a longer claim is a lie; it shall not cost an allocation.
    if length / 64 > body.len() {
        return Err(corrupt(Encoding::Snappy, "the declared length does not fit the data"));
    }
    buffer.resize(length, 0);
    let written =
        snap::raw::Decoder::new().decompress(body, buffer).map_err(|error| corrupt(Encoding::Snappy, error))?;
    buffer.truncate(written);
    Ok(())
}

fn read_capped(
    encoding: Encoding,
    reader: impl Read,
    limit_bytes: usize,
    buffer: &mut Vec<u8>,
) -> Result<(), DecompressError> {
    let limit = u64::try_from(limit_bytes).unwrap_or(u64::MAX);
    reader.take(limit.saturating_add(1)).read_to_end(buffer).map_err(|error| corrupt(encoding, error))?;
    if buffer.len() > limit_bytes {
        return Err(DecompressError::TooLarge { limit_bytes });
    }
    Ok(())
}

fn corrupt(encoding: Encoding, reason: impl ToString) -> DecompressError {
    DecompressError::Corrupt { encoding: encoding.name(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests;
