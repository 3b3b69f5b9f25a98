//! What a request's query may say about its lines.

use super::super::error::IngestError;

/// The query of `/app/v1/ingest`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// More keys whose values are stream labels (`?labels=a,b`).
    pub labels: Vec<String>,
    /// The only key that holds the time (`?time=`).
    pub time: Option<String>,
    /// The only key that holds the text (`?body=`).
    pub body: Option<String>,
    /// Plain text only: the stream's labels, one a parameter (`?host=db1&service=pg`).
    pub constants: Vec<(String, String)>,
}

impl Options {
    /// Reads decoded query parameters; for plain text every parameter is a label.
    ///
    /// Refuses (400) unknown parameters, names that are no label names and `tenant`, which the access check decides.
    pub fn from_query(pairs: &[(String, String)], is_text: bool) -> Result<Self, IngestError> {
        let mut options = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "tenant" => {
                    let message = "the query must not name a tenant; the token decides it";
                    return Err(IngestError::new("ingest.tenant_not_allowed", 400, message));
                }
                _ if is_text => options.constants.push((label_name(name)?.to_owned(), value.clone())),
                "labels" => {
                    for label in value.split(',').map(str::trim_ascii).filter(|label| !label.is_empty()) {
                        options.labels.push(label_name(label)?.to_owned());
                    }
                }
                "time" => options.time = Some(value.clone()),
                "body" => options.body = Some(value.clone()),
                _ => {
                    let message = format!("unknown query parameter `{name}`; known are labels, time and body");
                    return Err(IngestError::new("ingest.bad_parameter", 400, message));
                }
            }
        }
        Ok(options)
    }
}

/// A label name of letters, digits, `_`, `.`, `-`, `:`, `/` and `@`, not starting with a digit.
fn label_name(name: &str) -> Result<&str, IngestError> {
    let is_valid = name.len() <= 1024
        && name.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || matches!(first, b'_' | b'@'))
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-:/@".contains(&byte));
    if is_valid {
        return Ok(name);
    }
    let shown: String = name.chars().take(64).collect();
    let message = format!("`{shown}` is no label name; use letters, digits, _ . - : / and @, not a digit first");
    Err(IngestError::new("ingest.bad_labels", 400, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(query: &[(&str, &str)], is_text: bool) -> Result<Options, &'static str> {
        let pairs: Vec<_> = query.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Options::from_query(&pairs, is_text).map_err(|error| error.code)
    }

    #[test]
    fn parameters_are_read_or_named() {
        let expected = Options {
            labels: vec!["a".into(), "b.c".into()],
            time: Some("t".into()),
            body: Some("x".into()),
            constants: Vec::new(),
        };
        assert_eq!(check(&[("labels", "a, b.c,"), ("time", "t"), ("body", "x")], false), Ok(expected));
        let constants = vec![("host".to_owned(), "db1".to_owned())];
        assert_eq!(check(&[("host", "db1")], true), Ok(Options { constants, ..Options::default() }));
        assert_eq!(check(&[("host", "db1")], false), Err("ingest.bad_parameter"));
        assert_eq!(check(&[("tenant", "1")], true), Err("ingest.tenant_not_allowed"));
        assert_eq!(check(&[("labels", "a,9b")], false), Err("ingest.bad_labels"));
        assert_eq!(check(&[("a b", "x")], true), Err("ingest.bad_labels"));
    }
}
