//! The severities that a value, a comparison or a range in a query names, as a bit for each number 0 to 24.

use orszem_model::Severity;

use crate::ast::Comparison;

/// Severity's words, for errors.
pub(crate) const EXPECTED: &str =
    "unset, trace, debug, info, notice, warn, error, critical, alert, fatal or a number from 0 to 24";

/// Every severity that is set.
const SET: u32 = 0x1FF_FFFE;

/// The numbers that a word or number in a query stands for, lowest and highest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Band {
    lowest: u8,
    highest: u8,
}

impl Band {
    /// A word of a band is the whole band, `notice` and the like and numbers are themselves alone.
    pub(crate) fn named(value: &str) -> Option<Self> {
        let exactly = |number: u8| Self { lowest: number, highest: number };
        if let Ok(number) = value.parse::<u8>() {
            return Severity::from_number(number).map(|severity| exactly(severity.number()));
        }
        if value.eq_ignore_ascii_case("unset") {
            return Some(exactly(0));
        }
        let number = Severity::from_text(value)?.number();
        let begins_a_band = number % 4 == 1;
        Some(if begins_a_band { Self { lowest: number, highest: number + 3 } } else { exactly(number) })
    }

    /// The numbers themselves.
    pub(crate) fn mask(self) -> u32 {
        (self.lowest..=self.highest).fold(0, |mask, number| mask | 1 << number)
    }

    /// The set severities that compare so with this one.
    pub(crate) fn compared(self, comparison: Comparison) -> u32 {
        let bound = match comparison {
            Comparison::GreaterOrEqual | Comparison::Less => self.lowest,
            Comparison::Greater | Comparison::LessOrEqual => self.highest,
        };
        SET & (0..=24u8)
            .filter(|number| comparison.accepts(number.cmp(&bound)))
            .fold(0, |mask, number| mask | 1 << number)
    }
}

/// The set severities in a range; `None` for a bound is no bound.
pub(crate) fn range(lower: Option<(Comparison, Band)>, upper: Option<(Comparison, Band)>) -> u32 {
    let side = |bound: Option<(Comparison, Band)>| bound.map_or(SET, |(comparison, band)| band.compared(comparison));
    side(lower) & side(upper)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(mask: u32) -> Vec<u8> {
        (0..32).filter(|number| mask >> number & 1 == 1).collect()
    }

    fn band(word: &str) -> Band {
        Band::named(word).expect(word)
    }

    #[test]
    fn words_of_bands_are_the_band_and_others_themselves() {
        for (word, expected) in [
            ("error", vec![17, 18, 19, 20]),
            ("ERR", vec![17, 18, 19, 20]),
            ("warning", vec![13, 14, 15, 16]),
            ("fatal", vec![21, 22, 23, 24]),
            ("critical", vec![18]),
            ("notice", vec![10]),
            ("unset", vec![0]),
            ("0", vec![0]),
            ("17", vec![17]),
        ] {
            assert_eq!(numbers(band(word).mask()), expected, "{word}");
        }
        assert_eq!((Band::named("loud"), Band::named("25"), Band::named("")), (None, None, None));
    }

    #[test]
    fn comparisons_mean_the_bands_ends() {
        let compared = |comparison, word: &str| numbers(band(word).compared(comparison));
        assert_eq!(compared(Comparison::GreaterOrEqual, "warn"), (13..=24).collect::<Vec<u8>>());
        assert_eq!(compared(Comparison::Greater, "warn"), (17..=24).collect::<Vec<u8>>());
        assert_eq!(compared(Comparison::Less, "debug"), (1..=4).collect::<Vec<u8>>());
        assert_eq!(compared(Comparison::LessOrEqual, "debug"), (1..=8).collect::<Vec<u8>>());
        assert_eq!(compared(Comparison::GreaterOrEqual, "0"), (1..=24).collect::<Vec<u8>>());
        let lower = Some((Comparison::GreaterOrEqual, band("info")));
        let upper = Some((Comparison::LessOrEqual, band("14")));
        assert_eq!(numbers(range(lower, upper)), (9..=14).collect::<Vec<u8>>());
        assert_eq!(numbers(range(None, upper)), (1..=14).collect::<Vec<u8>>());
    }
}
