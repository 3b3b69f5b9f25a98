//! Long runs of bytes of one class, found by looking at few bytes.

/// The bytes of a class.
pub(super) type Class = [bool; 256];

/// Calls `found` with start and end of each maximal run of at least `min` bytes of `class`.
///
/// A run that long covers one of any `min` bytes in a row, so only every `min`-th byte is looked at; text without such
/// runs costs a few loads per hundred bytes.
pub(super) fn each(text: &[u8], class: &Class, min: usize, mut found: impl FnMut(usize, usize)) {
    let mut floor = 0;
    let mut at = min - 1;
    while let Some(byte) = text.get(at) {
        if !class[usize::from(*byte)] {
            at += min;
            continue;
        }
        let is_in = |b: &u8| class[usize::from(*b)];
        let start = text[floor..at].iter().rposition(|b| !is_in(b)).map_or(floor, |i| floor + i + 1);
        let end = text[at..].iter().position(|b| !is_in(b)).map_or(text.len(), |i| at + i);
        if end - start >= min {
            found(start, end);
        }
        floor = end;
        at = end + min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let mut digits = [false; 256];
        digits[usize::from(b'0')..=usize::from(b'9')].fill(true);
        let mut runs = Vec::new();
        each(text.as_bytes(), &digits, 3, |start, end| runs.push(text.get(start..end).expect("ASCII")));
        assert_eq!(runs, expected, "{text}");
    }

    #[test]
    fn runs_are_found_wherever_they_stand() {
        for before in 0..7 {
            let pad = "x".repeat(before);
            check(&format!("{pad}123"), &["123"]);
            check(&format!("{pad}12"), &[]);
            check(&format!("{pad}12x345x6789x01x234"), &["345", "6789", "234"]);
        }
        check("", &[]);
    }
}
