//! Values as Go's `fmt` prints them.

use std::iter::Peekable;
use std::str::Chars;

use orszem_promql::quote::quote;

use super::value::Value;

/// The widest a value is padded to, and the most digits.
const WIDTH_MAX: usize = 1000;

/// `%g`: `precision` significant digits, or as few as tell the number from others.
pub(super) fn general(value: f64, precision: Option<usize>) -> String {
    if let Some(text) = special(value) {
        return text;
    }
    let scientific = match precision {
        None => format!("{value:e}"),
        Some(precision) => format!("{value:.*e}", precision.max(1) - 1),
    };
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits = if precision.is_some() && digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    };
    let count = i32::try_from(digits.chars().filter(char::is_ascii_digit).count()).unwrap_or(i32::MAX);
    let limit = match precision {
        None => SHORTEST_EXPONENT_FROM,
        Some(precision) => {
            let precision = i32::try_from(precision.max(1)).unwrap_or(i32::MAX);
            if precision > count && count > exponent { count } else { precision }
        }
    };
    if exponent < -4 || exponent >= limit {
        return with_exponent(digits, exponent);
    }
    let places = usize::try_from(count - exponent - 1).unwrap_or(0);
    format!("{value:.places$}")
}

/// The first exponent that is shown of a number in as few digits as tell it from others.
const SHORTEST_EXPONENT_FROM: i32 = 6;

fn with_exponent(digits: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

fn special(value: f64) -> Option<String> {
    if value.is_nan() {
        Some("NaN".to_owned())
    } else if value.is_infinite() {
        Some(if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned())
    } else {
        None
    }
}

/// `%e`
fn scientific(value: f64, precision: usize) -> String {
    let text = format!("{value:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    with_exponent(digits, exponent.parse().unwrap_or(0))
}

/// Operands side by side, with a space between two that are no texts: `print`.
pub(super) fn print(values: &[Value]) -> String {
    let mut out = String::new();
    for (at, value) in values.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| values.get(before));
        let is_text = |value: &Value| matches!(value, Value::Text(_));
        if before.is_some_and(|before| !is_text(before) && !is_text(value)) {
            out.push(' ');
        }
        out.push_str(&value.show());
    }
    out
}

/// `println`
pub(super) fn print_line(values: &[Value]) -> String {
    values.iter().map(Value::show).collect::<Vec<_>>().join(" ") + "\n"
}

#[derive(Clone, Copy, Default)]
struct Flags {
    minus: bool,
    plus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// `printf`
pub(super) fn printf(format: &str, values: &[Value]) -> String {
    let mut out = String::new();
    let mut rest = format.chars().peekable();
    let mut arguments = values.iter();
    while let Some(character) = rest.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        let flags = flags(&mut rest, &mut arguments);
        match rest.next() {
            None => out.push_str("%!(NOVERB)"),
            Some('%') => out.push('%'),
            Some(verb) => match arguments.next() {
                None => out.push_str(&format!("%!{verb}(MISSING)")),
                Some(value) => out.push_str(&formatted(verb, value, flags)),
            },
        }
    }
    let extra: Vec<String> = arguments
        .map(|value| match value {
            Value::Nil => "<nil>".to_owned(),
            other => format!("{}={}", other.type_name(), other.show()),
        })
        .collect();
    if !extra.is_empty() {
        out.push_str(&format!("%!(EXTRA {})", extra.join(", ")));
    }
    out
}

fn flags<'v>(rest: &mut Peekable<Chars<'_>>, arguments: &mut impl Iterator<Item = &'v Value>) -> Flags {
    let mut flags = Flags::default();
    while let Some(flag) = rest.next_if(|next| "+-# 0".contains(*next)) {
        match flag {
            '+' => flags.plus = true,
            '-' => flags.minus = true,
            '#' => flags.sharp = true,
            ' ' => flags.space = true,
            _ => flags.zero = true,
        }
    }
    // Left-justified numbers are not filled with zeros.
    flags.zero &= !flags.minus;
    flags.width = number(rest, arguments);
    if rest.next_if_eq(&'.').is_some() {
        flags.precision = Some(number(rest, arguments).unwrap_or(0));
    }
    flags
}

/// Digits, or `*` for the next argument.
fn number<'v>(rest: &mut Peekable<Chars<'_>>, arguments: &mut impl Iterator<Item = &'v Value>) -> Option<usize> {
    if rest.next_if_eq(&'*').is_some() {
        return match arguments.next() {
            Some(Value::Int(count)) => usize::try_from(*count).ok().map(|count| count.min(WIDTH_MAX)),
            _ => None,
        };
    }
    let mut count: Option<usize> = None;
    while let Some(digit) = rest.next_if(char::is_ascii_digit) {
        let digit = usize::try_from(digit.to_digit(10).unwrap_or(0)).unwrap_or(0);
        count = Some((count.unwrap_or(0) * 10 + digit).min(WIDTH_MAX));
    }
    count
}

