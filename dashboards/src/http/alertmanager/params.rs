//! What lists of alerts are narrowed by.

use axum::extract::FromRequestParts;
use http::request::Parts;
use orszem_indexer::alerting::parse_matcher;
use orszem_model::{Labels, MatchOp, Matcher};

use super::problem::Problem;

/// The parameters of `/api/v2/alerts`, `/alerts/groups` and `/silences`.
pub(super) struct Filter {
    pub(super) matchers: Vec<Matcher>,
    pub(super) is_active: bool,
    pub(super) is_silenced: bool,
    pub(super) is_inhibited: bool,
    pub(super) is_muted: bool,
    receiver: Option<Matcher>,
}

impl<S: Send + Sync> FromRequestParts<S> for Filter {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(parts.uri.query().unwrap_or(""))
    }
}

impl Filter {
    pub(super) fn of(query: &str) -> Result<Self, Problem> {
        let mut filter = Self {
            matchers: Vec::new(),
            is_active: true,
            is_silenced: true,
            is_inhibited: true,
            is_muted: true,
            receiver: None,
        };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "filter" => {
                    filter.matchers.push(parse_matcher(&value).map_err(|error| Problem::Bad(error.to_string()))?);
                }
                "active" => filter.is_active = flag("active", &value)?,
                "silenced" => filter.is_silenced = flag("silenced", &value)?,
                "inhibited" => filter.is_inhibited = flag("inhibited", &value)?,
                "muted" => filter.is_muted = flag("muted", &value)?,
                // None is ever unprocessed.
                "unprocessed" => drop(flag("unprocessed", &value)?),
                "receiver" if !value.is_empty() => {
                    let matcher = Matcher::new("receiver", MatchOp::Regex, value);
                    let wrong = |error| Problem::Bad(format!("failed to parse receiver param: {error}"));
                    filter.receiver = Some(matcher.map_err(wrong)?);
                }
                _ => {}
            }
        }
        Ok(filter)
    }

    /// Whether all matchers match.
    pub(super) fn matches(&self, labels: &Labels) -> bool {
        self.matchers.iter().all(|matcher| matcher.matches(labels.get(&matcher.name).unwrap_or("")))
    }

    /// Whether one of the receivers is asked for.
    pub(super) fn takes_receivers<'a>(&self, mut receivers: impl Iterator<Item = &'a str>) -> bool {
        self.receiver.as_ref().is_none_or(|asked| receivers.any(|receiver| asked.matches(receiver)))
    }
}

fn flag(name: &str, value: &str) -> Result<bool, Problem> {
    match value {
        "true" | "1" | "yes" | "ok" | "y" | "on" | "selected" | "checked" | "t" | "enabled" => Ok(true),
        "false" | "0" | "no" | "n" | "off" | "f" | "disabled" | "" => Ok(false),
        other => {
            let message = format!("{name} in query must be of type boolean: {other:?}");
            Err(Problem::Field { code: 601, message })
        }
    }
}
