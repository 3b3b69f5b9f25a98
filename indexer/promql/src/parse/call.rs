//! Function calls.

use super::{Grown, Parser, fault};
use crate::ast::{Expr, ExprKind, Span};
use crate::functions::Function;
use crate::lex::{Fault, Kind};
use crate::quote::quote;

impl Parser<'_> {
    pub(super) fn call(&mut self) -> Result<Grown, Fault> {
        let token = self.take()?;
        let name = self.text_of(token);
        let (arguments, height) = self.arguments()?;
        let Some(function) = Function::named(name) else {
            return fault(token.span, format!("unknown function with name {}", quote(name)));
        };
        if function.signature().is_experimental && !self.options.is_experimental {
            return fault(token.span, format!("function {} is not enabled", quote(name)));
        }
        let span = Span { start: token.span.start, end: self.closed };
        self.grown(Expr { span, kind: ExprKind::Call { function, arguments } }, height)
    }

    /// Expressions between parentheses, and the height of the highest.
    pub(super) fn arguments(&mut self) -> Result<(Vec<Expr>, usize), Fault> {
        self.expect(Kind::LeftParen)?;
        let mut arguments = Vec::new();
        let mut height = 0;
        if self.accept(Kind::RightParen)?.is_some() {
            return Ok((arguments, height));
        }
        loop {
            let argument = self.expression(0)?;
            arguments.push(argument.expr);
            height = height.max(argument.height);
            if self.accept(Kind::RightParen)?.is_some() {
                return Ok((arguments, height));
            }
            let comma = self.expect(Kind::Comma)?;
            if self.current.kind == Kind::RightParen {
                return fault(comma.span, "trailing commas not allowed in function call args");
            }
        }
    }
}
