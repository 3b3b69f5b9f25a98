//! Texts with names in braces.

/// `text` with each name in braces replaced by its value. What has none is left out, as is what follows a brace that is
/// never closed; braces in values stay.
pub fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(text.len() + 32);
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            rest = "";
            break;
        };
        out.push_str(values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value));
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_braces_is_filled_in_once() {
        assert_eq!(fill("{a} of {b}{c}.", &[("a", "{b}"), ("b", "2")]), "{b} of 2.");
        assert_eq!(fill("open {", &[]), "open ");
    }
}
