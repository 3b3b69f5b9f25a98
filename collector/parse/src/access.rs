//! Access logs of Apache, nginx and Tomcat: `client ident user [stamp] "request" status bytes ["referer" "agent"]`.

use orszem_model::Severity;

use super::{Moment, Parsed, name, number_attribute, text_attribute, time, word};

pub(super) fn parse<'a>(line: &'a [u8], moment: &Moment<'_>) -> Option<Parsed<'a>> {
    let bracket = memchr::memchr(b'[', line.get(..512).unwrap_or(line))?;
    let (stamp, len) = time::common_log(line.get(bracket + 1..)?, moment.zone)?;
    let rest = line.get(bracket + 1 + len..)?.strip_prefix(b"] \"")?;
    let mut parsed = Parsed { timestamp: Some(stamp), ..Parsed::default() };
    who(line.get(..bracket)?, &mut parsed);
    let close = end_of_quoted(rest)?;
    request(rest.get(..close)?, &mut parsed);
    let after = rest.get(close + 1..)?.strip_prefix(b" ")?;
    let (status, rest) = word(after).unwrap_or((after, b""));
    let code = std::str::from_utf8(status).ok()?.parse::<u16>().ok().filter(|code| (100..600).contains(code))?;
    parsed.severity = match code {
        500.. => Severity::ERROR,
        400.. => Severity::WARN,
        _ => Severity::INFO,
    };
    parsed.attributes.push(number_attribute("status", &code.to_string()));
    let (bytes, rest) = word(rest).unwrap_or((rest, b""));
    parsed.attributes.extend(name(bytes).filter(|b| *b != "-").map(|b| number_attribute("bytes", b)));
    agents(rest, &mut parsed);
    Some(parsed)
}

/// `[vhost] client ident user `
fn who(text: &[u8], parsed: &mut Parsed<'_>) {
    let words: Vec<&[u8]> = text.trim_ascii().split(|b| *b == b' ').collect();
    let [.., client, _, user] = words.as_slice() else { return };
    parsed.attributes.extend(name(client).map(|c| text_attribute("client", c)));
    parsed.attributes.extend(name(user).filter(|u| *u != "-").map(|u| text_attribute("user", u)));
}

/// `GET /path HTTP/1.1`
fn request(text: &[u8], parsed: &mut Parsed<'_>) {
    let Some((method, rest)) = word(text) else { return };
    let path = word(rest).map_or(rest, |(path, _)| path);
    parsed.attributes.extend(name(method).map(|m| text_attribute("method", m)));
    parsed.attributes.push(text_attribute("path", &String::from_utf8_lossy(path)));
}

/// `"referer" "agent"`
fn agents(text: &[u8], parsed: &mut Parsed<'_>) {
    let mut rest = text;
    for key in ["referer", "user_agent"] {
        let Some(quoted) = rest.strip_prefix(b"\"") else { return };
        let Some(close) = end_of_quoted(quoted) else { return };
        if !matches!(&quoted[..close], b"-" | b"") {
            parsed.attributes.push(text_attribute(key, &String::from_utf8_lossy(&quoted[..close])));
        }
        rest = quoted.get(close + 1..).map_or(&b""[..], |after| after.strip_prefix(b" ").unwrap_or(after));
    }
}

/// Where the closing quote stands; `\"` does not close.
fn end_of_quoted(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|b| {
        let closes = *b == b'"' && !escaped;
        escaped = *b == b'\\' && !escaped;
        closes
    })
}
