//! Prometheus text: 0.0.4, and 1.0.0 with names in quotes.
//!
//! Source: `model/textparse/{promlex.l,promparse.go}` of Prometheus 3. Differences: a time may be negative, and a NUL at
//! the beginning of a line is an error instead of the end of the body.

use crate::entry::{Entry, MetricType, Sample, Series, unescape};
use crate::error::ParseError;
use crate::lexer::{Cursor, State, Token};
use crate::number;
use crate::quote::quote;

#[derive(Debug)]
pub(crate) struct TextParser<'b> {
    cursor: Cursor<'b>,
    pairs: Vec<(&'b str, &'b str)>,
    /// The type that the last `# TYPE` said.
    kind: MetricType,
}

impl<'b> TextParser<'b> {
    pub(crate) fn new(body: &'b [u8]) -> Self {
        Self { cursor: Cursor::new(body, true), pairs: Vec::new(), kind: MetricType::Unknown }
    }

    pub(crate) fn skip_line(&mut self) {
        self.cursor.skip_line();
    }

    pub(crate) fn next(&mut self) -> Option<Result<Entry<'_>, ParseError>> {
        loop {
            self.cursor.entry = self.cursor.at;
            let token = self.lex();
            return match token {
                Token::Eof => None,
                Token::Linebreak => continue,
                Token::Comment => match self.lex() {
                    Token::Linebreak => continue,
                    token => Some(Err(self.cursor.unexpected("linebreak expected after comment", token))),
                },
                Token::Help | Token::Type => Some(self.metadata(token)),
                Token::BraceOpen | Token::MetricName => Some(self.sample(token).map(Entry::Sample)),
                token => Some(Err(self.cursor.unexpected("expected a valid start token", token))),
            };
        }
    }

    fn metadata(&mut self, keyword: Token) -> Result<Entry<'_>, ParseError> {
        let token = self.lex();
        if token != Token::MetricName {
            let expected = format!("expected metric name after {}", keyword.name());
            return Err(self.cursor.unexpected(&expected, token));
        }
        let family = self.cursor.family_name()?;
        let token = self.lex();
        if token != Token::Text {
            let reason = format!("expected text in {}, got {}", keyword.name(), token.name());
            return Err(self.cursor.error(reason));
        }
        let text = self.cursor.current().get(1..).unwrap_or_default();
        let entry = if keyword == Token::Type {
            self.kind = match text {
                b"counter" => MetricType::Counter,
                b"gauge" => MetricType::Gauge,
                b"histogram" => MetricType::Histogram,
                b"summary" => MetricType::Summary,
                b"untyped" => MetricType::Unknown,
                text => return Err(self.cursor.error(format!("invalid metric type {}", quote(text)))),
            };
            Entry::Type { family, kind: self.kind }
        } else {
            let Ok(help) = std::str::from_utf8(text) else {
                let reason = format!("help text {} is not a valid utf8 string", quote(text));
                return Err(self.cursor.error(reason));
            };
            Entry::Help { family, help: unescape(help, false) }
        };
        match self.lex() {
            Token::Linebreak => Ok(entry),
            token => Err(self.cursor.unexpected("linebreak expected after metadata", token)),
        }
    }

    fn sample(&mut self, token: Token) -> Result<Sample<'_>, ParseError> {
        self.pairs.clear();
        let start = self.cursor.word;
        let mut name = None;
        let mut token = token;
        if token == Token::MetricName {
            name = Some(self.cursor.text(0)?);
            token = self.lex();
        }
        let mut end = self.cursor.word;
        if token == Token::BraceOpen {
            self.labels(&mut name)?;
            end = self.cursor.at;
            token = self.lex();
        }
        let Some(name) = name else {
            return Err(self.cursor.wrong("metric name not set"));
        };
        if token != Token::Value {
            return Err(self.cursor.unexpected("expected value after metric", token));
        }
        let value = match number::float(self.cursor.current()) {
            Ok(value) => value,
            Err(reason) => return Err(self.cursor.wrong(&reason)),
        };
        let time = self.time()?;
        let raw = self.cursor.bytes(start, end).trim_ascii_end();
        let number_label = number_label(self.kind);
        let series = Series { raw, name, pairs: &self.pairs, is_text: true, number_label, made_label: None };
        Ok(Sample { series, value, time, exemplar: None, created: None })
    }

    fn time(&mut self) -> Result<Option<i64>, ParseError> {
        match self.lex() {
            Token::Linebreak => Ok(None),
            Token::Timestamp => {
                let time = match number::milliseconds(self.cursor.current()) {
                    Ok(time) => time,
                    Err(reason) => return Err(self.cursor.wrong(&reason)),
                };
                match self.lex() {
                    Token::Linebreak => Ok(Some(time)),
                    token => Err(self.cursor.unexpected("expected next entry after timestamp", token)),
                }
            }
            token => Err(self.cursor.unexpected("expected timestamp or new record", token)),
        }
    }

    /// What stands in braces, the closing one included.
    fn labels(&mut self, name: &mut Option<&'b str>) -> Result<(), ParseError> {
        let mut token = self.lex();
        loop {
            let is_quoted = token == Token::Quoted;
            match token {
                Token::BraceClose => return Ok(()),
                Token::LabelName | Token::Quoted => {}
                token => return Err(self.cursor.unexpected("expected label name", token)),
            }
            let label = self.cursor.text(usize::from(is_quoted))?;
            token = self.lex();
            // A lone string is the metric's name.
            if is_quoted && matches!(token, Token::Comma | Token::BraceClose) {
                if name.replace(label).is_some() {
                    return Err(self.cursor.wrong("metric name already set"));
                }
                if token == Token::BraceClose {
                    return Ok(());
                }
                token = self.lex();
                continue;
            }
            if token != Token::Equal {
                return Err(self.cursor.unexpected("expected equal", token));
            }
            token = self.lex();
            if token != Token::LabelValue {
                return Err(self.cursor.unexpected("expected label value", token));
            }
            let value = self.cursor.text(1)?;
            self.pairs.push((label, value));
            token = self.lex();
            // Prometheus asks for no comma between labels here.
            if token == Token::Comma {
                token = self.lex();
            }
        }
    }

    #[inline]
    fn lex(&mut self) -> Token {
        let cursor = &mut self.cursor;
        // The text of metadata begins with its blanks.
        if cursor.state != State::MetaText {
            while matches!(cursor.byte(cursor.at), Some(b' ' | b'\t')) {
                cursor.at += 1;
            }
        }
        cursor.word = cursor.at;
        let at = cursor.at;
        let Some(byte) = cursor.byte(at) else { return Token::Eof };
        match (cursor.state, byte) {
            (State::LineStart | State::Timestamp, b'\n') => cursor.take(Token::Linebreak, at + 1, State::LineStart),
            (State::LineStart, b'#') => comment(cursor),
            (State::LineStart | State::Value, b'{') => cursor.take(Token::BraceOpen, at + 1, State::Labels),
            (State::LineStart, _) => cursor.take_name(Token::MetricName, State::Value),
            (State::MetaName, b'"') => cursor.take_quoted(Token::MetricName, true, State::MetaText),
            (State::MetaName, _) => cursor.take_name(Token::MetricName, State::MetaText),
            (State::MetaText, _) => {
                let end = cursor.line_end(at);
                cursor.take(Token::Text, end, State::LineStart)
            }
            (State::Labels, b'}') => cursor.take(Token::BraceClose, at + 1, State::Value),
            (State::Labels, b'=') => cursor.take(Token::Equal, at + 1, State::LabelValue),
            (State::Labels, b',') => cursor.take(Token::Comma, at + 1, State::Labels),
            (State::Labels, b'"') => cursor.take_quoted(Token::Quoted, true, State::Labels),
            (State::Labels, _) => cursor.take_name(Token::LabelName, State::Labels),
            (State::LabelValue, _) => cursor.take_quoted(Token::LabelValue, true, State::Labels),
            (State::Value, b'\n') => cursor.invalid(at),
            (State::Value, _) => {
                let end = cursor.run_end(0, |byte| matches!(byte, b'{' | b' ' | b'\t' | b'\n'));
                cursor.take(Token::Value, end, State::Timestamp)
            }
            (State::Timestamp, _) => {
                let sign = usize::from(byte == b'-');
                let end = cursor.run_end(sign, |byte| !byte.is_ascii_digit());
                if end == at + sign {
                    return cursor.invalid(end);
                }
                cursor.take(Token::Timestamp, end, State::Timestamp)
            }
            (State::Exemplar | State::ExemplarValue | State::ExemplarTimestamp, _) => cursor.invalid(at),
        }
    }
}

/// What begins with `#`: metadata, or text for humans.
fn comment(cursor: &mut Cursor<'_>) -> Token {
    let blanks = cursor.run_end(1, |byte| !matches!(byte, b' ' | b'\t'));
    if blanks > cursor.word + 1 {
        let rest = cursor.body.get(blanks..).unwrap_or_default();
        for (keyword, token) in [(b"HELP", Token::Help), (b"TYPE", Token::Type)] {
            if let Some([b' ' | b'\t', ..]) = rest.strip_prefix(keyword) {
                return cursor.take(token, blanks + keyword.len() + 1, State::MetaName);
            }
        }
    }
    let end = cursor.line_end(blanks.min(cursor.body.len()));
    cursor.take(Token::Comment, end, State::LineStart)
}

/// The label whose value is a number in families of this type.
pub(crate) fn number_label(kind: MetricType) -> Option<&'static str> {
    match kind {
        MetricType::Histogram => Some("le"),
        MetricType::Summary => Some("quantile"),
        MetricType::Unknown
        | MetricType::Counter
        | MetricType::Gauge
        | MetricType::GaugeHistogram
        | MetricType::Info
        | MetricType::StateSet => None,
    }
}
