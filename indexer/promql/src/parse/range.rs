//! What stands between brackets, and `offset`: ranges and subqueries.

use super::{Grown, Parser, fault, joined};
use crate::ast::{At, Duration, Expr, ExprKind, Extension, Modifiers, Selector, Span, Subquery};
use crate::lex::{Fault, Keyword, Kind};

const SELECTOR: &str = "subquery or range selector";
const SUBQUERY: &str = "subquery selector";
const DURATION: &str = "number, duration, step(), or range()";
const STEP: &str = "number, duration, step(), range(), or \"]\"";

/// The modifiers of what may have some.
pub(super) fn modifiers_of(expr: &mut Expr) -> Option<&mut Modifiers> {
    match &mut expr.kind {
        ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } => Some(&mut selector.modifiers),
        ExprKind::Subquery(subquery) => Some(&mut subquery.modifiers),
        _ => None,
    }
}

impl Parser<'_> {
    /// `[range]`, `[range:]` or `[range:step]`.
    pub(super) fn bracketed(&mut self, grown: Grown) -> Result<Grown, Fault> {
        let open = self.take()?;
        let range = self.within(SELECTOR, DURATION, Self::positive_duration)?;
        if self.accept(Kind::Colon)?.is_some() {
            return self.subquery(grown, range);
        }
        if self.current.kind != Kind::RightBracket {
            return self.unexpected_in("subquery or range", "\":\" or \"]\"");
        }
        let close = self.take()?;
        let brackets = joined(open.span, close.span);
        let ExprKind::Selector(selector) = grown.expr.kind else {
            return fault(brackets, "ranges only allowed for vector selectors");
        };
        self.range_of(selector, grown.expr.span, range, brackets)
    }

    fn range_of(&self, selector: Selector, span: Span, range: Duration, brackets: Span) -> Result<Grown, Fault> {
        // As in Prometheus, neither offsets that are expressions nor `start()` and `end()` are refused.
        if matches!(selector.modifiers.offset, Some(Duration::Milliseconds(_))) {
            return fault(brackets, "no offset modifiers allowed before range");
        }
        if matches!(selector.modifiers.at, Some(At::Time(_))) {
            return fault(brackets, "no @ modifiers allowed before range");
        }
        let kind = ExprKind::Matrix { selector, range };
        Ok(Grown::leaf(Expr { span: joined(span, brackets), kind }))
    }

    fn subquery(&mut self, grown: Grown, range: Duration) -> Result<Grown, Fault> {
        let mut step = None;
        if self.current.kind != Kind::RightBracket {
            step = Some(self.within(SUBQUERY, STEP, Self::positive_duration)?);
            if self.current.kind != Kind::RightBracket {
                return self.unexpected_in(SUBQUERY, "\"]\"");
            }
        }
        let close = self.take()?;
        let span = joined(grown.expr.span, close.span);
        let subquery = Subquery { operand: grown.expr, range, step, modifiers: Modifiers::default() };
        self.grown(Expr { span, kind: ExprKind::Subquery(Box::new(subquery)) }, grown.height)
    }

    pub(super) fn offset(&mut self, mut grown: Grown) -> Result<Grown, Fault> {
        self.take()?;
        let offset = self.within("offset", DURATION, Self::offset_duration)?;
        let span = grown.expr.span;
        let Some(modifiers) = modifiers_of(&mut grown.expr) else {
            return fault(
                span,
                "offset modifier must be preceded by an instant vector selector or range vector selector or a subquery",
            );
        };
        if modifiers.offset.is_some() {
            return fault(span, "offset may not be set multiple times");
        }
        modifiers.offset = Some(offset).filter(|offset| *offset != Duration::Milliseconds(0));
        grown.expr.span.end = self.closed;
        Ok(grown)
    }

    /// `anchored` or `smoothed`; spans do not take them in, as in Prometheus.
    pub(super) fn extension(&mut self, mut grown: Grown) -> Result<Grown, Fault> {
        let (extension, name) = match self.take()?.kind {
            Kind::Keyword(Keyword::Anchored) => (Extension::Anchored, "anchored"),
            _ => (Extension::Smoothed, "smoothed"),
        };
        let span = grown.expr.span;
        if !self.options.is_experimental {
            return fault(span, format!("{name} modifier is experimental and not enabled"));
        }
        let selector = match &mut grown.expr.kind {
            ExprKind::Selector(selector) | ExprKind::Matrix { selector, .. } => selector,
            ExprKind::Subquery(_) => {
                return fault(span, format!("{name} modifier is not supported for subqueries"));
            }
            _ => return fault(span, format!("{name} modifier not implemented")),
        };
        if selector.extension.is_some_and(|set| set != extension) {
            return fault(span, "anchored and smoothed modifiers cannot be used together");
        }
        selector.extension = Some(extension);
        Ok(grown)
    }
}
