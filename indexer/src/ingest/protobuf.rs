//! The outer messages of a protobuf body, walked instead of decoded, so that a body of millions of empty messages
//! costs no more memory than its bytes.

use orszem_model::varint::{take, take_bytes, take_exact};

use super::error::IngestError;

/// The length-delimited fields with this number, in order; an error ends them.
pub(super) fn messages(body: &[u8], number: u64) -> impl Iterator<Item = Result<&[u8], IngestError>> {
    let mut rest = body;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            match next_field(&mut rest) {
                Some((field, Some(message))) if field == number => return Some(Ok(message)),
                Some(_) => {}
                None => {
                    rest = &[];
                    return Some(Err(IngestError::bad_protobuf("a field is cut short or of no known type")));
                }
            }
        }
        None
    })
}

/// The last of the length-delimited fields with this number, which is the one that counts.
pub(super) fn last_message(body: &[u8], number: u64) -> Result<Option<&[u8]>, IngestError> {
    messages(body, number).try_fold(None, |_, message| message.map(Some))
}

/// One field's number and, where it is length-delimited, its bytes.
fn next_field<'a>(rest: &mut &'a [u8]) -> Option<(u64, Option<&'a [u8]>)> {
    let key = take(rest)?;
    let content = match key & 7 {
        0 => {
            take(rest)?;
            None
        }
        1 => {
            take_exact(rest, 8)?;
            None
        }
        2 => Some(take_bytes(rest)?),
        5 => {
            take_exact(rest, 4)?;
            None
        }
        _ => return None,
    };
    (key >> 3 > 0).then_some((key >> 3, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_asked_field_is_given_and_cuts_are_noticed() {
        // 1: "a" · 2: 300 · 1: "bc" · 3: fixed32 · 4: fixed64
        let body = b"\x0a\x01a\x10\xac\x02\x0a\x02bc\x1d1234\x2112345678";
        let all: Result<Vec<_>, _> = messages(body, 1).collect();
        assert_eq!(all, Ok(vec![&b"a"[..], b"bc"]));
        assert_eq!(last_message(body, 1), Ok(Some(&b"bc"[..])));
        assert_eq!(last_message(body, 9), Ok(None));
        for bad in [&body[..body.len() - 1], b"\x0a\x05a", b"\x0b", b"\x02\x00", b"\x80"] {
            assert_eq!(last_message(bad, 1).map_err(|error| error.code), Err("ingest.bad_protobuf"), "{bad:?}");
        }
    }
}
