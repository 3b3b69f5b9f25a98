//! What may stand behind a binary operator: `bool`, `on`, `group_left`, `fill` and their like; lists of labels.

use super::{Parser, fault};
use crate::ast::{BinaryOp, Cardinality, Matching};
use crate::lex::{Fault, Keyword, Kind};
use crate::quote::{quote, raw_byte};

impl Parser<'_> {
    /// Whether `bool` stands there, and how vectors match.
    pub(super) fn matching(&mut self) -> Result<(bool, Matching), Fault> {
        let returns_bool = self.accept(Kind::Keyword(Keyword::Bool))?.is_some();
        let mut matching = Matching::default();
        if let Kind::Keyword(keyword @ (Keyword::On | Keyword::Ignoring)) = self.current.kind {
            self.take()?;
            matching.is_on = keyword == Keyword::On;
            matching.labels = self.labels()?;
            self.grouping(&mut matching)?;
        }
        self.fills(&mut matching)?;
        Ok((returns_bool, matching))
    }

    fn grouping(&mut self, matching: &mut Matching) -> Result<(), Fault> {
        matching.cardinality = match self.current.kind {
            Kind::Keyword(Keyword::GroupLeft) => Cardinality::ManyToOne,
            Kind::Keyword(Keyword::GroupRight) => Cardinality::OneToMany,
            _ => return Ok(()),
        };
        self.take()?;
        if self.current.kind == Kind::LeftParen {
            matching.include = self.labels()?;
        }
        Ok(())
    }

    /// `fill`, or one or both of `fill_left` and `fill_right`.
    fn fills(&mut self, matching: &mut Matching) -> Result<(), Fault> {
        if self.accept(Kind::Keyword(Keyword::Fill))?.is_some() {
            let value = Some(self.fill()?);
            (matching.fill_left, matching.fill_right) = (value, value);
            return Ok(());
        }
        loop {
            match self.current.kind {
                Kind::Keyword(Keyword::FillLeft) if matching.fill_left.is_none() => {
                    self.take()?;
                    matching.fill_left = Some(self.fill()?);
                }
                Kind::Keyword(Keyword::FillRight) if matching.fill_right.is_none() => {
                    self.take()?;
                    matching.fill_right = Some(self.fill()?);
                }
                _ => return Ok(()),
            }
        }
    }

    fn fill(&mut self) -> Result<f64, Fault> {
        self.expect(Kind::LeftParen)?;
        let value = self.signed_number()?;
        self.expect(Kind::RightParen)?;
        Ok(value)
    }

    /// `+` or `-` or nothing, and a number or duration.
    pub(super) fn signed_number(&mut self) -> Result<f64, Fault> {
        let negates = self.current.kind == Kind::Operator(BinaryOp::Sub);
        if negates || self.current.kind == Kind::Operator(BinaryOp::Add) {
            self.take()?;
        }
        if !matches!(self.current.kind, Kind::Number | Kind::Duration) {
            return self.unexpected();
        }
        let (_, value) = self.number_value()?;
        Ok(if negates { -value } else { value })
    }

    /// Labels between parentheses; a comma may stand behind the last.
    pub(super) fn labels(&mut self) -> Result<Vec<String>, Fault> {
        if self.current.kind != Kind::LeftParen {
            return self.unexpected_in("grouping opts", "\"(\"");
        }
        self.take()?;
        let mut labels = Vec::new();
        while self.accept(Kind::RightParen)?.is_none() {
            labels.push(self.label()?);
            match self.current.kind {
                Kind::Comma => {
                    self.take()?;
                }
                Kind::RightParen => {}
                _ => return self.unexpected_in("grouping opts", "\",\" or \")\""),
            }
        }
        Ok(labels)
    }

    fn label(&mut self) -> Result<String, Fault> {
        let name = match self.current.kind {
            Kind::String => self.unquoted(self.current)?,
            kind if kind.is_label_name() => self.text_of(self.current).to_owned(),
            _ => return self.unexpected_in("grouping opts", "label"),
        };
        if name.is_empty() || name.chars().any(|character| raw_byte(character).is_some()) {
            return fault(self.current.span, format!("invalid label name for grouping: {}", quote(&name)));
        }
        self.take()?;
        Ok(name)
    }
}
