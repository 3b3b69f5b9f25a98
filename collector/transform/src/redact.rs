//! Makes secrets unreadable, in the body and in text attributes.
//!
//! Every preset has one cheap sign that a line without secrets hardly shows, and looks closely only there. All presets
//! look at the same text and their finds are replaced at once; that is repeated until nothing is found, so what one
//! replacement lays bare is found too and redacting twice changes nothing. Own patterns follow, once.

mod card;
mod email;
mod iban;
mod ip;
mod jwt;
mod password;
mod runs;

use std::borrow::Cow;
use std::ops::Range;

use orszem_parse::Value;
use regex::bytes::Regex;

use crate::condition::pattern;
use crate::{Draft, Preset, RedactConfig, Wrong};

/// The most own patterns.
const CUSTOM_MAX: usize = 64;
const CUSTOM_NAME_BYTES_MAX: usize = 32;
/// How often a text is gone through at most; two rounds are the rule, the second finding nothing.
const ROUNDS_MAX: usize = 16;
/// A text shorter than this can hold neither a card number, nor an account number, nor a token.
const LONG_BYTES: usize = card::DIGITS_MIN;

/// Presets and own patterns, compiled, with what they found so far.
#[derive(Debug)]
pub(crate) struct Redactor {
    presets: Presets,
    custom: Vec<Custom>,
    counts: [u64; Preset::ALL.len()],
    finds: Vec<Find>,
}

#[derive(Debug)]
struct Presets {
    on: [bool; Preset::ALL.len()],
    jwt: jwt::Tokens,
}

#[derive(Debug)]
struct Custom {
    name: String,
    regex: Regex,
    replacement: Vec<u8>,
    count: u64,
}

/// Text to be replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Find {
    at: Range<usize>,
    preset: Preset,
    instead: Cow<'static, str>,
}

impl Find {
    fn new(at: Range<usize>, preset: Preset) -> Self {
        Self { at, preset, instead: Cow::Borrowed(preset.marker()) }
    }
}

impl Redactor {
    pub(crate) fn new(config: &RedactConfig, wrongs: &mut Vec<Wrong>) -> Self {
        let RedactConfig { presets, custom } = config;
        let mut on = [false; Preset::ALL.len()];
        for (i, preset) in presets.iter().enumerate() {
            if std::mem::replace(&mut on[*preset as usize], true) {
                let key = format!("redact.presets[{i}]");
                wrongs.push(Wrong::new(key, preset.name(), "is named twice", "name it once"));
            }
        }
        if custom.len() > CUSTOM_MAX {
            let (count, remedy) = (custom.len().to_string(), "write at most 64, or join them with |");
            wrongs.push(Wrong::new("redact.custom", count, "are too many", remedy));
        }
        let names: Vec<&str> = custom.iter().map(|c| c.name.as_str()).collect();
        let compiled = custom.iter().enumerate().filter_map(|(i, rule)| {
            let key = format!("redact.custom[{i}]");
            check_name(&names, i, &key, wrongs);
            let regex = pattern(&rule.regex, format!("{key}.regex"), wrongs)?;
            if regex.is_match(b"") {
                let remedy = "write + instead of *, or what must stand there";
                wrongs.push(Wrong::new(format!("{key}.regex"), &rule.regex, "matches empty text", remedy));
            }
            let replacement = rule.replacement.clone().unwrap_or_else(|| format!("[redacted:{}]", rule.name));
            Some(Custom { name: rule.name.clone(), regex, replacement: replacement.into_bytes(), count: 0 })
        });
        let custom = compiled.collect();
        let presets = Presets { on, jwt: jwt::Tokens::new() };
        Self { presets, custom, counts: [0; Preset::ALL.len()], finds: Vec::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.custom.is_empty() && !self.presets.on.contains(&true)
    }

    /// What was found so far, by preset and own pattern, those that are on.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (&str, u64)> {
        let presets =
            Preset::ALL.iter().filter(|p| self.presets.is_on(**p)).map(|p| (p.name(), self.counts[*p as usize]));
        presets.chain(self.custom.iter().map(|c| (c.name.as_str(), c.count)))
    }

    pub(crate) fn apply(&mut self, draft: &mut Draft<'_>) {
        if self.is_empty() {
            return;
        }
        if let Some(redacted) = self.text(&draft.body) {
            draft.body = Cow::Owned(redacted);
        }
        for (key, value) in &mut draft.attributes {
            if let Some(redacted) = self.attribute(key, value) {
                *value = redacted;
            }
        }
    }

    /// The value to put in an attribute's place, if something has to go.
    fn attribute(&mut self, key: &str, value: &Value<'_>) -> Option<Value<'static>> {
        if self.presets.is_on(Preset::Password) && password::is_secret(key, value) {
            return Some(self.marked(Preset::Password));
        }
        match value {
            Value::Text(text) => self.text(text.as_bytes()).map(|t| Value::Text(Cow::Owned(shown(t)))),
            Value::Json(text) => self.text(text.as_bytes()).map(|t| Value::Json(Cow::Owned(shown(t)))),
            Value::Integer(number) => {
                let is_card = self.presets.is_on(Preset::Card) && card::is_card_number(*number);
                is_card.then(|| self.marked(Preset::Card))
            }
            Value::Float(_) | Value::Bool(_) | Value::Null => None,
        }
    }

    fn marked(&mut self, preset: Preset) -> Value<'static> {
        self.counts[preset as usize] += 1;
        Value::Text(Cow::Borrowed(preset.marker()))
    }

