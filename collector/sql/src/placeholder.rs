//! `{{column}}` in a request that is run for each row of another.

use crate::config::Kind;

/// Puts the row's values into the request: `{{column}}` becomes a literal, `{{ident column}}` a quoted name.
///
/// # Errors
/// The name of a column that the row does not have, or whose value can't be written.
pub(crate) fn fill(request: &str, kind: Kind, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut filled = String::with_capacity(request.len());
    let mut rest = request;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((inner, next)) = after.split_once("}}") else { break };
        filled.push_str(before);
        let (name, is_identifier) = read(inner);
        let value = value(&name).filter(|value| !value.contains('\0')).ok_or(name)?;
        filled.push_str(&if is_identifier { identifier(&value, kind) } else { literal(&value, kind) });
        rest = next;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The columns that a request names.
pub(crate) fn columns(request: &str) -> Vec<String> {
    let inner = request.split("{{").skip(1).filter_map(|part| part.split_once("}}"));
    inner.map(|(inner, _)| read(inner).0).collect()
}

fn read(inner: &str) -> (String, bool) {
    let inner = inner.trim();
    match inner.strip_prefix("ident ") {
        Some(name) => (name.trim().to_ascii_lowercase(), true),
        None => (inner.to_ascii_lowercase(), false),
    }
}

fn literal(value: &str, kind: Kind) -> String {
    let doubled = value.replace('\'', "''");
    match kind {
        Kind::Mariadb => format!("'{}'", doubled.replace('\\', "\\\\")),
        Kind::Postgresql if value.contains('\\') => format!("E'{}'", doubled.replace('\\', "\\\\")),
        Kind::Postgresql | Kind::Sqlite | Kind::Oracle => format!("'{doubled}'"),
    }
}

fn identifier(value: &str, kind: Kind) -> String {
    match kind {
        Kind::Mariadb => format!("`{}`", value.replace('`', "``")),
        Kind::Postgresql | Kind::Sqlite => format!("\"{}\"", value.replace('"', "\"\"")),
        // Oracle's names have no quotes in them.
        Kind::Oracle => format!("\"{}\"", value.replace('"', "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_as_the_database_reads_them() {
        let value = |name: &str| match name {
            "db" => Some("a'b\\c".to_owned()),
            "t" => Some("x\"y`z".to_owned()),
            _ => None,
        };
        let request = "select {{ DB }} from {{ident t}} where x = '{{' || 1";
        let fill = |kind| fill(request, kind, value);
        let rest = "where x = '{{' || 1";
        assert_eq!(fill(Kind::Postgresql), Ok(format!("select E'a''b\\\\c' from \"x\"\"y`z\" {rest}")));
        assert_eq!(fill(Kind::Mariadb), Ok(format!("select 'a''b\\\\c' from `x\"y``z` {rest}")));
        assert_eq!(fill(Kind::Sqlite), Ok(format!("select 'a''b\\c' from \"x\"\"y`z\" {rest}")));
        assert_eq!(fill(Kind::Oracle), Ok(format!("select 'a''b\\c' from \"xy`z\" {rest}")));
        assert_eq!(super::fill("{{nothing}}", Kind::Sqlite, value), Err("nothing".to_owned()));
        assert_eq!(columns(request), ["db", "t"]);
    }
}
