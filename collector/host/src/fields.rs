//! Numbers and words of kernel files.

/// The number that `text` is, white space around it aside.
pub(crate) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_plain = text.starts_with(|letter: char| letter.is_ascii_digit() || letter == '-' || letter == '.');
    if is_plain { text.parse().ok() } else { None }
}

/// A number in hexadecimal, with or without `0x`.
pub(crate) fn hex(text: &str) -> Option<f64> {
    let text = text.trim();
    u64::from_str_radix(text.strip_prefix("0x").unwrap_or(text), 16).ok().map(|number| number as f64)
}

/// The number behind a word in lines of `word number`.
pub(crate) fn named(text: &str, name: &str) -> Option<f64> {
    let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    found.and_then(|rest| number(rest.split(' ').next().unwrap_or(rest)))
}

/// The words of a line, as many as `N`; `None` if there are fewer.
pub(crate) fn words<const N: usize>(line: &str) -> Option<[&str; N]> {
    let mut found = [""; N];
    let mut words = line.split_ascii_whitespace();
    for place in &mut found {
        *place = words.next()?;
    }
    Some(found)
}

/// Whether the name is `prefix` and a number: `cpu0`, not `cpufreq`. Gives the number as it is written.
pub(crate) fn numbered<'n>(name: &'n str, prefix: &str) -> Option<&'n str> {
    let digits = name.strip_prefix(prefix)?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(digits)
}
