//! From tokens to the syntax tree of a template (Go, `text/template/parse/parse.go`).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::functions::Function;
use super::lex::{Placed, Token, tokens};
use super::node::{Branch, Node, Operand, Pipe, Tree};
use super::number::constant;

/// How deep blocks and parentheses may be nested; deeper texts are refused.
const NESTING_MAX: usize = 100;

/// The variables that a template begins with, beside `$`.
const VARIABLES: [&str; 5] = ["$", "$labels", "$externalLabels", "$externalURL", "$value"];

/// Why a text is no template, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// Of the template, from 1.
    pub line: usize,
    pub message: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 1 { write!(f, "line {}: {}", self.line, self.message) } else { f.write_str(&self.message) }
    }
}

impl std::error::Error for TemplateError {}

pub(super) fn parse(text: &str) -> Result<Tree, TemplateError> {
    let variables = VARIABLES.map(str::to_owned).to_vec();
    let mut parser = Parser { tokens: tokens(text)?, at: 0, variables, loops: 0, nesting: 0, defined: BTreeMap::new() };
    let (nodes, end) = parser.list(true)?;
    match end {
        Ending::Text => Ok(Tree { nodes, defined: parser.defined }),
        Ending::End => parser.fault("unexpected {{end}}"),
        Ending::Else => parser.fault("unexpected {{else}}"),
    }
}

/// What ends a list of nodes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// The end of the template.
    Text,
    End,
    /// Up to and with the word `else`.
    Else,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Control {
    If,
    With,
    Range,
}

impl Control {
    fn name(self) -> &'static str {
        match self {
            Self::If => "if",
            Self::With => "with",
            Self::Range => "range",
        }
    }
}

struct Parser {
    tokens: Vec<Placed>,
    at: usize,
    variables: Vec<String>,
    /// Loops around.
    loops: usize,
    nesting: usize,
    defined: BTreeMap<String, Vec<Node>>,
}

