//! What redaction keeps to for any text.

use std::borrow::Cow;
use std::sync::LazyLock;

use orszem_model::Timestamp;
use orszem_transform::{Draft, Preset, RedactConfig, Transform, TransformConfig, Verdict};
use proptest::prelude::*;

fn transform(presets: &[Preset]) -> Transform {
    let redact = RedactConfig { presets: presets.to_vec(), custom: Vec::new() };
    Transform::new(&TransformConfig { redact, ..TransformConfig::default() }).expect("a valid configuration")
}

fn redacted(transform: &mut Transform, body: &[u8]) -> Option<Vec<u8>> {
    let mut draft = Draft::of_body(body);
    assert_eq!(transform.apply(&mut draft, 0, Timestamp(0)), Verdict::Keep);
    match draft.body {
        Cow::Borrowed(_) => None,
        Cow::Owned(body) => Some(body),
    }
}

/// Pieces that secrets and their neighbours are made of, so that they meet in every way.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let fixed = prop::sample::select(vec![
        "password",
        "passwd",
        "pwd",
        "token",
        "secret",
        "api_key",
        "Authorization",
        "Basic ",
        "Bearer ",
        "Digest ",
        "=",
        ":",
        ": ",
        "\"",
        "'",
        "\\\"",
        "\\",
        " ",
        "-",
        ".",
        ",",
        ";",
        "@",
        "://",
        "/",
        "[",
        "]",
        "{",
        "}",
        "&",
        "\n",
        "_",
        "eyJhbGciOiJIUzI1NiJ9",
        "eyJ",
        ".eyJzdWIiOiIxMjM0In0",
        ".c2lnbmF0dXJl",
        "4111",
        "1111",
        "4111111111111111",
        "5555555555554444",
        "378282246310005",
        "6212345678900000003",
        "HU42117730161111101800000000",
        "GB82 WEST 1234 5698 7654 32",
        "a@b.io",
        "bob",
        "example.com",
        "10.1.2.3",
        "2001:db8:1:2::3",
        "::",
        "1",
        "0",
        "é",
        "[redacted:card]",
        "[redacted:",
        "[redacted:password]",
        "user",
        "http",
        "null",
        "=>",
    ]);
    prop_oneof![
        8 => fixed.prop_map(|s| s.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
        1 => "[0-9]{1,20}".prop_map(String::into_bytes),
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece(), 0..24).prop_map(|pieces| pieces.concat())
}

/// Whether a Visa, Mastercard or American Express number stands in the text on its own, in one piece or in fours:
/// written once more, without looking at how it is found.
fn has_card(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    static PATTERNS: LazyLock<[regex::Regex; 4]> = LazyLock::new(|| {
        [
            r"(?:^|[^\w.\-])((?:4\d{3}|5[1-5]\d{2})(\d{4}){3})(?:$|[^\w.\-])",
            r"(?:^|[^\w.\-])((?:4\d{3}|5[1-5]\d{2})( \d{4}){3})(?:$|[^\w.\-])",
            r"(?:^|[^\w.\-])((?:4\d{3}|5[1-5]\d{2})(-\d{4}){3})(?:$|[^\w.\-])",
            r"(?:^|[^\w.\-])(3[47]\d{13})(?:$|[^\w.\-])",
        ]
        .map(|pattern| regex::Regex::new(pattern).expect("a valid pattern"))
    });
    PATTERNS.iter().any(|pattern| {
        (0..text.len())
            .filter(|at| text.is_char_boundary(*at))
            .any(|at| pattern.captures_at(&text, at).is_some_and(|found| luhn(&found[1])))
    })
}

fn luhn(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let sum: u32 =
        digits.iter().rev().enumerate().map(|(i, d)| if i % 2 == 0 { *d } else { d * 2 / 10 + d * 2 % 10 }).sum();
    sum.is_multiple_of(10)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn twice_is_as_once(body in body()) {
        let mut transform = transform(&Preset::ALL);
        if let Some(once) = redacted(&mut transform, &body) {
            prop_assert_eq!(redacted(&mut transform, &once), None, "{}", String::from_utf8_lossy(&once));
        }
    }

    #[test]
    fn no_card_is_left(body in body()) {
        let mut transform = transform(&[Preset::Card]);
        let left = redacted(&mut transform, &body).unwrap_or(body);
        prop_assert!(!has_card(&left), "{}", String::from_utf8_lossy(&left));
    }

    #[test]
    fn any_bytes_are_survived(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut transform = transform(&Preset::ALL);
        let left = redacted(&mut transform, &body).unwrap_or(body);
        prop_assert_eq!(redacted(&mut transform, &left), None);
    }

    #[test]
    fn prose_stays_borrowed(words in prop::collection::vec("[a-z]{1,9}|[0-9]{1,4}", 0..30)) {
        let body = words.join(", ");
        prop_assert_eq!(redacted(&mut transform(&Preset::ALL), body.as_bytes()), None);
    }

    #[test]
    fn what_is_whole_text_stays_whole_text(body in body()) {
        if std::str::from_utf8(&body).is_ok() {
            let left = redacted(&mut transform(&Preset::ALL), &body).unwrap_or(body);
            prop_assert!(std::str::from_utf8(&left).is_ok());
        }
    }
}

#[test]
fn the_card_check_of_this_file_can_fail() {
    assert!(has_card(b"x 4111 1111 1111 1111 y"));
    assert!(!has_card(b"x 4111 1111 1111 1112 y"));
}
