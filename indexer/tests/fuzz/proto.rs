//! Protobuf messages for seeds.

/// A message being written; fields in the order of the calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Message(pub(crate) Vec<u8>);

/// Appends a varint.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

impl Message {
    pub(crate) fn varint(mut self, field: u64, value: u64) -> Self {
        put_varint(&mut self.0, field << 3);
        put_varint(&mut self.0, value);
        self
    }

    pub(crate) fn signed(self, field: u64, value: i64) -> Self {
        self.varint(field, zigzag(value))
    }

    pub(crate) fn double(mut self, field: u64, value: f64) -> Self {
        put_varint(&mut self.0, field << 3 | 1);
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    pub(crate) fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        put_varint(&mut self.0, field << 3 | 2);
        put_varint(&mut self.0, value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    pub(crate) fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    pub(crate) fn message(self, field: u64, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    pub(crate) fn varints(self, field: u64, values: &[u64]) -> Self {
        let mut packed = Vec::new();
        values.iter().for_each(|value| put_varint(&mut packed, *value));
        self.bytes(field, &packed)
    }

    pub(crate) fn signeds(self, field: u64, values: &[i64]) -> Self {
        let values: Vec<u64> = values.iter().map(|value| zigzag(*value)).collect();
        self.varints(field, &values)
    }

    pub(crate) fn doubles(self, field: u64, values: &[f64]) -> Self {
        let packed: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.bytes(field, &packed)
    }

    /// With its length before it.
    pub(crate) fn delimited(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, self.0.len() as u64);
        out.extend_from_slice(&self.0);
        out
    }
}

pub(crate) fn new() -> Message {
    Message::default()
}
