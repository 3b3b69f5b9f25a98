//! OpenMetrics text 1.0.
//!
//! Sources: the OpenMetrics specification 1.0, `model/textparse/{openmetricslex.l,openmetricsparse.go}` of Prometheus 3,
//! whose reading it follows where both differ: families may be interleaved, names need no suffix.

use std::borrow::Cow;

use orszem_model::Labels;

use crate::entry::{Entry, Exemplar, MetricType, Sample, Series, unescape};
use crate::error::ParseError;
use crate::lexer::{Cursor, State, Token};
use crate::number;
use crate::quote::quote;
use crate::text::number_label;

#[derive(Debug)]
pub(crate) struct OpenMetricsParser<'b> {
    cursor: Cursor<'b>,
    pairs: Vec<(&'b str, &'b str)>,
    exemplar_pairs: Vec<(&'b str, &'b str)>,
    kind: MetricType,
    is_done: bool,
}

impl<'b> OpenMetricsParser<'b> {
    pub(crate) fn new(body: &'b [u8]) -> Self {
        Self {
            cursor: Cursor::new(body, false),
            pairs: Vec::new(),
            exemplar_pairs: Vec::new(),
            kind: MetricType::Unknown,
            is_done: false,
        }
    }

    pub(crate) fn skip_line(&mut self) {
        self.cursor.skip_line();
    }

