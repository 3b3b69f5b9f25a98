//! `kind://user@host:port/database`.

use crate::config::Kind;

/// What a URL says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) kind: Option<Kind>,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) database: String,
    pub(crate) user: String,
}

/// What is the matter with a URL.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UrlProblem {
    pub(crate) what: &'static str,
    pub(crate) remedy: &'static str,
}

const fn problem(what: &'static str, remedy: &'static str) -> UrlProblem {
    UrlProblem { what, remedy }
}

/// A URL that has a password in it.
pub(crate) const HAS_PASSWORD: UrlProblem =
    problem("holds a password", "write it into a file that password_file names");

/// Reads a URL.
pub(crate) fn parse(text: &str) -> Result<Parts, UrlProblem> {
    const FORM: &str = "write it as postgresql://user@host:port/database, mariadb://…, oracle://user@host/service or \
                        sqlite:///path";
    let (scheme, rest) = text.split_once("://").ok_or(problem("is no URL", FORM))?;
    let kind = match scheme {
        "postgresql" | "postgres" => Kind::Postgresql,
        "mysql" | "mariadb" => Kind::Mariadb,
        "oracle" => Kind::Oracle,
        "sqlite" => Kind::Sqlite,
        _ => return Err(problem("has no scheme that is known", FORM)),
    };
    if kind == Kind::Sqlite {
        return Ok(Parts { kind: Some(kind), database: decode(rest), ..Parts::default() });
    }
    if rest.contains(['?', '#']) {
        return Err(problem("has parameters", "write them as options of their own, such as tls or ca_file"));
    }
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, place) = authority.rsplit_once('@').unwrap_or(("", authority));
    if user.contains(':') {
        return Err(HAS_PASSWORD);
    }
    let (host, port) = match place.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':')),
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = port.map(|port| port.parse().map_err(|_| problem("has no port", "write 1 to 65535"))).transpose()?;
    Ok(Parts { kind: Some(kind), host: decode(host), port, database: decode(database), user: decode(user) })
}

/// Resolves `%20`.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let mut ahead = rest.clone();
        match (byte, ahead.next().and_then(digit), ahead.next().and_then(digit)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = ahead;
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_their_parts() {
        let parts = parse("oracle://c%23%23mon@[::1]:1522/FREE").expect("a URL");
        let expected = Parts {
            kind: Some(Kind::Oracle),
            host: "::1".into(),
            port: Some(1522),
            database: "FREE".into(),
            user: "c##mon".into(),
        };
        assert_eq!(parts, expected);
        assert_eq!(parse("mysql://h:0x/").map_err(|p| p.what), Err("has no port"));
        assert_eq!(parse("postgres://h/d?sslmode=disable").map_err(|p| p.what), Err("has parameters"));
        assert_eq!(parse("h:5432").map_err(|p| p.what), Err("is no URL"));
    }
}
