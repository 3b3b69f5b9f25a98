//! Random queries, made of what the records hold and of what they hold nearly.

use orszem_model::Record;

use crate::random::Random;

/// A query in the search language; most of them parse.
pub(crate) fn query(random: &mut Random, records: &[&Record]) -> String {
    let depth = [0, 0, 0, 1, 1, 2][random.below(6)];
    expression(random, records, depth)
}

fn expression(random: &mut Random, records: &[&Record], depth: usize) -> String {
    if depth == 0 {
        return condition(random, records);
    }
    let a = expression(random, records, depth - 1);
    let b = expression(random, records, depth - 1);
    match random.below(6) {
        0 | 1 => format!("{a} {b}"),
        2 => format!("({a} OR {b})"),
        3 => format!("-({a})"),
        4 => format!("({a}) AND NOT ({b})"),
        _ => format!("({a}) OR ({b}) OR -({a})"),
    }
}

fn condition(random: &mut Random, records: &[&Record]) -> String {
    if records.is_empty() || random.one_in(12) {
        return (*random.pick(&["*", "error", "absent", "*e*", "/./", "-zzz", "kind:*", "", "?", "1*"])).to_owned();
    }
    let record = *random.pick(records);
    match random.below(10) {
        0..=5 => text(random, &record.body),
        _ => field(random, record),
    }
}

/// The longest valid text from a random place on, not too long.
fn excerpt(random: &mut Random, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let chars: Vec<char> = text.chars().collect();
    let start = random.below(chars.len());
    let longest = if random.one_in(6) { 400 } else { 24 };
    let length = 1 + random.below(longest);
    chars.iter().skip(start).take(length).take_while(|c| **c != '\u{fffd}').collect()
}

/// A word of the body: a maximal run of word characters, or of anything but spaces.
fn word(random: &mut Random, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let by_space = random.one_in(3);
    let separates = |c: char| c == '\u{fffd}' || if by_space { c.is_whitespace() } else { !c.is_alphanumeric() };
    let words: Vec<&str> = text.split(separates).filter(|word| !word.is_empty()).take(2_000).collect();
    if words.is_empty() { "none".to_owned() } else { (*random.pick(&words)).to_owned() }
}

/// Changes the case, a character or the length now and then.
fn mutate(random: &mut Random, text: &str) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let at = random.below(chars.len());
    match random.below(10) {
        0 => return text.to_uppercase(),
        1 => return text.to_lowercase(),
        2 if !chars.is_empty() => chars[at] = *random.pick(&['x', '7', 'k', '\u{212a}', 'ő', '-', ' ']),
        3 if chars.len() > 1 => drop(chars.remove(at)),
        4 => chars.insert(at, *random.pick(&['1', 'e', '.'])),
        _ => {}
    }
    chars.into_iter().collect()
}

