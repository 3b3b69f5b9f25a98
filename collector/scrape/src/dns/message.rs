//! Queries and answers, as bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const CLASS_IN: u16 = 1;
const HEADER_BYTES: usize = 12;
/// A name with more jumps than this goes round in circles.
const JUMPS_MAX: usize = 32;
const CNAME: u16 = 5;

/// Which records are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordType {
    A,
    Ns,
    Mx,
    Aaaa,
    Srv,
}

impl RecordType {
    fn code(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Ns => 2,
            Self::Mx => 15,
            Self::Aaaa => 28,
            Self::Srv => 33,
        }
    }
}

/// A record that answers. Names end in a dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Address(IpAddr),
    Srv { target: String, port: u16 },
    Mx(String),
    Ns(String),
}

/// What a name server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Answers(Vec<Answer>),
    /// There is no such name.
    NoName,
    /// The answer did not fit; ask by TCP.
    Truncated,
    /// The server can't or won't answer, for this reason (RFC 1035, 4.1.1).
    Refused(u8),
}

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MessageError {
    #[error("the name is none")]
    Name,
    #[error("the answer is cut short or malformed")]
    Malformed,
    #[error("the answer is one to another question")]
    Other,
}

/// A recursive query for `name`.
pub(super) fn query(id: u16, name: &str, kind: RecordType) -> Result<Vec<u8>, MessageError> {
    let mut out = Vec::with_capacity(HEADER_BYTES + name.len() + 6);
    for word in [id, 0x0100, 1, 0, 0, 0] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > 253 {
        return Err(MessageError::Name);
    }
    for label in name.split('.').filter(|_| !name.is_empty()) {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length));
        out.push(length.ok_or(MessageError::Name)?);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    out.extend_from_slice(&kind.code().to_be_bytes());
    out.extend_from_slice(&CLASS_IN.to_be_bytes());
    Ok(out)
}

/// Reads the answer to `query`.
pub(super) fn reply(message: &[u8], query: &[u8], kind: RecordType) -> Result<Reply, MessageError> {
    let word = |at: usize| word(message, at);
    let flags = word(2)?;
    let question = query.get(HEADER_BYTES..).unwrap_or_default();
    let is_echoed = message
        .get(HEADER_BYTES..HEADER_BYTES + question.len())
        .is_some_and(|echo| echo.eq_ignore_ascii_case(question));
    if message.get(..2) != query.get(..2) || flags & 0x8000 == 0 {
        return Err(MessageError::Other);
    }
    match (flags & 0x0f) as u8 {
        0 if flags & 0x0200 != 0 => return Ok(Reply::Truncated),
        0 if !is_echoed => return Err(MessageError::Other),
        0 => {}
        3 => return Ok(Reply::NoName),
        code => return Ok(Reply::Refused(code)),
    }
    let mut answers = Vec::new();
    let mut at = HEADER_BYTES + question.len();
    for _ in 0..word(6)? {
        at = name(message, at)?.1;
        let (found, class, length) = (word(at)?, word(at + 2)?, usize::from(word(at + 8)?));
        let content = at + 10;
        if message.len() < content + length {
            return Err(MessageError::Malformed);
        }
        if class == CLASS_IN && found == kind.code() {
            answers.push(answer(message, content, length, kind)?);
        } else if found != CNAME {
            tracing::trace!(kind = found, "a record that was not asked for");
        }
        at = content + length;
    }
    Ok(Reply::Answers(answers))
}

fn answer(message: &[u8], at: usize, length: usize, kind: RecordType) -> Result<Answer, MessageError> {
    let content = message.get(at..at + length).ok_or(MessageError::Malformed)?;
    Ok(match kind {
        RecordType::A => {
            let bytes: [u8; 4] = content.try_into().map_err(|_| MessageError::Malformed)?;
            Answer::Address(Ipv4Addr::from(bytes).into())
        }
        RecordType::Aaaa => {
            let bytes: [u8; 16] = content.try_into().map_err(|_| MessageError::Malformed)?;
            Answer::Address(Ipv6Addr::from(bytes).into())
        }
        RecordType::Srv => Answer::Srv { port: word(message, at + 4)?, target: name(message, at + 6)?.0 },
        RecordType::Mx => Answer::Mx(name(message, at + 2)?.0),
        RecordType::Ns => Answer::Ns(name(message, at)?.0),
    })
}

fn word(message: &[u8], at: usize) -> Result<u16, MessageError> {
    let bytes = message.get(at..at + 2).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u16::from_be_bytes).ok_or(MessageError::Malformed)
}

/// The name at `at`, and where what follows it begins.
fn name(message: &[u8], at: usize) -> Result<(String, usize), MessageError> {
    let mut text = String::new();
    let mut behind = None;
    let mut at = at;
    for _ in 0..JUMPS_MAX * 8 {
        let length = *message.get(at).ok_or(MessageError::Malformed)?;
        match length {
            0 => {
                if text.is_empty() {
                    text.push('.');
                }
                return Ok((text, behind.unwrap_or(at + 1)));
            }
            1..=63 => {
                let end = at + 1 + usize::from(length);
                let label = message.get(at + 1..end).ok_or(MessageError::Malformed)?;
                text.push_str(std::str::from_utf8(label).map_err(|_| MessageError::Malformed)?);
                text.push('.');
                at = end;
            }
            0xc0.. => {
                behind.get_or_insert(at + 2);
                at = usize::from(word(message, at)? & 0x3fff);
            }
            _ => return Err(MessageError::Malformed),
        }
    }
    Err(MessageError::Malformed)
}
