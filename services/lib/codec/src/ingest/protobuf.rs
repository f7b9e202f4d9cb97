//! A borrowing reader of the protobuf wire format. It never panics, allocates
//! nothing, and gives out slices of its input.
//!
//! Generated code decodes remote write at a quarter of the speed, most of it
//! spent on strings and vectors that are thrown away at once.

/// Why bytes are not a protobuf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    #[error("truncated protobuf")]
    Truncated,
    #[error("a protobuf varint is longer than 64 bits")]
    VarintOverflow,
    #[error("protobuf wire type {0} is not supported")]
    WireType(u8),
    #[error("protobuf field number 0")]
    FieldNumber,
}

/// Field number and wire type as they stand on the wire: `number << 3 | type`.
pub type Key = u32;

pub const fn varint_key(number: u32) -> Key {
    number << 3
}

pub const fn fixed64_key(number: u32) -> Key {
    number << 3 | 1
}

pub const fn bytes_key(number: u32) -> Key {
    number << 3 | 2
}

/// What is left of a message.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    pub fn remaining(&self) -> &'a [u8] {
        self.rest
    }

    /// The next field's key; `None` at the message's end.
    #[inline(always)]
    pub fn key(&mut self) -> Result<Option<Key>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        if key < 8 {
            return Err(WireError::FieldNumber);
        }
        u32::try_from(key).map(Some).map_err(|_| WireError::VarintOverflow)
    }

    #[inline(always)]
    pub fn varint(&mut self) -> Result<u64, WireError> {
        match self.rest {
            [byte, rest @ ..] if *byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        if let Some(word) = self.rest.first_chunk::<8>() {
            // All of the first eight bytes at once; a timestamp in
            // milliseconds has six.
            let word = u64::from_le_bytes(*word);
            let ends = !word & 0x8080_8080_8080_8080;
            if ends != 0 {
                let bits = ends.trailing_zeros() + 1;
                self.rest = &self.rest[bits as usize / 8..];
                let x = word & (u64::MAX >> (64 - bits)) & 0x7f7f_7f7f_7f7f_7f7f;
                let x = (x & 0x007f_007f_007f_007f) | ((x & 0x7f00_7f00_7f00_7f00) >> 1);
                let x = (x & 0x0000_3fff_0000_3fff) | ((x & 0x3fff_0000_3fff_0000) >> 2);
                return Ok((x & 0x0fff_ffff) | ((x & 0x0fff_ffff_0000_0000) >> 4));
            }
        }
        let mut value = 0u64;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            if index == 9 && *byte > 1 {
                return Err(WireError::VarintOverflow);
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if *byte < 0x80 {
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(WireError::Truncated)
    }

    /// `sint32` and `sint64`.
    #[inline]
    pub fn zigzag(&mut self) -> Result<i64, WireError> {
        self.varint().map(unzigzag)
    }

    /// The content of a length-delimited field.
    #[inline(always)]
    pub fn bytes(&mut self) -> Result<&'a [u8], WireError> {
        let length = usize::try_from(self.varint()?).map_err(|_| WireError::Truncated)?;
        let (content, rest) = self.rest.split_at_checked(length).ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(content)
    }

    /// A nested message.
    #[inline(always)]
    pub fn message(&mut self) -> Result<Reader<'a>, WireError> {
        self.bytes().map(Reader::new)
    }

    #[inline(always)]
    pub fn double(&mut self) -> Result<f64, WireError> {
        let (bytes, rest) = self.rest.split_first_chunk::<8>().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(f64::from_le_bytes(*bytes))
    }

    /// Passes over the value of a field that is not wanted.
    pub fn skip(&mut self, key: Key) -> Result<(), WireError> {
        let skipped = match key & 7 {
            0 => {
                self.varint()?;
                return Ok(());
            }
            1 => 8,
            2 => {
                self.bytes()?;
                return Ok(());
            }
            5 => 4,
            other => return Err(WireError::WireType(other as u8)),
        };
        self.rest = self.rest.get(skipped..).ok_or(WireError::Truncated)?;
        Ok(())
    }

    /// One value of a repeated varint field, or many when it is packed.
    pub fn varints(&mut self, key: Key, mut each: impl FnMut(u64)) -> Result<(), WireError> {
        if key & 7 == 2 {
            let mut packed = self.message()?;
            while !packed.rest.is_empty() {
                each(packed.varint()?);
            }
            Ok(())
        } else {
            self.varint().map(each)
        }
    }

    /// One value of a repeated double field, or many when it is packed.
    pub fn doubles(&mut self, key: Key, out: &mut Vec<f64>) -> Result<(), WireError> {
        if key & 7 == 2 {
            let packed = self.bytes()?;
            let (values, rest) = packed.as_chunks::<8>();
            if !rest.is_empty() {
                return Err(WireError::Truncated);
            }
            out.extend(values.iter().map(|value| f64::from_le_bytes(*value)));
        } else {
            out.push(self.double()?);
        }
        Ok(())
    }
}

pub fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests;