fn escaped(text: &str) -> String {
    let escape = |c: char| if c.is_ascii_punctuation() || c == ' ' { format!("\\{c}") } else { c.to_string() };
    text.chars().map(escape).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn regex(random: &mut Random, text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(20) {
        match random.below(8) {
            0 => out.push('.'),
            1 if c.is_ascii_digit() => out.push_str("\\d+"),
            2 if c.is_alphanumeric() => out.push_str("\\w"),
            3 if c.is_alphabetic() => out.push_str(&format!("({c}|q)")),
            _ if c == '/' || c.is_ascii_punctuation() => out.push_str(&format!("\\{c}")),
            _ => out.push(c),
        }
    }
    let flag = random.pick(&["", "", "(?i)", "\\b"]);
    format!("/{flag}{out}/")
}

fn glob(random: &mut Random, text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().take(30) {
        match random.below(5) {
            0 => out.push('?'),
            1 => out.push_str(&format!("*{}", escaped(&c.to_string()))),
            _ => out.push_str(&escaped(&c.to_string())),
        }
    }
    out
}

/// Part of a text, by characters.
fn part(text: &str, skip: usize, take: usize) -> String {
    text.chars().skip(skip).take(take.max(1)).collect()
}

fn text(random: &mut Random, body: &[u8]) -> String {
    let found = if random.one_in(2) { word(random, body) } else { excerpt(random, body) };
    let mutated = mutate(random, &found);
    let length = mutated.chars().count();
    let (skip, take) = (random.below(length), 1 + random.below(length));
    match random.below(8) {
        0 | 1 => quoted(&mutated),
        2 => escaped(&mutated),
        3 => format!("{}*", escaped(&part(&mutated, 0, take))),
        4 => format!("*{}", escaped(&part(&mutated, skip, length))),
        5 => format!("*{}*", escaped(&part(&mutated, skip, take))),
        6 => glob(random, &mutated),
        _ => regex(random, &mutated),
    }
}

fn value(random: &mut Random, value: &str) -> String {
    let mutated = mutate(random, value);
    let take = random.below(mutated.chars().count());
    match random.below(9) {
        0..=2 => quoted(&mutated),
        3 => format!("{}*", escaped(&part(&mutated, 0, take))),
        4 => format!("*{}", escaped(&part(&mutated, take, usize::MAX))),
        5 => "*".to_owned(),
        6 => {
            let bound = random.pick(&["0", "7", "200", "404.5", "-3", "a", "\"500\"", "k"]);
            format!("{}{bound}", random.pick(&[">=", ">", "<", "<="]))
        }
        7 => (*random.pick(&["[200 TO 500]", "{200 TO 500}", "[0 TO *]", "{* TO k]", "[7 TO 7]"])).to_owned(),
        _ => format!("({} OR {} OR >=500)", quoted(&mutated), regex(random, value)),
    }
}

fn field(random: &mut Random, record: &Record) -> String {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    match random.below(14) {
        0 => (*random.pick(&[
            "level:error",
            "level:>=warn",
            "level:<warn",
            "level:*",
            "level:unset",
            "level:18",
            "level:err*",
            "severity:loud*",
            "level:[info TO error]",
            "-level:info",
            "level:(warn OR unset)",
        ]))
        .to_owned(),
        1 => (*random.pick(&["kind:span", "kind:(log OR probe)", "kind:*", "-kind:log", "kind:event"])).to_owned(),
        2 => match record.trace_id {
            Some(id) => random.pick(&["trace_id:", "trace.id:"]).to_string() + &value(random, &hex(&id)),
            None => "trace_id:*".to_owned(),
        },
        3 => match record.span_id {
            Some(id) => "span_id:".to_owned() + &value(random, &hex(&id)),
            None => "-span_id:*".to_owned(),
        },
        4 => match record.entities.first() {
            Some(entity) => "entity:".to_owned() + &value(random, entity),
            None => "entity:svc/a".to_owned(),
        },
        5 => (*random.pick(&["body:*", "-body:*", "msg:error", "body:\"\"", "message:*o*"])).to_owned(),
        6 => format!("body:{}", text(random, &record.body)),
        7 | 8 => {
            let labels: Vec<(&str, &str)> = record.stream.labels.iter().collect();
            if labels.is_empty() {
                return "host:*".to_owned();
            }
            let (name, label) = *random.pick(&labels);
            let name = if name.starts_with("host") { *random.pick(&["host", "hostname", "host.name"]) } else { name };
            format!("{}:{}", quoted(name), value(random, label))
        }
        9 => (*random.pick(&[
            "status:>=200",
            "-status:200",
            "status:[200 TO 500}",
            "host:db1",
            "user:\"\"",
            "pid:*",
            "wide65:*",
        ]))
        .to_owned(),
        _ => match record.attributes.is_empty() {
            true => "status:500".to_owned(),
            false => {
                let attribute = random.pick(&record.attributes);
                format!("{}:{}", quoted(&attribute.key), value(random, &attribute_text(&attribute.value)))
            }
        },
    }
}

/// The value as it is compared.
fn attribute_text(value: &orszem_model::AttributeValue) -> String {
    use orszem_model::AttributeValue::{Bool, Bytes, Float, Integer, Json, Null, String as Text};
    match value {
        Text(text) | Integer(text) | Float(text) | Json(text) => text.clone(),
        Bool(truth) => truth.to_string(),
        Null => String::new(),
        Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
    }
}
