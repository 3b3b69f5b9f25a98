//! From the text of a template to tokens (Go, `text/template/parse/lex.go`).

use super::parse::TemplateError;

const OPEN: &str = "{{";
const CLOSE: &str = "}}";

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Text(String),
    Open,
    Close,
    Space,
    Dot,
    /// With its dot.
    Field(String),
    /// With its `$`.
    Variable(String),
    /// A name or a keyword.
    Word(String),
    Bool(bool),
    /// In quotes of either kind.
    Quoted(String),
    /// As written; characters in single quotes, too.
    Number(String),
    /// `:=`
    Declare,
    /// `=`
    Assign,
    Pipe,
    LeftParen,
    RightParen,
    Char(char),
    End,
}

/// A token and its line, from 1.
pub(super) type Placed = (Token, usize);

/// The tokens, the last of which is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, TemplateError> {
    let mut lexer = Lexer { rest: text, line: 1, out: Vec::new() };
    lexer.run()?;
    Ok(lexer.out)
}

struct Lexer<'t> {
    rest: &'t str,
    line: usize,
    out: Vec<Placed>,
}

impl<'t> Lexer<'t> {
    fn run(&mut self) -> Result<(), TemplateError> {
        let mut trims = false;
        loop {
            let found = self.rest.find(OPEN);
            let (text, _) = self.rest.split_at(found.unwrap_or(self.rest.len()));
            let behind = self.rest.split_at(text.len()).1;
            let after = behind.strip_prefix(OPEN).unwrap_or_default();
            let trims_left = starts_with_trim(after);
            let mut shown = if trims { text.trim_start_matches(is_space) } else { text };
            if trims_left {
                shown = shown.trim_end_matches(is_space);
            }
            if !shown.is_empty() {
                self.push(Token::Text(shown.to_owned()));
            }
            self.take(text.len());
            if found.is_none() {
                self.push(Token::End);
                return Ok(());
            }
            self.take(OPEN.len() + if trims_left { 2 } else { 0 });
            trims = if self.rest.starts_with("/*") { self.comment()? } else { self.action()? };
        }
    }

    fn push(&mut self, token: Token) {
        self.out.push((token, self.line));
    }

