//! Files named by a number, so that their names sort as the numbers do.

/// Enough for any `u64`.
const DIGITS: usize = 20;

/// The name of the file with this number.
pub fn file_name(number: u64, extension: &str) -> String {
    format!("{number:0DIGITS$}.{extension}")
}

/// The number in what [`file_name`] gave for `extension`; `None` for any other name.
pub fn number(name: &str, extension: &str) -> Option<u64> {
    let (digits, found) = name.split_once('.')?;
    let is_numbered = found == extension && digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_numbered { digits.parse().ok() } else { None }
}

/// The name for damaged bytes at `offset` of the file with this number.
pub(crate) fn damaged(number: u64, offset: u64) -> String {
    format!("{number:0DIGITS$}-{offset:0DIGITS$}.damaged")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip_and_strangers_are_told_apart() {
        for known in [0, 32, u64::MAX] {
            assert_eq!(number(&file_name(known, "journal"), "journal"), Some(known));
        }
        for stranger in [
            "0.journal",
            "cursors",
            "00000000000000000000.journal.tmp",
            "+0000000000000000000.journal",
            "00000000000000000000.wal",
            "99999999999999999999.journal",
        ] {
            assert_eq!(number(stranger, "journal"), None, "{stranger}");
        }
    }
}