fn formatted(verb: char, value: &Value, flags: Flags) -> String {
    if verb == 'T' {
        return pad(value.type_name(), flags);
    }
    let shown = match value {
        Value::Nil if verb == 'v' => Some(pad("<nil>", flags)),
        Value::Nil => return format!("%!{verb}(<nil>)"),
        Value::Bool(value) if matches!(verb, 'v' | 't') => Some(pad(&value.to_string(), flags)),
        Value::Int(value) => of_int(verb, *value, flags),
        Value::Float(value) => of_float(verb, *value, flags),
        Value::Text(text) => of_text(verb, text, flags),
        Value::Bool(_) => None,
        other if matches!(verb, 'v' | 's') => Some(pad(&other.show(), flags)),
        _ => None,
    };
    shown.unwrap_or_else(|| format!("%!{verb}({}={})", value.type_name(), value.show()))
}

fn of_int(verb: char, value: i64, flags: Flags) -> Option<String> {
    let magnitude = value.unsigned_abs();
    let prefixed = |prefix: &str, digits: String| if flags.sharp { format!("{prefix}{digits}") } else { digits };
    let digits = match verb {
        'd' | 'v' => magnitude.to_string(),
        'b' => prefixed("0b", format!("{magnitude:b}")),
        'o' => prefixed("0", format!("{magnitude:o}")),
        'O' => format!("0o{magnitude:o}"),
        'x' => prefixed("0x", format!("{magnitude:x}")),
        'X' => prefixed("0X", format!("{magnitude:X}")),
        'c' => return Some(pad(&character(value).to_string(), flags)),
        'q' => return Some(pad(&format!("'{}'", character(value)), flags)),
        'U' => return Some(pad(&format!("U+{magnitude:04X}"), flags)),
        _ => return None,
    };
    let missing = flags.precision.unwrap_or(0).saturating_sub(digits.len());
    Some(pad_number(value < 0, &("0".repeat(missing) + &digits), flags, flags.precision.is_none()))
}

fn character(code: i64) -> char {
    u32::try_from(code).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn of_float(verb: char, value: f64, flags: Flags) -> Option<String> {
    if !matches!(verb, 'v' | 'g' | 'G' | 'e' | 'E' | 'f' | 'F') {
        return None;
    }
    if let Some(text) = special(value) {
        let bare = text.trim_start_matches(['+', '-']);
        let sign = if value < 0.0 {
            "-"
        } else if flags.plus {
            "+"
        } else {
            ""
        };
        // `+Inf` has its sign where there is no verb that says otherwise.
        let sign = if verb == 'v' && value > 0.0 { "+" } else { sign };
        return Some(pad(&format!("{sign}{bare}"), Flags { zero: false, ..flags }));
    }
    let magnitude = value.abs();
    let digits = match verb {
        'e' | 'E' => scientific(magnitude, flags.precision.unwrap_or(6)),
        'f' | 'F' => format!("{magnitude:.*}", flags.precision.unwrap_or(6)),
        _ => general(magnitude, flags.precision),
    };
    let digits = if verb.is_ascii_uppercase() { digits.to_ascii_uppercase() } else { digits };
    Some(pad_number(value.is_sign_negative(), &digits, flags, true))
}

fn of_text(verb: char, text: &str, flags: Flags) -> Option<String> {
    let cut: String = match flags.precision {
        Some(count) => text.chars().take(count).collect(),
        None => text.to_owned(),
    };
    let shown = match verb {
        's' | 'v' => cut,
        'q' => quote(&cut),
        'x' => cut.bytes().map(|byte| format!("{byte:02x}")).collect(),
        'X' => cut.bytes().map(|byte| format!("{byte:02X}")).collect(),
        _ => return None,
    };
    Some(pad(&shown, flags))
}

fn pad(text: &str, flags: Flags) -> String {
    let missing = flags.width.unwrap_or(0).saturating_sub(text.chars().count());
    let fill = if flags.zero { "0" } else { " " }.repeat(missing);
    if flags.minus { format!("{text}{fill}") } else { format!("{fill}{text}") }
}

fn pad_number(is_negative: bool, digits: &str, flags: Flags, fills: bool) -> String {
    let sign = match (is_negative, flags.plus, flags.space) {
        (true, _, _) => "-",
        (false, true, _) => "+",
        (false, false, true) => " ",
        (false, false, false) => "",
    };
    if flags.zero && fills {
        let missing = flags.width.unwrap_or(0).saturating_sub(sign.len() + digits.len());
        return format!("{sign}{}{digits}", "0".repeat(missing));
    }
    pad(&format!("{sign}{digits}"), Flags { zero: false, ..flags })
}
