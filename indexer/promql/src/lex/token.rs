//! What a token is, and how errors name it.

use crate::ast::{AggregateOp, BinaryOp, Span};
use crate::quote::quote;

/// A token; its text is what its span covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Eof,
    /// `=`
    Assign,
    At,
    Colon,
    Comma,
    LeftBrace,
    LeftBracket,
    LeftParen,
    RightBrace,
    RightBracket,
    RightParen,
    /// `=~`
    RegexMatch,
    /// `!~`
    RegexMismatch,
    Identifier,
    /// With a colon in it.
    MetricIdentifier,
    Number,
    Duration,
    String,
    Operator(BinaryOp),
    Aggregate(AggregateOp),
    Keyword(Keyword),
    Start,
    End,
    Step,
    Range,
    MinOf,
    MaxOf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    Anchored,
    Bool,
    By,
    Fill,
    FillLeft,
    FillRight,
    GroupLeft,
    GroupRight,
    Ignoring,
    Offset,
    On,
    Smoothed,
    Without,
}

/// The keyword that `word` is, in any case.
pub(crate) fn keyword(word: &str) -> Option<Kind> {
    let lower = word.to_ascii_lowercase();
    Some(match lower.as_str() {
        "and" => Kind::Operator(BinaryOp::And),
        "or" => Kind::Operator(BinaryOp::Or),
        "unless" => Kind::Operator(BinaryOp::Unless),
        "atan2" => Kind::Operator(BinaryOp::Atan2),
        "anchored" => Kind::Keyword(Keyword::Anchored),
        "bool" => Kind::Keyword(Keyword::Bool),
        "by" => Kind::Keyword(Keyword::By),
        "fill" => Kind::Keyword(Keyword::Fill),
        "fill_left" => Kind::Keyword(Keyword::FillLeft),
        "fill_right" => Kind::Keyword(Keyword::FillRight),
        "group_left" => Kind::Keyword(Keyword::GroupLeft),
        "group_right" => Kind::Keyword(Keyword::GroupRight),
        "ignoring" => Kind::Keyword(Keyword::Ignoring),
        "offset" => Kind::Keyword(Keyword::Offset),
        "on" => Kind::Keyword(Keyword::On),
        "smoothed" => Kind::Keyword(Keyword::Smoothed),
        "without" => Kind::Keyword(Keyword::Without),
        "start" => Kind::Start,
        "end" => Kind::End,
        "step" => Kind::Step,
        "range" => Kind::Range,
        "min_of" => Kind::MinOf,
        "max_of" => Kind::MaxOf,
        "inf" | "nan" => Kind::Number,
        name => Kind::Aggregate(AggregateOp::ALL.into_iter().find(|op| op.name() == name)?),
    })
}

impl Kind {
    /// The words that a duration may start with.
    pub(crate) fn starts_duration(self) -> bool {
        matches!(
            self,
            Self::Step | Self::Range | Self::MinOf | Self::MaxOf | Self::Aggregate(AggregateOp::Min | AggregateOp::Max)
        )
    }

    /// Whether the word may be a metric's name.
    pub(crate) fn is_metric_name(self) -> bool {
        match self {
            Self::Identifier
            | Self::MetricIdentifier
            | Self::Aggregate(_)
            | Self::Operator(BinaryOp::And | BinaryOp::Or | BinaryOp::Unless)
            | Self::Start
            | Self::End
            | Self::Step
            | Self::Range
            | Self::MinOf
            | Self::MaxOf => true,
            Self::Keyword(keyword) => match keyword {
                Keyword::Anchored
                | Keyword::By
                | Keyword::Fill
                | Keyword::FillLeft
                | Keyword::FillRight
                | Keyword::Offset
                | Keyword::Smoothed
                | Keyword::Without => true,
                Keyword::Bool | Keyword::GroupLeft | Keyword::GroupRight | Keyword::Ignoring | Keyword::On => false,
            },
            _ => false,
        }
    }

    /// Whether the word may be a label's name between the parentheses of `by`, `on` and their like.
    pub(crate) fn is_label_name(self) -> bool {
        matches!(self, Self::Keyword(_) | Self::Operator(BinaryOp::Atan2)) || self.is_metric_name()
    }

    /// How an error names a token of this kind that is written `text`.
    pub(crate) fn describe(self, text: &str) -> String {
        match self {
            Self::Eof => "end of input".to_owned(),
            Self::Identifier => format!("identifier {}", quote(text)),
            Self::MetricIdentifier => format!("metric identifier {}", quote(text)),
            Self::Number => format!("number {}", shortened(text)),
            Self::Duration => format!("duration {}", shortened(text)),
            Self::String => format!("string {}", shortened(text)),
            Self::Operator(_) | Self::At | Self::RegexMatch | Self::RegexMismatch => format!("<op:{text}>"),
            Self::Aggregate(_) => format!("<aggr:{text}>"),
            Self::Keyword(_) => format!("<{text}>"),
            Self::Assign
            | Self::Colon
            | Self::Comma
            | Self::LeftBrace
            | Self::LeftBracket
            | Self::LeftParen
            | Self::RightBrace
            | Self::RightBracket
            | Self::RightParen
            | Self::Start
            | Self::End
            | Self::Step
            | Self::Range
            | Self::MinOf
            | Self::MaxOf => quote(text),
        }
    }
}

/// Quoted, and cut behind ten characters if it is longer than ten bytes.
fn shortened(text: &str) -> String {
    if text.len() <= 10 {
        return quote(text);
    }
    let head: String = text.chars().take(10).collect();
    format!("{}...", quote(&head))
}
