//! Expressions: operators by precedence, signs, and what they stand between.

use super::{Grown, HEIGHT_MAX, Parser, fault, joined};
use crate::ast::{Binary, BinaryOp, Expr, ExprKind};
use crate::lex::{Fault, Keyword, Kind};
use crate::quote::unquote;

/// How tightly a sign binds: only `^` binds tighter.
const SIGN: u8 = 5;

/// How tightly an operator binds.
fn strength(op: BinaryOp) -> u8 {
    match op {
        BinaryOp::Or => 1,
        BinaryOp::And | BinaryOp::Unless => 2,
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Greater
        | BinaryOp::Less
        | BinaryOp::GreaterOrEqual
        | BinaryOp::LessOrEqual
        | BinaryOp::TrimUpper
        | BinaryOp::TrimLower => 3,
        BinaryOp::Add | BinaryOp::Sub => 4,
        BinaryOp::Mul | BinaryOp::Div | BinaryOp::Mod | BinaryOp::Atan2 => SIGN,
        BinaryOp::Pow => 6,
    }
}

impl Grown {
    pub(super) fn leaf(expr: Expr) -> Self {
        Self { expr, height: 1 }
    }
}

impl Parser<'_> {
    /// Operators of at least `minimum` strength, and what they stand between.
    pub(super) fn expression(&mut self, minimum: u8) -> Result<Grown, Fault> {
        self.nested(|parser| {
            let mut left = parser.operand()?;
            while let Kind::Operator(op) = parser.current.kind {
                if strength(op) < minimum {
                    break;
                }
                left = parser.operation(left, op)?;
            }
            Ok(left)
        })
    }

    /// The operator and what is right of it. All but `^` group to the left.
    fn operation(&mut self, left: Grown, op: BinaryOp) -> Result<Grown, Fault> {
        self.take()?;
        let (returns_bool, matching) = self.matching()?;
        let right = self.expression(if op == BinaryOp::Pow { strength(op) } else { strength(op) + 1 })?;
        let span = joined(left.expr.span, right.expr.span);
        if !self.options.is_experimental && (matching.fill_left.is_some() || matching.fill_right.is_some()) {
            return fault(span, "binop fill modifiers are experimental and not enabled");
        }
        let height = left.height.max(right.height);
        let binary = Binary { op, left: left.expr, right: right.expr, returns_bool, matching };
        self.grown(Expr { span, kind: ExprKind::Binary(Box::new(binary)) }, height)
    }

    /// `expr` on top of trees of `height`.
    pub(super) fn grown(&self, expr: Expr, height: usize) -> Result<Grown, Fault> {
        if height >= HEIGHT_MAX {
            return fault(self.current.span, format!("expression is a chain of more than {HEIGHT_MAX} operations"));
        }
        Ok(Grown { expr, height: height + 1 })
    }

    fn operand(&mut self) -> Result<Grown, Fault> {
        match self.current.kind {
            Kind::Operator(BinaryOp::Add) => self.signed(false),
            Kind::Operator(BinaryOp::Sub) => self.signed(true),
            _ => {
                let primary = self.primary()?;
                self.modified(primary)
            }
        }
    }

    fn signed(&mut self, negates: bool) -> Result<Grown, Fault> {
        let sign = self.take()?;
        let mut operand = self.expression(SIGN + 1)?;
        let span = joined(sign.span, operand.expr.span);
        if let ExprKind::Number(value) | ExprKind::Duration(value) = &mut operand.expr.kind {
            if negates {
                *value = -*value;
            }
            operand.expr.span = span;
            return Ok(operand);
        }
        let kind = ExprKind::Unary { negates, operand: Box::new(operand.expr) };
        self.grown(Expr { span, kind }, operand.height)
    }

    /// What may stand behind an expression.
    fn modified(&mut self, mut grown: Grown) -> Result<Grown, Fault> {
        loop {
            grown = match self.current.kind {
                Kind::LeftBracket => self.bracketed(grown)?,
                Kind::Keyword(Keyword::Offset) => self.offset(grown)?,
                Kind::At => self.at(grown)?,
                Kind::Keyword(Keyword::Anchored | Keyword::Smoothed) => self.extension(grown)?,
                _ => return Ok(grown),
            };
        }
    }

    fn primary(&mut self) -> Result<Grown, Fault> {
        match self.current.kind {
            Kind::LeftParen => self.paren(),
            Kind::String => self.string(),
            Kind::Number | Kind::Duration => self.number().map(Grown::leaf),
            Kind::Aggregate(op) if self.is_aggregation() => self.aggregation(op),
            Kind::Identifier | Kind::Start | Kind::End | Kind::Step | Kind::Range | Kind::MinOf | Kind::MaxOf
                if self.following() == Some(Kind::LeftParen) =>
            {
                self.call()
            }
            Kind::LeftBrace => self.selection(),
            kind if kind.is_metric_name() => self.selection(),
            _ => self.unexpected(),
        }
    }

    fn paren(&mut self) -> Result<Grown, Fault> {
        let open = self.take()?;
        let inner = self.expression(0)?;
        let close = self.expect(Kind::RightParen)?;
        let kind = ExprKind::Paren(Box::new(inner.expr));
        self.grown(Expr { span: joined(open.span, close.span), kind }, inner.height)
    }

    fn string(&mut self) -> Result<Grown, Fault> {
        let token = self.take()?;
        let kind = ExprKind::String(self.unquoted(token)?);
        Ok(Grown::leaf(Expr { span: token.span, kind }))
    }

    fn selection(&mut self) -> Result<Grown, Fault> {
        let (selector, span) = self.selector()?;
        Ok(Grown::leaf(Expr { span, kind: ExprKind::Selector(selector) }))
    }

    /// What a string token means.
    pub(super) fn unquoted(&self, token: crate::lex::Token) -> Result<String, Fault> {
        let literal = self.text_of(token);
        let Some(text) = unquote(literal) else {
            let message = format!("error unquoting string {}: invalid syntax", crate::quote::quote(literal));
            return fault(token.span, message);
        };
        Ok(text)
    }
}