    /// Moves on by `bytes`, and gives what is passed.
    fn take(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn fault<T>(&self, message: impl Into<String>) -> Result<T, TemplateError> {
        Err(TemplateError { line: self.line, message: message.into() })
    }

    /// Whether what is behind the comment is trimmed.
    fn comment(&mut self) -> Result<bool, TemplateError> {
        let Some(end) = self.rest.find("*/") else { return self.fault("unclosed comment") };
        self.take(end + 2);
        match self.close() {
            Some(trims) => Ok(trims),
            None => self.fault("comment ends before closing delimiter"),
        }
    }

    /// Takes a closing delimiter, and says whether it trims what follows.
    fn close(&mut self) -> Option<bool> {
        let mut marked = self.rest.chars();
        if marked.next().is_some_and(is_space) && marked.next() == Some('-') && marked.as_str().starts_with(CLOSE) {
            self.take(2 + CLOSE.len());
            return Some(true);
        }
        if self.rest.starts_with(CLOSE) {
            self.take(CLOSE.len());
            return Some(false);
        }
        None
    }

    fn action(&mut self) -> Result<bool, TemplateError> {
        self.push(Token::Open);
        let mut depth: usize = 0;
        loop {
            if let Some(trims) = self.close() {
                if depth > 0 {
                    return self.fault("unclosed left paren");
                }
                self.push(Token::Close);
                return Ok(trims);
            }
            let Some(next) = self.rest.chars().next() else { return self.fault("unclosed action") };
            match next {
                next if is_space(next) => self.space(),
                ':' => {
                    if !self.rest.starts_with(":=") {
                        return self.fault("expected :=");
                    }
                    self.take(2);
                    self.push(Token::Declare);
                }
                '=' => self.single(Token::Assign),
                '|' => self.single(Token::Pipe),
                '(' => {
                    depth += 1;
                    self.single(Token::LeftParen);
                }
                ')' => {
                    let Some(less) = depth.checked_sub(1) else { return self.fault("unexpected right paren") };
                    depth = less;
                    self.single(Token::RightParen);
                }
                '"' => self.quoted()?,
                '`' => self.raw()?,
                '\'' => self.character()?,
                '$' => self.named(|name| Token::Variable(format!("${name}")))?,
                '.' if !self.rest.chars().nth(1).is_some_and(|next| next.is_ascii_digit()) => {
                    self.named(|name| if name.is_empty() { Token::Dot } else { Token::Field(name) })?;
                }
                '.' | '+' | '-' | '0'..='9' => self.number()?,
                next if is_word(next) => self.word()?,
                next if next.is_ascii_graphic() => self.single(Token::Char(next)),
                other => return self.fault(format!("unrecognized character in action: {}", shown(other))),
            }
        }
    }

    fn single(&mut self, token: Token) {
        let bytes = self.rest.chars().next().map_or(0, char::len_utf8);
        self.push(token);
        self.take(bytes);
    }

    fn space(&mut self) {
        self.push(Token::Space);
        loop {
            let mut marked = self.rest.chars();
            if !marked.next().is_some_and(is_space) {
                return;
            }
            // The space of a trimming delimiter is left to it.
            if marked.next() == Some('-') && marked.as_str().starts_with(CLOSE) {
                return;
            }
            self.take(1);
        }
    }

    fn run_length(&self, skip: usize, is_in: impl Fn(char) -> bool) -> usize {
        let rest = self.rest.get(skip..).unwrap_or_default();
        skip + rest.find(|character| !is_in(character)).unwrap_or(rest.len())
    }

    /// A name behind `$` or `.`, which may be empty.
    fn named(&mut self, token: impl Fn(String) -> Token) -> Result<(), TemplateError> {
        let length = self.run_length(1, is_word);
        let name = self.take(length).get(1..).unwrap_or_default().to_owned();
        self.terminated()?;
        self.push(token(name));
        Ok(())
    }

    fn word(&mut self) -> Result<(), TemplateError> {
        let length = self.run_length(0, is_word);
        let word = self.take(length).to_owned();
        self.terminated()?;
        self.push(match word.as_str() {
            "true" => Token::Bool(true),
            "false" => Token::Bool(false),
            _ => Token::Word(word),
        });
        Ok(())
    }

    fn terminated(&self) -> Result<(), TemplateError> {
        let next = self.rest.chars().next();
        let is_fine = next.is_none_or(|next| is_space(next) || ".,|:()=".contains(next));
        if is_fine || self.rest.starts_with(CLOSE) {
            return Ok(());
        }
        self.fault(format!("bad character {}", next.map(shown).unwrap_or_default()))
    }

    fn quoted(&mut self) -> Result<(), TemplateError> {
        let mut escaped = false;
        let end = self.rest.char_indices().skip(1).find(|&(_, character)| {
            let ends = character == '\n' || !escaped && character == '"';
            escaped = character == '\\' && !escaped;
            ends
        });
        let Some((at, '"')) = end else { return self.fault("unterminated quoted string") };
        let literal = self.take(at + 1);
        match orszem_promql::notation::unquote(literal) {
            Ok(text) => self.push(Token::Quoted(text)),
            Err(_) => return self.fault(format!("invalid syntax: {literal}")),
        }
        Ok(())
    }

    fn raw(&mut self) -> Result<(), TemplateError> {
        let Some(length) = self.rest.get(1..).and_then(|rest| rest.find('`')) else {
            return self.fault("unterminated raw quoted string");
        };
        let literal = self.take(length + 2);
        let text = literal.trim_matches('`').to_owned();
        self.push(Token::Quoted(text));
        Ok(())
    }

    fn character(&mut self) -> Result<(), TemplateError> {
        let mut escaped = false;
        let end = self.rest.char_indices().skip(1).find(|&(_, character)| {
            let ends = !escaped && character == '\'' || character == '\n';
            escaped = character == '\\' && !escaped;
            ends
        });
        let Some((at, '\'')) = end else { return self.fault("unterminated character constant") };
        let literal = self.take(at + 1);
        let content = orszem_promql::notation::unquote(literal).unwrap_or_default();
        let mut characters = content.chars();
        match (characters.next(), characters.next()) {
            (Some(one), None) => self.push(Token::Number(u32::from(one).to_string())),
            _ => return self.fault(format!("malformed character constant: {literal}")),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), TemplateError> {
        let mut length = usize::from(self.rest.starts_with(['+', '-']));
        let is_hex = self.rest.get(length..).is_some_and(|rest| rest.starts_with("0x") || rest.starts_with("0X"));
        let is_exponent = |before: char| if is_hex { "pP".contains(before) } else { "eE".contains(before) };
        let mut before = ' ';
        while let Some(next) = self.rest.get(length..).and_then(|rest| rest.chars().next()) {
            let is_sign = matches!(next, '+' | '-') && is_exponent(before);
            if !is_word(next) && next != '.' && !is_sign {
                break;
            }
            length += next.len_utf8();
            before = next;
        }
        let number = self.take(length).to_owned();
        self.push(Token::Number(number));
        Ok(())
    }
}

/// `- ` behind the opening delimiter.
fn starts_with_trim(rest: &str) -> bool {
    let mut characters = rest.chars();
    characters.next() == Some('-') && characters.next().is_some_and(is_space)
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\r' | '\n')
}

fn is_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// As Go's `%#U` shows it.
fn shown(character: char) -> String {
    format!("U+{:04X} '{character}'", u32::from(character))
}
