//! Which known word a mistyped one was meant to be.

/// The known word that takes the fewest changed letters, if that is at most one in three.
pub(super) fn nearest<'k>(written: &str, known: &[&'k str]) -> Option<&'k str> {
    let letters_max = written.len().max(3) / 3;
    let distances = known.iter().map(|word| (distance(written, word), *word));
    distances
        .filter(|(distance, _)| *distance <= letters_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// Letters to insert, leave out or replace (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (at, letter) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (to, other) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[to + 1];
            row[to + 1] = replaced.min(diagonal + 1).min(row[to] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["include", "exclude", "labels", "output", "queue", "exec"];
        for (written, expected) in [
            ("inclde", Some("include")),
            ("lables", Some("labels")),
            ("outputs", Some("output")),
            ("excludes", Some("exclude")),
            ("speed", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, &known), expected, "{written}");
        }
    }
}
