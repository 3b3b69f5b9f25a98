//! `@`: the moment at which something is evaluated.

use super::range::modifiers_of;
use super::{Grown, Parser, fault};
use crate::ast::{At, BinaryOp, Span};
use crate::lex::{Fault, Kind};

impl Parser<'_> {
    pub(super) fn at(&mut self, mut grown: Grown) -> Result<Grown, Fault> {
        self.take()?;
        let span = grown.expr.span;
        let at = self.within("@", "timestamp", |parser| parser.moment(span))?;
        let Some(modifiers) = modifiers_of(&mut grown.expr) else {
            return fault(
                span,
                "@ modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            );
        };
        if modifiers.at.is_some() {
            return fault(span, "@ <timestamp> may not be set multiple times");
        }
        modifiers.at = Some(at);
        grown.expr.span.end = self.closed;
        Ok(grown)
    }

    fn moment(&mut self, span: Span) -> Result<At, Fault> {
        let at = match self.current.kind {
            Kind::Start => At::Start,
            Kind::End => At::End,
            Kind::Number | Kind::Duration | Kind::Operator(BinaryOp::Add | BinaryOp::Sub) => {
                let seconds = self.signed_number()?;
                return time(seconds, span);
            }
            _ => return self.unexpected(),
        };
        self.take()?;
        self.expect(Kind::LeftParen)?;
        self.expect(Kind::RightParen)?;
        Ok(at)
    }
}

#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the bounds are checked first")]
fn time(seconds: f64, span: Span) -> Result<At, Fault> {
    if !seconds.is_finite() || seconds >= i64::MAX as f64 || seconds <= i64::MIN as f64 {
        let text = match seconds {
            f64::INFINITY => "+Inf".to_owned(),
            f64::NEG_INFINITY => "-Inf".to_owned(),
            _ => format!("{seconds:.6}"),
        };
        return fault(span, format!("timestamp out of bounds for @ modifier: {text}"));
    }
    Ok(At::Time((seconds * 1000.0).round() as i64))
}