impl Parser {
    fn fault<T>(&self, message: impl Into<String>) -> Result<T, TemplateError> {
        let at = self.at.min(self.tokens.len().saturating_sub(1));
        let line = self.tokens.get(at).map_or(1, |placed| placed.1);
        Err(TemplateError { line, message: message.into() })
    }

    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |placed| &placed.0)
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn skip_space(&mut self) {
        while *self.peek() == Token::Space {
            self.at += 1;
        }
    }

    fn peek_word(&mut self) -> &Token {
        self.skip_space();
        self.peek()
    }

    fn next_word(&mut self) -> Token {
        self.skip_space();
        self.next()
    }

    fn unexpected<T>(&self, token: &Token, context: &str) -> Result<T, TemplateError> {
        let shown = match token {
            Token::Text(text) | Token::Quoted(text) => format!("{text:?}"),
            Token::Field(name) => format!("<.{name}>"),
            Token::Variable(text) | Token::Word(text) | Token::Number(text) => format!("<{text}>"),
            Token::Bool(value) => format!("{value:?}"),
            Token::Open => "{{".to_owned(),
            Token::Close => "}}".to_owned(),
            Token::Space => "space".to_owned(),
            Token::Dot => "<.>".to_owned(),
            Token::Declare => "\":=\"".to_owned(),
            Token::Assign => "\"=\"".to_owned(),
            Token::Pipe => "\"|\"".to_owned(),
            Token::LeftParen => "\"(\"".to_owned(),
            Token::RightParen => "\")\"".to_owned(),
            Token::Char(character) => format!("\"{character}\""),
            Token::End => "EOF".to_owned(),
        };
        self.fault(format!("unexpected {shown} in {context}"))
    }

    fn expect_close(&mut self, context: &str) -> Result<(), TemplateError> {
        match self.next_word() {
            Token::Close => Ok(()),
            other => self.unexpected(&other, context),
        }
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, TemplateError>) -> Result<T, TemplateError> {
        if self.nesting >= NESTING_MAX {
            return self.fault(format!("nested more than {NESTING_MAX} levels deep"));
        }
        self.nesting += 1;
        let result = read(self);
        self.nesting -= 1;
        result
    }

    /// Nodes up to what ends them.
    fn list(&mut self, is_top: bool) -> Result<(Vec<Node>, Ending), TemplateError> {
        let mut nodes = Vec::new();
        loop {
            match self.next() {
                Token::End => {
                    return if is_top { Ok((nodes, Ending::Text)) } else { self.fault("unexpected EOF") };
                }
                Token::Text(text) => nodes.push(Node::Text(text)),
                Token::Open => {
                    let word = match self.peek_word() {
                        Token::Word(word) => word.clone(),
                        _ => String::new(),
                    };
                    if matches!(word.as_str(), "end" | "else") {
                        self.at += 1;
                        if word == "end" {
                            self.expect_close("end")?;
                        }
                        return Ok((nodes, if word == "end" { Ending::End } else { Ending::Else }));
                    }
                    if word == "define" && is_top {
                        self.at += 1;
                        self.define()?;
                    } else {
                        nodes.push(self.nested(|parser| parser.action(&word))?);
                    }
                }
                other => return self.unexpected(&other, "input"),
            }
        }
    }

    fn action(&mut self, word: &str) -> Result<Node, TemplateError> {
        let control = match word {
            "if" => Control::If,
            "with" => Control::With,
            "range" => Control::Range,
            "template" => {
                self.at += 1;
                return self.template();
            }
            "block" => {
                self.at += 1;
                return self.block();
            }
            "break" | "continue" => {
                self.at += 1;
                self.expect_close(word)?;
                if self.loops == 0 {
                    return self.fault(format!("{{{{{word}}}}} outside {{{{range}}}}"));
                }
                return Ok(if word == "break" { Node::Break } else { Node::Continue });
            }
            _ => return Ok(Node::Action(self.pipe("command", &Token::Close)?)),
        };
        self.at += 1;
        self.control(control)
    }

    fn control(&mut self, control: Control) -> Result<Node, TemplateError> {
        let visible = self.variables.len();
        let pipe = self.pipe(control.name(), &Token::Close)?;
        self.loops += usize::from(control == Control::Range);
        let (then, mut end) = self.list(false)?;
        self.loops -= usize::from(control == Control::Range);
        let mut otherwise = Vec::new();
        if end == Ending::Else {
            let chained = match (self.peek_word(), control) {
                (Token::Word(word), Control::If) if word == "if" => true,
                (Token::Word(word), Control::With) if word == "with" => true,
                _ => false,
            };
            if chained {
                self.at += 1;
                // What ends the inner one ends this one, too.
                otherwise = vec![self.nested(|parser| parser.control(control))?];
                end = Ending::End;
            } else {
                self.expect_close("else")?;
                (otherwise, end) = self.list(false)?;
            }
        }
        self.variables.truncate(visible);
        if end != Ending::End {
            return self.fault("expected end; found {{else}}");
        }
        let branch = Branch { pipe, then, otherwise };
        Ok(match control {
            Control::If => Node::If(branch),
            Control::With => Node::With(branch),
            Control::Range => Node::Range(branch),
        })
    }

    fn name(&mut self, context: &str) -> Result<String, TemplateError> {
        match self.next_word() {
            Token::Quoted(name) => Ok(name),
            other => self.unexpected(&other, context),
        }
    }

    fn argument(&mut self, context: &str) -> Result<Option<Pipe>, TemplateError> {
        if *self.peek_word() == Token::Close {
            self.at += 1;
            return Ok(None);
        }
        self.pipe(context, &Token::Close).map(Some)
    }

    fn template(&mut self) -> Result<Node, TemplateError> {
        let name = self.name("template clause")?;
        let pipe = self.argument("template clause")?;
        Ok(Node::Template { name, pipe })
    }

    fn block(&mut self) -> Result<Node, TemplateError> {
        let name = self.name("block clause")?;
        let pipe = self.pipe("block clause", &Token::Close)?;
        self.body(name.clone(), "block")?;
        Ok(Node::Template { name, pipe: Some(pipe) })
    }

    fn define(&mut self) -> Result<(), TemplateError> {
        let name = self.name("define clause")?;
        self.expect_close("define clause")?;
        self.body(name, "define")
    }

    /// The body of a template within, which sees no variables but `$`.
    fn body(&mut self, name: String, context: &str) -> Result<(), TemplateError> {
        let variables = std::mem::replace(&mut self.variables, vec!["$".to_owned()]);
        let loops = std::mem::take(&mut self.loops);
        let (nodes, end) = self.nested(|parser| parser.list(false))?;
        self.variables = variables;
        self.loops = loops;
        if end != Ending::End {
            return self.fault(format!("unexpected {{{{else}}}} in {context} clause"));
        }
        let is_empty =
            |nodes: &[Node]| nodes.iter().all(|node| matches!(node, Node::Text(text) if text.trim().is_empty()));
        match self.defined.get(&name) {
            Some(known) if !is_empty(known) && !is_empty(&nodes) => {
                self.fault(format!("multiple definition of template {name:?}"))
            }
            Some(_) if is_empty(&nodes) => Ok(()),
            _ => {
                self.defined.insert(name, nodes);
                Ok(())
            }
        }
    }

    fn pipe(&mut self, context: &str, end: &Token) -> Result<Pipe, TemplateError> {
        let mut pipe = Pipe { declares: Vec::new(), assigns: false, commands: Vec::new() };
        self.declarations(&mut pipe, context)?;
        loop {
            match self.peek_word() {
                token if token == end => {
                    self.at += 1;
                    return self.checked(pipe, context);
                }
                Token::Bool(_)
                | Token::Dot
                | Token::Field(_)
                | Token::Variable(_)
                | Token::Word(_)
                | Token::Quoted(_)
                | Token::Number(_)
                | Token::LeftParen => pipe.commands.push(self.command()?),
                other => {
                    let other = other.clone();
                    return self.unexpected(&other, context);
                }
            }
        }
    }

    fn declarations(&mut self, pipe: &mut Pipe, context: &str) -> Result<(), TemplateError> {
        while let Token::Variable(name) = self.peek_word() {
            let (name, start) = (name.clone(), self.at);
            self.at += 1;
            match self.next_word() {
                token @ (Token::Declare | Token::Assign) => {
                    pipe.assigns = token == Token::Assign;
                    pipe.declares.push(name.clone());
                    self.variables.push(name);
                    return Ok(());
                }
                Token::Char(',') => {
                    pipe.declares.push(name.clone());
                    self.variables.push(name);
                    if context != "range" || pipe.declares.len() >= 2 {
                        return self.fault(format!("too many declarations in {context}"));
                    }
                    if !matches!(self.peek_word(), Token::Variable(_)) {
                        return self.fault("range can only initialize variables");
                    }
                }
                _ => {
                    self.at = start;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn checked(&self, pipe: Pipe, context: &str) -> Result<Pipe, TemplateError> {
        if pipe.commands.is_empty() {
            return self.fault(format!("missing value for {context}"));
        }
        let is_inert = |command: &Vec<Operand>| {
            matches!(
                command.first(),
                Some(
                    Operand::Bool(_)
                        | Operand::Dot
                        | Operand::Nil
                        | Operand::Int(_)
                        | Operand::Float(_)
                        | Operand::Text(_)
                )
            )
        };
        match pipe.commands.iter().skip(1).position(is_inert) {
            Some(at) => self.fault(format!("non executable command in pipeline stage {}", at + 2)),
            None => Ok(pipe),
        }
    }

    /// Operands with space between them, up to the next pipe.
    fn command(&mut self) -> Result<Vec<Operand>, TemplateError> {
        let mut operands = Vec::new();
        loop {
            self.skip_space();
            operands.extend(self.operand()?);
            match self.peek() {
                Token::Space => {}
                Token::Close | Token::RightParen => break,
                Token::Pipe => {
                    self.at += 1;
                    break;
                }
                other => {
                    let other = other.clone();
                    return self.unexpected(&other, "operand");
                }
            }
        }
        if operands.is_empty() { self.fault("empty command") } else { Ok(operands) }
    }

    fn operand(&mut self) -> Result<Option<Operand>, TemplateError> {
        let Some(term) = self.term()? else { return Ok(None) };
        let mut fields = Vec::new();
        while let Token::Field(name) = self.peek() {
            fields.push(name.clone());
            self.at += 1;
        }
        if fields.is_empty() {
            return Ok(Some(term));
        }
        let term = match term {
            Operand::Field(mut path) => {
                path.append(&mut fields);
                Operand::Field(path)
            }
            Operand::Variable(name, mut path) => {
                path.append(&mut fields);
                Operand::Variable(name, path)
            }
            Operand::Dot | Operand::Text(_) | Operand::Int(_) | Operand::Float(_) | Operand::Bool(_) | Operand::Nil => {
                return self.fault("unexpected . after term");
            }
            other @ (Operand::Function(_) | Operand::Pipe(_) | Operand::Chain(..)) => {
                Operand::Chain(Box::new(other), fields)
            }
        };
        Ok(Some(term))
    }

    fn term(&mut self) -> Result<Option<Operand>, TemplateError> {
        let term = match self.peek().clone() {
            Token::Word(word) if word == "nil" => Operand::Nil,
            Token::Word(word) => match Function::named(&word) {
                Some(function) => Operand::Function(function),
                None if is_keyword(&word) => return self.unexpected(&Token::Word(word), "command"),
                None => return self.fault(format!("function {word:?} not defined")),
            },
            Token::Dot => Operand::Dot,
            Token::Field(name) => Operand::Field(vec![name]),
            Token::Variable(name) => {
                if !self.variables.contains(&name) {
                    return self.fault(format!("undefined variable {name:?}"));
                }
                Operand::Variable(name, Vec::new())
            }
            Token::Bool(value) => Operand::Bool(value),
            Token::Quoted(text) => Operand::Text(Arc::from(text)),
            Token::Number(text) => match constant(&text) {
                Some(number) => number,
                None => return self.fault(format!("bad number syntax: {text:?}")),
            },
            Token::LeftParen => {
                self.at += 1;
                let pipe = self.nested(|parser| parser.pipe("parenthesized pipeline", &Token::RightParen))?;
                return Ok(Some(Operand::Pipe(pipe)));
            }
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(term))
    }
}

fn is_keyword(word: &str) -> bool {
    ["block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"].contains(&word)
}
