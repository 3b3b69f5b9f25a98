//! The strings of a request, each once, known by their number.

use std::collections::HashMap;

use orszem_model::varint::put_bytes;

/// The tag of the field `symbols`.
const SYMBOL: u8 = 4 << 3 | 2;

/// The table of symbols. Number 0 is the empty string.
#[derive(Debug)]
pub(super) struct Symbols {
    numbers: HashMap<Box<str>, u32>,
    /// Fields `symbols`, one after the other.
    encoded: Vec<u8>,
}

impl Symbols {
    pub(super) fn new() -> Self {
        let mut symbols = Self { numbers: HashMap::new(), encoded: Vec::new() };
        symbols.number("");
        symbols
    }

    /// The number of `text`, which is added where it is new.
    pub(super) fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        // A request is cut long before there are so many.
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.into(), number);
        self.encoded.push(SYMBOL);
        put_bytes(&mut self.encoded, text.as_bytes());
        number
    }

    pub(super) fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// Forgets all but the empty string.
    pub(super) fn clear(&mut self) {
        self.numbers.clear();
        self.encoded.clear();
        self.number("");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_has_one_number_and_stands_once() {
        let mut symbols = Symbols::new();
        assert_eq!(["a", "", "b", "a"].map(|text| symbols.number(text)), [1, 0, 2, 1]);
        assert_eq!(symbols.encoded(), b"\x22\x00\x22\x01a\x22\x01b");
        symbols.clear();
        assert_eq!((symbols.number("b"), symbols.encoded()), (1, b"\x22\x00\x22\x01b".as_slice()));
    }
}
