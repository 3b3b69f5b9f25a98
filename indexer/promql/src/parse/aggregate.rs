//! Aggregations, with their labels before or behind the arguments.

use super::{Grown, Parser, fault};
use crate::ast::{Aggregate, AggregateOp, Expr, ExprKind, Span};
use crate::lex::{Fault, Keyword, Kind};

impl Parser<'_> {
    /// Whether the current word, an aggregation's, is none of a metric here.
    pub(super) fn is_aggregation(&self) -> bool {
        matches!(self.following(), Some(Kind::LeftParen | Kind::Keyword(Keyword::By | Keyword::Without)))
    }

    pub(super) fn aggregation(&mut self, op: AggregateOp) -> Result<Grown, Fault> {
        let start = self.current.span.start;
        self.within("aggregation", "", |parser| {
            parser.take()?;
            let before = parser.clause()?;
            let (arguments, height) = parser.arguments()?;
            let clause = match before {
                Some(clause) => Some(clause),
                None => parser.clause()?,
            };
            let span = Span { start, end: parser.closed };
            let aggregate = parser.aggregate(op, clause, arguments, span)?;
            parser.grown(Expr { span, kind: ExprKind::Aggregate(Box::new(aggregate)) }, height)
        })
    }

    /// `by (…)` or `without (…)`, if there is one.
    fn clause(&mut self) -> Result<Option<(bool, Vec<String>)>, Fault> {
        let Kind::Keyword(keyword @ (Keyword::By | Keyword::Without)) = self.current.kind else { return Ok(None) };
        self.take()?;
        Ok(Some((keyword == Keyword::Without, self.labels()?)))
    }

    fn aggregate(
        &self,
        op: AggregateOp,
        clause: Option<(bool, Vec<String>)>,
        arguments: Vec<Expr>,
        span: Span,
    ) -> Result<Aggregate, Fault> {
        let count = arguments.len();
        if count == 0 {
            return fault(span, "no arguments for aggregate expression provided");
        }
        if op.is_experimental() && !self.options.is_experimental {
            let name = op.name();
            let message = format!(
                "{name}() is experimental and must be enabled with --enable-feature=promql-experimental-functions"
            );
            return fault(span, message);
        }
        let mut arguments = arguments.into_iter();
        let parameter = if op.takes_parameter() { arguments.next() } else { None };
        let (Some(operand), None) = (arguments.next(), arguments.next()) else {
            let expected = if op.takes_parameter() { 2 } else { 1 };
            let message = format!(
                "wrong number of arguments for aggregate expression provided, expected {expected}, got {count}"
            );
            return fault(span, message);
        };
        let (is_without, grouping) = clause.unwrap_or_default();
        Ok(Aggregate { op, operand, parameter, grouping, is_without })
    }
}
