//! How far a number or a duration reaches; what it means is the parser's business.

use super::{Fault, Kind, Lexer, Token, is_alphanumeric};

const DECIMAL: &str = "0123456789";
const HEXADECIMAL: &str = "0123456789abcdefABCDEF";

impl Lexer<'_> {
    /// The first character was read.
    pub(super) fn number_or_duration(&mut self) -> Result<Token, Fault> {
        self.at = self.start;
        (self.only_durations, self.has_range) = (false, true);
        if self.scan_number() {
            return self.emit(Kind::Number);
        }
        if self.scan_duration() {
            return self.emit(Kind::Duration);
        }
        self.bad_number()
    }

    /// Whether all that could be read is a number; moves in any case.
    fn scan_number(&mut self) -> bool {
        let mut digits = DECIMAL;
        if self.accept("0") && self.accept("xX") {
            self.accept("_");
            digits = HEXADECIMAL;
        }
        self.accept(".");
        self.accept(digits);
        let (mut has_dot, mut has_exponent) = (false, false);
        while let Some(character) = self.peek() {
            match character {
                '.' => {
                    self.next();
                    if std::mem::replace(&mut has_dot, true) || self.accept("_.") || digits == HEXADECIMAL {
                        return false;
                    }
                }
                _ if digits.contains(character) => {
                    self.accept_while(|character| digits.contains(character));
                }
                'e' | 'E' => {
                    self.next();
                    if std::mem::replace(&mut has_exponent, true) {
                        return false;
                    }
                    self.accept("+-");
                    if self.accept("._eE") || self.peek().is_none() {
                        return false;
                    }
                }
                '_' => {
                    self.next();
                    if self.accept("._eE") || self.peek().is_none() {
                        return false;
                    }
                }
                _ => break,
            }
        }
        !self.peek().is_some_and(is_alphanumeric)
    }

    /// Units and further numbers, behind a first number.
    fn scan_duration(&mut self) -> bool {
        if !self.accept("smhdwy") {
            return false;
        }
        self.accept("s");
        while self.peek().is_some_and(|character| character.is_ascii_digit()) {
            self.accept_while(|character| character.is_ascii_digit());
            if !self.accept("smhdw") {
                return false;
            }
            self.accept("s");
        }
        if self.peek().is_some_and(is_alphanumeric) {
            self.next();
            return false;
        }
        true
    }
}
