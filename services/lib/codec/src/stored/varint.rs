//! Numbers in few bytes, and a cursor that reads them.

use super::StoredError;

pub(super) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

pub(super) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

pub(super) fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_varint(out, zigzag(value));
}

/// A tag of two bits and a number, together one byte where the number is below
/// 32: bits 0–1 the tag, bits 2–6 the number's low bits, bit 7 set when the
/// rest of the number follows as a varint.
pub(super) fn put_tagged(out: &mut Vec<u8>, tag: u8, value: u64) {
    let first = (tag & 3) | ((value as u8 & 0x1f) << 2);
    let rest = value >> 5;
    if rest == 0 {
        out.push(first);
    } else {
        out.push(first | 0x80);
        put_varint(out, rest);
    }
}

/// Length, then the bytes.
pub(super) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// A float as its difference (XOR) from `predicted`: a byte that holds the
/// number of leading zero bytes (upper half) and of bytes that follow (lower
/// half), then those bytes, most significant first. Equal floats take one byte.
pub(super) fn put_xor(out: &mut Vec<u8>, predicted: f64, value: f64) {
    let difference = predicted.to_bits() ^ value.to_bits();
    let leading = (difference.leading_zeros() / 8) as usize;
    if leading == 8 {
        return out.push(0);
    }
    let trailing = (difference.trailing_zeros() / 8) as usize;
    let length = 8 - leading - trailing;
    out.push((leading << 4 | length) as u8);
    out.extend_from_slice(&difference.to_be_bytes()[leading..leading + length]);
}

/// A count: whole numbers below 2^53 as varint of twice the number, others as
/// varint 1 and eight bytes.
pub(super) fn put_count(out: &mut Vec<u8>, value: f64) {
    let whole = value as u64;
    if whole < 1 << 53 && (whole as f64).to_bits() == value.to_bits() {
        put_varint(out, whole << 1);
    } else {
        out.push(1);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Bytes left.
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], StoredError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(StoredError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], StoredError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(StoredError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    #[inline]
    pub fn u8(&mut self) -> Result<u8, StoredError> {
        let (first, rest) = self.rest.split_first().ok_or(StoredError::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    #[inline]
    pub fn varint(&mut self) -> Result<u64, StoredError> {
        let first = self.u8()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        self.varint_rest(u64::from(first & 0x7f))
    }

    fn varint_rest(&mut self, mut value: u64) -> Result<u64, StoredError> {
        for shift in (7..64).step_by(7) {
            let byte = self.u8()?;
            if shift == 63 && byte > 1 {
                return Err(StoredError::Invalid("number of more than 64 bits"));
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(StoredError::Invalid("number of more than 64 bits"))
    }

    pub fn varint_u32(&mut self) -> Result<u32, StoredError> {
        u32::try_from(self.varint()?).map_err(|_| StoredError::Invalid("number of more than 32 bits"))
    }

    pub fn zigzag(&mut self) -> Result<i64, StoredError> {
        Ok(unzigzag(self.varint()?))
    }

    #[inline]
    pub fn tagged(&mut self) -> Result<(u8, u64), StoredError> {
        let first = self.u8()?;
        let low = u64::from(first >> 2 & 0x1f);
        if first < 0x80 {
            return Ok((first & 3, low));
        }
        let rest = self.varint()?;
        if rest >> 59 != 0 {
            return Err(StoredError::Invalid("number of more than 64 bits"));
        }
        Ok((first & 3, rest << 5 | low))
    }

    /// A length that what is left can hold, then that many bytes.
    pub fn bytes(&mut self) -> Result<&'a [u8], StoredError> {
        let length = usize::try_from(self.varint()?).map_err(|_| StoredError::Truncated)?;
        self.take(length)
    }

    pub fn str(&mut self) -> Result<&'a str, StoredError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| StoredError::Invalid("text is not UTF-8"))
    }

    /// A number of things that take at least `least_bytes` each.
    pub fn count(&mut self, least_bytes: usize) -> Result<usize, StoredError> {
        let count = usize::try_from(self.varint()?).map_err(|_| StoredError::Truncated)?;
        if count > self.rest.len() / least_bytes.max(1) {
            return Err(StoredError::Truncated);
        }
        Ok(count)
    }

    pub fn f64(&mut self) -> Result<f64, StoredError> {
        Ok(f64::from_le_bytes(self.array()?))
    }

    pub fn xor(&mut self, predicted: f64) -> Result<f64, StoredError> {
        let header = self.u8()?;
        let (leading, length) = (usize::from(header >> 4), usize::from(header & 15));
        if leading + length > 8 {
            return Err(StoredError::Invalid("float of more than eight bytes"));
        }
        let mut difference = [0u8; 8];
        difference[leading..leading + length].copy_from_slice(self.take(length)?);
        Ok(f64::from_bits(predicted.to_bits() ^ u64::from_be_bytes(difference)))
    }

    pub fn float_count(&mut self) -> Result<f64, StoredError> {
        match self.varint()? {
            1 => self.f64(),
            even if even & 1 == 0 => Ok((even >> 1) as f64),
            _ => Err(StoredError::Invalid("count with unknown form")),
        }
    }

    pub fn version(&mut self, format: &'static str, supported: u8) -> Result<(), StoredError> {
        let found = self.u8()?;
        if found == supported { Ok(()) } else { Err(StoredError::Version { format, found }) }
    }

    /// That nothing is left over.
    pub fn end(&self) -> Result<(), StoredError> {
        if self.is_empty() { Ok(()) } else { Err(StoredError::Invalid("bytes after the end")) }
    }
}

#[cfg(test)]
mod tests;