    pub(crate) fn next(&mut self) -> Option<Result<Entry<'_>, ParseError>> {
        if self.is_done {
            return None;
        }
        self.cursor.entry = self.cursor.at;
        match self.lex() {
            Token::EofWord => {
                self.is_done = true;
                self.cursor.entry = self.cursor.at;
                (self.lex() != Token::Eof).then(|| Err(self.cursor.error("unexpected data after # EOF".to_owned())))
            }
            Token::Eof => {
                self.is_done = true;
                Some(Err(self.no_eof()))
            }
            keyword @ (Token::Help | Token::Type | Token::Unit) => Some(self.metadata(keyword)),
            token @ (Token::BraceOpen | Token::MetricName) => Some(self.sample(token).map(Entry::Sample)),
            token => Some(Err(self.cursor.unexpected("expected a valid start token", token))),
        }
    }

    fn no_eof(&mut self) -> ParseError {
        self.cursor.error("data does not end with # EOF".to_owned())
    }

    fn metadata(&mut self, keyword: Token) -> Result<Entry<'_>, ParseError> {
        let token = self.lex();
        if token != Token::MetricName {
            let expected = format!("expected metric name after {}", keyword.name());
            return Err(self.cursor.unexpected(&expected, token));
        }
        let family = self.cursor.family_name()?;
        if self.lex() != Token::Text {
            return Err(self.cursor.error(format!("expected text in {}", keyword.name())));
        }
        let word = self.cursor.current();
        let text = word.get(1..word.len().saturating_sub(1)).unwrap_or_default();
        if keyword == Token::Type {
            self.kind = self.metric_type(text)?;
            return Ok(Entry::Type { family, kind: self.kind });
        }
        let Ok(text) = std::str::from_utf8(text) else {
            let reason = format!("help text {} is not a valid utf8 string", quote(text));
            return Err(self.cursor.error(reason));
        };
        if keyword == Token::Help {
            return Ok(Entry::Help { family, help: unescape(text, true) });
        }
        let is_suffix = family.strip_suffix(text).is_some_and(|rest| rest.ends_with('_'));
        if !text.is_empty() && !is_suffix {
            let reason = format!("unit {} not a suffix of metric {}", quote(text.as_bytes()), quote(family.as_bytes()));
            return Err(self.cursor.error(reason));
        }
        Ok(Entry::Unit { family, unit: Cow::Borrowed(text) })
    }

    fn metric_type(&mut self, text: &[u8]) -> Result<MetricType, ParseError> {
        Ok(match text {
            b"counter" => MetricType::Counter,
            b"gauge" => MetricType::Gauge,
            b"histogram" => MetricType::Histogram,
            b"gaugehistogram" => MetricType::GaugeHistogram,
            b"summary" => MetricType::Summary,
            b"info" => MetricType::Info,
            b"stateset" => MetricType::StateSet,
            b"unknown" => MetricType::Unknown,
            text => return Err(self.cursor.error(format!("invalid metric type {}", quote(text)))),
        })
    }

    fn sample(&mut self, token: Token) -> Result<Sample<'_>, ParseError> {
        let start = self.cursor.word;
        let mut pairs = std::mem::take(&mut self.pairs);
        pairs.clear();
        let mut name = None;
        let mut token = token;
        if token == Token::MetricName {
            name = Some(self.cursor.text(0)?);
            token = self.lex();
        }
        let mut end = self.cursor.word;
        if token == Token::BraceOpen {
            self.labels(Some(&mut name), &mut pairs)?;
            end = self.cursor.at;
            token = self.lex();
        }
        self.pairs = pairs;
        let Some(name) = name else {
            return Err(self.cursor.wrong("metric name not set"));
        };
        let value = self.value(token, "metric")?;
        let (time, exemplar) = self.behind_value()?;
        let raw = self.cursor.bytes(start, end);
        let number_label = number_label(self.kind);
        let series = Series { raw, name, pairs: &self.pairs, is_text: true, number_label, made_label: None };
        Ok(Sample { series, value, time, exemplar, created: None })
    }

    fn behind_value(&mut self) -> Result<(Option<i64>, Option<Exemplar>), ParseError> {
        match self.lex() {
            Token::Eof => Err(self.no_eof()),
            Token::Linebreak => Ok((None, None)),
            Token::Comment => Ok((None, Some(self.exemplar()?))),
            Token::Timestamp => {
                let time = self.seconds("timestamp")?;
                match self.lex() {
                    Token::Linebreak => Ok((Some(time), None)),
                    Token::Comment => Ok((Some(time), Some(self.exemplar()?))),
                    token => Err(self.cursor.unexpected("expected next entry after timestamp", token)),
                }
            }
            token => Err(self.cursor.unexpected("expected timestamp or new record", token)),
        }
    }

    /// What follows ` # {`.
    fn exemplar(&mut self) -> Result<Exemplar, ParseError> {
        let mut pairs = std::mem::take(&mut self.exemplar_pairs);
        pairs.clear();
        self.labels(None, &mut pairs)?;
        let token = self.lex();
        let value = self.value(token, "exemplar labels")?;
        let time = match self.lex() {
            Token::Eof => return Err(self.no_eof()),
            Token::Linebreak => None,
            Token::Timestamp => {
                let time = self.seconds("exemplar timestamp")?;
                let token = self.lex();
                if token != Token::Linebreak {
                    return Err(self.cursor.unexpected("expected next entry after exemplar timestamp", token));
                }
                Some(time)
            }
            token => return Err(self.cursor.unexpected("expected timestamp or comment", token)),
        };
        let labels = pairs.iter().map(|(name, value)| (unescape(name, true), unescape(value, true))).collect();
        self.exemplar_pairs = pairs;
        Ok(Exemplar { labels: Labels::new(labels), value, time })
    }

    fn value(&mut self, token: Token, after: &str) -> Result<f64, ParseError> {
        if token != Token::Value {
            return Err(self.cursor.unexpected(&format!("expected value after {after}"), token));
        }
        self.number()
    }

    /// The current word, whose first byte is a space.
    fn number(&mut self) -> Result<f64, ParseError> {
        let text = self.cursor.current().get(1..).unwrap_or_default();
        match number::float(text) {
            Ok(value) => Ok(value),
            Err(reason) => Err(self.cursor.wrong(&reason)),
        }
    }

    /// The current word, as seconds: in milliseconds.
    fn seconds(&mut self, what: &str) -> Result<i64, ParseError> {
        let seconds = self.number()?;
        if seconds.is_finite() {
            // Prometheus cuts, and so is off by one where the product falls short of the milliseconds written.
            return Ok((seconds * 1000.0).round() as i64);
        }
        let shown = number::canonical(seconds);
        Err(self.cursor.error(format!("invalid {what} {shown}")))
    }

    /// What stands in braces, the closing one included. An exemplar has no `name`.
    fn labels(
        &mut self,
        mut name: Option<&mut Option<&'b str>>,
        pairs: &mut Vec<(&'b str, &'b str)>,
    ) -> Result<(), ParseError> {
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
            if matches!(token, Token::Comma | Token::BraceClose) {
                let Some(name) = name.as_deref_mut().filter(|_| is_quoted) else {
                    return Err(self.cursor.unexpected("expected label name", token));
                };
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
            pairs.push((label, value));
            token = self.lex();
            if token == Token::Comma {
                token = self.lex();
            } else if token != Token::BraceClose {
                return Err(self.cursor.unexpected("expected comma or brace close", token));
            }
        }
    }

    #[inline]
    fn lex(&mut self) -> Token {
        let cursor = &mut self.cursor;
        cursor.word = cursor.at;
        let at = cursor.at;
        let Some(byte) = cursor.byte(at) else { return Token::Eof };
        match (cursor.state, byte) {
            (State::LineStart, b'#') => keyword(cursor),
            (State::LineStart | State::Value, b'{') => cursor.take(Token::BraceOpen, at + 1, State::Labels),
            (State::LineStart, _) => cursor.take_name(Token::MetricName, State::Value),
            (State::MetaName, b'"') => cursor.take_quoted(Token::MetricName, true, State::MetaText),
            (State::MetaName, _) => cursor.take_name(Token::MetricName, State::MetaText),
            (State::MetaText, b' ') => {
                let end = cursor.line_end(at);
                match cursor.byte(end) {
                    Some(_) => cursor.take(Token::Text, end + 1, State::LineStart),
                    None => cursor.invalid(end),
                }
            }
            (State::Labels | State::Exemplar, b',') => cursor.take(Token::Comma, at + 1, cursor.state),
            (State::Labels, b'}') => cursor.take(Token::BraceClose, at + 1, State::Value),
            (State::Labels, b'=') => cursor.take(Token::Equal, at + 1, State::LabelValue),
            (State::Labels, b'"') => cursor.take_quoted(Token::Quoted, true, State::Labels),
            (State::Labels, _) => cursor.take_name(Token::LabelName, State::Labels),
            (State::LabelValue, b'"') => cursor.take_quoted(Token::LabelValue, false, State::Labels),
            (State::Exemplar, b'}') => cursor.take(Token::BraceClose, at + 1, State::ExemplarValue),
            (State::Exemplar, b'=') => cursor.take(Token::Equal, at + 1, State::ExemplarValue),
            (State::Exemplar, b'"') => cursor.take_quoted(Token::Quoted, false, State::Exemplar),
            (State::Exemplar, _) => cursor.take_name(Token::LabelName, State::Exemplar),
            (State::ExemplarValue, b'"') => cursor.take_quoted(Token::LabelValue, false, State::Exemplar),
            (State::Value, b' ') => word(cursor, Token::Value, State::Timestamp),
            (State::ExemplarValue, b' ') => word(cursor, Token::Value, State::ExemplarTimestamp),
            (State::Timestamp | State::ExemplarTimestamp, b'\n') => {
                cursor.take(Token::Linebreak, at + 1, State::LineStart)
            }
            (State::Timestamp, b' ') if cursor.bytes(at, at + 4) == b" # {" => {
                cursor.take(Token::Comment, at + 4, State::Exemplar)
            }
            (State::Timestamp | State::ExemplarTimestamp, b' ') => word(cursor, Token::Timestamp, cursor.state),
            _ => cursor.invalid(at),
        }
    }
}

