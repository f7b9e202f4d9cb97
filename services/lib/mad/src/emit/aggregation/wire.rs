//! A protobuf message being written. Fields that have their default are left
//! out, as proto3 does.

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH: u64 = 2;

#[derive(Debug, Default)]
pub struct Message(Vec<u8>);

impl Message {
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn text(&mut self, field: u64, value: &str) {
        self.bytes(field, value.as_bytes());
    }

    pub fn text_even_empty(&mut self, field: u64, value: &str) {
        self.put(field, value.as_bytes());
    }

    pub fn bytes(&mut self, field: u64, value: &[u8]) {
        if !value.is_empty() {
            self.put(field, value);
        }
    }

    pub fn message(&mut self, field: u64, value: &Message) {
        self.put(field, value.as_bytes());
    }

    /// Negative zero is none of the defaults.
    pub fn double(&mut self, field: u64, value: f64) {
        if value.to_bits() != 0 {
            self.varint(field << 3 | FIXED64);
            self.0.extend(value.to_bits().to_le_bytes());
        }
    }

    pub fn number(&mut self, field: u64, value: u64) {
        if value != 0 {
            self.varint(field << 3 | VARINT);
            self.varint(value);
        }
    }

    fn put(&mut self, field: u64, value: &[u8]) {
        self.varint(field << 3 | LENGTH);
        self.varint(value.len() as u64);
        self.0.extend(value);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}
