//! The beginning of a text.

/// The longest beginning of `text` that has at most `bytes_max` bytes and ends between two characters.
pub fn prefix(text: &str, bytes_max: usize) -> &str {
    let end = (0..=bytes_max.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_between_characters() {
        let cases = [(0, ""), (1, ""), (2, "ő"), (3, "őr"), (6, "őr"), (7, "őr🛡"), (8, "őr🛡")];
        for (bytes_max, expected) in cases {
            assert_eq!(prefix("őr🛡", bytes_max), expected, "{bytes_max}");
        }
    }
}