/// A space, and what goes up to the next one.
fn word(cursor: &mut Cursor<'_>, token: Token, then: State) -> Token {
    let end = cursor.run_end(1, |byte| matches!(byte, b' ' | b'\n'));
    if end <= cursor.word + 1 {
        return cursor.invalid(end);
    }
    cursor.take(token, end, then)
}

/// What follows `# `: there are no comments for humans.
fn keyword(cursor: &mut Cursor<'_>) -> Token {
    let at = cursor.word;
    let rest = cursor.body.get(at..).unwrap_or_default();
    if let Some(behind) = rest.strip_prefix(b"# EOF") {
        let line_break = usize::from(behind.first() == Some(&b'\n'));
        return cursor.take(Token::EofWord, at + 5 + line_break, State::LineStart);
    }
    let keywords: [(&[u8], Token); 3] =
        [(b"# HELP ", Token::Help), (b"# TYPE ", Token::Type), (b"# UNIT ", Token::Unit)];
    for (keyword, token) in keywords {
        if rest.starts_with(keyword) {
            return cursor.take(token, at + keyword.len(), State::MetaName);
        }
    }
    let alike = |keyword: &[u8]| keyword.iter().zip(rest).take_while(|(a, b)| a == b).count();
    let longest = keywords.iter().map(|(keyword, _)| alike(keyword)).chain([alike(b"# EOF")]).max();
    cursor.invalid(at + longest.unwrap_or(0))
}
