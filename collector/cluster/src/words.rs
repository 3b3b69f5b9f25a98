//! Numbers and times in the texts of cluster tools.

use std::time::Duration;

use orszem_model::Timestamp;
use orszem_model::time::{parse_duration, parse_timestamp_at};

/// A time in any form the tools have; without a zone it is `offset_s` seconds east of UTC. One without a year is none.
pub(crate) fn time(text: &str, offset_s: i32) -> Option<Timestamp> {
    parse_timestamp_at(text, Timestamp(0), offset_s)
        .ok()
        .filter(|_| text.bytes().filter(u8::is_ascii_digit).count() > 9)
}

/// Milliseconds: `3000`, `3000ms`, `10s`.
pub(crate) fn milliseconds(text: &str) -> Option<u64> {
    match text.parse() {
        Ok(number) => Some(number),
        Err(_) => parse_duration(text).ok().and_then(|span: Duration| u64::try_from(span.as_millis()).ok()),
    }
}

/// A resource's name without the number of a clone's instance.
pub(crate) fn without_instance(resource: &str) -> &str {
    match resource.rsplit_once(':') {
        Some((name, instance)) if !name.is_empty() && is_number(instance) => name,
        _ => resource,
    }
}

/// Whether it has digits and nothing else.
pub(crate) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_all_their_forms() {
        for (text, offset_s, expected) in [
            ("2026-11-22 01:42:31Z", 3600, Some(1_795_311_751)),
            ("2026-11-22 02:42:31 +01:00", 0, Some(1_795_311_751)),
            ("2026-11-22T01:42:31", 0, Some(1_795_311_751)),
            ("Sun Nov 22 02:42:31 2026", 3600, Some(1_795_311_751)),
            ("Sun Nov  1 01:42:31 2026", 0, Some(1_793_497_351)),
            ("1795311751", 3600, Some(1_795_311_751)),
            ("01:42:31.000000", 0, None),
            ("Nov 22 01:42:31", 0, None),
            ("", 0, None),
            ("never", 0, None),
        ] {
            assert_eq!(time(text, offset_s).map(|at| at.0 / 1_000_000_000), expected, "{text}");
        }
    }

    #[test]
    fn milliseconds_with_and_without_unit() {
        for (text, expected) in [
            ("3000", Some(3_000)),
            ("3000ms", Some(3_000)),
            ("10s", Some(10_000)),
            ("", None),
            ("-1", None),
            ("x", None),
        ] {
            assert_eq!(milliseconds(text), expected, "{text}");
        }
    }

    #[test]
    fn only_an_instance_is_cut_off() {
        for (name, expected) in
            [("drbd:0", "drbd"), ("drbd", "drbd"), ("a:b", "a:b"), (":0", ":0"), ("a:", "a:"), ("a:1:2", "a:1")]
        {
            assert_eq!(without_instance(name), expected);
        }
    }
}
