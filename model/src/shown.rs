//! URLs as they may be shown.

/// The URL with `***` for its password.
pub fn without_password(url: &str) -> String {
    let hidden = url.split_once("://").and_then(|(scheme, rest)| {
        let (authority, path) = rest.split_once('/').map_or((rest, None), |(a, p)| (a, Some(p)));
        let (login, host) = authority.rsplit_once('@')?;
        let (user, _) = login.split_once(':')?;
        Some(format!("{scheme}://{user}:***@{host}{}", path.map(|path| format!("/{path}")).unwrap_or_default()))
    });
    hidden.unwrap_or_else(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden_whole_and_nothing_else_is() {
        assert_eq!(without_password("postgres://u:a@b@h/d"), "postgres://u:***@h/d");
        assert_eq!(without_password("https://u:p@h"), "https://u:***@h");
        for same in ["postgres://u@h/d", "http://h/x:y@z", "u:p@h", ""] {
            assert_eq!(without_password(same), same);
        }
    }
}