    /// A value of an attribute, fit to be shown elsewhere. Not counted: the record itself is.
    pub(crate) fn shown_value(&mut self, key: &str, value: &str) -> String {
        let counts = self.counts;
        let custom: Vec<u64> = self.custom.iter().map(|c| c.count).collect();
        let redacted = self.attribute(key, &Value::Text(Cow::Borrowed(value)));
        self.counts = counts;
        for (rule, count) in self.custom.iter_mut().zip(custom) {
            rule.count = count;
        }
        redacted.as_ref().and_then(crate::condition::text).map_or_else(|| value.to_owned(), Cow::into_owned)
    }

    /// The text without what has to go; `None` if it is fine as it is.
    fn text(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let mut redacted: Option<Vec<u8>> = None;
        for _ in 0..ROUNDS_MAX {
            self.finds.clear();
            let current = redacted.as_deref().unwrap_or(text);
            self.presets.find(current, &mut self.finds);
            if self.finds.is_empty() {
                break;
            }
            redacted = Some(replaced(current, &mut self.finds, &mut self.counts));
        }
        for rule in &mut self.custom {
            let current = redacted.as_deref().unwrap_or(text);
            let count = &mut rule.count;
            let replaced = rule.regex.replace_all(current, |found: &regex::bytes::Captures<'_>| {
                *count += 1;
                let mut instead = Vec::new();
                found.expand(&rule.replacement, &mut instead);
                instead
            });
            if let Cow::Owned(replaced) = replaced {
                redacted = Some(replaced);
            }
        }
        redacted
    }
}

impl Presets {
    fn is_on(&self, preset: Preset) -> bool {
        self.on[preset as usize]
    }

    fn find(&self, text: &[u8], finds: &mut Vec<Find>) {
        if self.is_on(Preset::Ip) {
            ip::find(text, finds);
        }
        let is_long = text.len() >= LONG_BYTES;
        if !is_long && memchr::memchr3(b'@', b'=', b':', text).is_none() {
            return;
        }
        if self.is_on(Preset::Password) {
            password::find(text, finds);
        }
        if self.is_on(Preset::Email) {
            email::find(text, finds);
        }
        if !is_long {
            return;
        }
        if self.is_on(Preset::Jwt) {
            self.jwt.find(text, finds);
        }
        if self.is_on(Preset::Card) {
            card::find(text, finds);
        }
        if self.is_on(Preset::Iban) {
            iban::find(text, finds);
        }
    }
}

fn check_name(names: &[&str], i: usize, key: &str, wrongs: &mut Vec<Wrong>) {
    let key = format!("{key}.name");
    let name = names[i];
    let fits = (1..=CUSTOM_NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
    if !fits {
        wrongs.push(Wrong::new(key, name, "is no name", "write 1 to 32 of a-z, 0-9, _ and -"));
    } else if names[..i].contains(&name) || Preset::ALL.iter().any(|p| p.name() == name) {
        wrongs.push(Wrong::new(key, name, "is taken", "choose a name that no preset and no other pattern has"));
    }
}

/// The text with the finds replaced; finds that overlap become one, under the name of the preset that comes first.
fn replaced(text: &[u8], finds: &mut [Find], counts: &mut [u64; Preset::ALL.len()]) -> Vec<u8> {
    finds.sort_by_key(|find| (find.at.start, find.preset as usize));
    let mut out = Vec::with_capacity(text.len() + 16 * finds.len());
    let mut copied = 0;
    let mut rest = finds.iter().peekable();
    while let Some(first) = rest.next() {
        let (mut end, mut named) = (first.at.end, first);
        while let Some(next) = rest.next_if(|next| next.at.start < end) {
            // The address in `user:password@host` is one only because of the password.
            if !(named.preset == Preset::Password && next.preset == Preset::Email) {
                end = end.max(next.at.end);
            }
            if (next.preset as usize) < named.preset as usize {
                named = next;
            }
        }
        out.extend_from_slice(&text[copied..first.at.start]);
        out.extend_from_slice(named.instead.as_bytes());
        counts[named.preset as usize] += 1;
        copied = end;
    }
    out.extend_from_slice(&text[copied..]);
    out
}

/// Redacted text is text again, unless an own pattern cut a character in two.
fn shown(text: Vec<u8>) -> String {
    String::from_utf8(text).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

/// Whether a letter, digit or `_` stands at `at`; false outside the text.
fn is_word_at(text: &[u8], at: Option<usize>) -> bool {
    at.and_then(|at| text.get(at)).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

#[cfg(test)]
mod tests;
