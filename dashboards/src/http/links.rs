//! What links in messages do: `/act/{token}`, open to whoever has one. GET asks by a form and changes nothing, since
//! scanners of mail and previews of chats follow links; POST does it. No script, no cookie.

use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use orszem_alerting::{Alerting, Input};
use orszem_indexer::alerting::{Act, AlertingHandle, Grant, GrantError, IncidentRecord};
use orszem_model::Timestamp;

use super::incidents::failed;
use super::logs::now;

/// How long a button leaves its contact alone.
const SNOOZE: Duration = Duration::from_secs(3_600);
/// Nothing is fetched, and only this form is sent.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// Where they begin.
pub const PREFIX: &str = "/act/";

/// The path of the link with this token.
pub fn path_of(token: &str) -> String {
    format!("{PREFIX}{token}")
}

/// The routes; they need no [`super::access::Access`]: the token says what its holder may do.
pub fn router(alerting: AlertingHandle) -> Router {
    Router::new().route("/act/{token}", get(ask).post(act)).with_state(alerting)
}

/// Why nothing is done.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    Grant(#[from] GrantError),
    #[error("{0} is no contact of this server any more")]
    NoContact(String),
    #[error("incident {0} is over for long, and forgotten")]
    Forgotten(u64),
    #[error("incident {id} is over since {at}; nothing is left to do")]
    Over { id: u64, at: Timestamp },
    #[error("incident {id} goes on in incident {into}; a message about that one has its own link")]
    Merged { id: u64, into: u64 },
    #[error("incident {id} is acknowledged already, by {by} until {until}")]
    Acknowledged { id: u64, by: String, until: Timestamp },
    #[error("incident {id} is snoozed already, by {by} until {until}")]
    Snoozed { id: u64, by: String, until: Timestamp },
    #[error("{0}")]
    Engine(#[from] orszem_alerting::Refusal),
    #[error("it could not be written, and nothing of it holds; try again")]
    NotWritten,
}

impl Refused {
    fn status(&self) -> StatusCode {
        match self {
            Self::Grant(GrantError::Foreign) | Self::NoContact(_) => StatusCode::FORBIDDEN,
            Self::Grant(GrantError::Expired { .. }) | Self::Forgotten(_) | Self::Over { .. } | Self::Merged { .. } => {
                StatusCode::GONE
            }
            Self::Acknowledged { .. } | Self::Snoozed { .. } | Self::Engine(_) => StatusCode::CONFLICT,
            Self::NotWritten => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// An incident that the grant is about, in words.
struct About {
    id: u64,
    level: String,
    started_at: Timestamp,
    title: String,
}

async fn ask(State(alerting): State<AlertingHandle>, Path(token): Path<String>, headers: HeaderMap) -> Response {
    match look(&alerting, &token).await {
        Ok((grant, about)) => {
            let button = match grant.act {
                Act::Acknowledge => "Acknowledge",
                Act::Snooze => "Snooze for an hour",
            };
            let about = about.in_words();
            let form = format!("<form method=\"post\"><button>{button}</button></form>");
            let told = format!("{about}\nSend a POST to this address to do it: {button}, as {}.", grant.contact);
            page(&headers, StatusCode::OK, button, &about, &form, &told)
        }
        Err(refused) => refuse(&headers, &refused),
    }
}

async fn act(State(alerting): State<AlertingHandle>, Path(token): Path<String>, headers: HeaderMap) -> Response {
    match try_act(&alerting, &token).await {
        Ok(done) => page(&headers, StatusCode::OK, "Done", &done, "", &done),
        Err(refused) => refuse(&headers, &refused),
    }
}

async fn try_act(alerting: &AlertingHandle, token: &str) -> Result<String, Refused> {
    let (Grant { incident, contact: by, act, .. }, about) = look(alerting, token).await?;
    let (input, done) = match act {
        Act::Acknowledge => {
            let note = "by the link in a message".to_owned();
            let done = format!("{by} has acknowledged {}.", about.in_words());
            (Input::Acknowledge { incident, by, until: None, note }, done)
        }
        Act::Snooze => {
            let until = now().after(SNOOZE);
            let done = format!("{by} has snoozed until {until}: {}.", about.in_words());
            (Input::Snooze { incident, by, until }, done)
        }
    };
    let answers = alerting.submit(vec![input]).await.map_err(not_written)?;
    match answers.into_iter().flatten().next() {
        Some(refusal) => Err(refusal.into()),
        None => Ok(done),
    }
}

/// What the token grants, if there is something left to do.
async fn look(alerting: &AlertingHandle, token: &str) -> Result<(Grant, About), Refused> {
    let grant = alerting.grant(token, now())?;
    let asked = grant.clone();
    let about = alerting.read(move |engine, _| standing(engine, &asked)).await.map_err(not_written)??;
    Ok((grant, about))
}

fn standing(engine: &Alerting, grant: &Grant) -> Result<About, Refused> {
    let Grant { incident: id, contact, act, .. } = grant;
    let id = *id;
    if engine.plan().contact(contact).is_none() {
        return Err(Refused::NoContact(contact.clone()));
    }
    let incident = engine.incident(id).ok_or(Refused::Forgotten(id))?;
    if let Some(into) = incident.merged_into {
        return Err(Refused::Merged { id, into });
    }
    if let Some(at) = incident.ended_at {
        return Err(Refused::Over { id, at });
    }
    match (act, &incident.ack, &incident.snooze) {
        (Act::Acknowledge, Some(ack), _) => Err(Refused::Acknowledged { id, by: ack.by.clone(), until: ack.until }),
        (Act::Snooze, _, Some(snooze)) => Err(Refused::Snoozed { id, by: snooze.by.clone(), until: snooze.until }),
        (Act::Acknowledge | Act::Snooze, _, _) => Ok(About::of(&IncidentRecord::of(incident))),
    }
}

impl About {
    fn of(incident: &IncidentRecord) -> Self {
        let mut firing = incident.members.iter().filter(|member| member.is_firing);
        let title = firing.next().map_or_else(String::new, |first| {
            let labels = first.labels.iter().filter(|(name, _)| name != "alertname");
            let labels: Vec<String> = labels.map(|(name, value)| format!("{name}={value}")).collect();
            let named = first.labels.iter().find(|(name, _)| name == "alertname").map(|(_, name)| name);
            let name = named.unwrap_or(&first.rule);
            let more = match firing.count() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("{name} {}{more}", labels.join(" "))
        });
        Self { id: incident.id, level: incident.level.clone(), started_at: Timestamp(incident.started_ns), title }
    }

    fn in_words(&self) -> String {
        let Self { id, level, started_at, title } = self;
        format!("incident {id}, {level}, since {started_at}: {}", title.trim())
    }
}

fn not_written(error: orszem_indexer::Error) -> Refused {
    tracing::error!(error = &failed(error) as &dyn std::error::Error, "a link in a message did nothing");
    Refused::NotWritten
}

fn refuse(headers: &HeaderMap, refused: &Refused) -> Response {
    let text = format!("Nothing was done: {refused}.");
    page(headers, refused.status(), "Nothing was done", &text, "", &text)
}

/// A page for browsers, a line for programs.
fn page(request: &HeaderMap, status: StatusCode, title: &str, text: &str, form: &str, plain: &str) -> Response {
    let accepts = request.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    let (kind, body) = if accepts.contains("text/html") {
        let (title, text) = (escaped(title), escaped(text));
        let style = "body{font:17px/1.5 system-ui,sans-serif;max-width:34em;margin:3em auto;padding:0 1em;overflow-wrap:anywhere}\
                     button{font:inherit;padding:.6em 1.4em}";
        let body = format!(
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
             <title>{title} · Őrszem</title><style>{style}</style></head>\
             <body><h1>{title}</h1><p>{text}</p>{form}</body></html>\n"
        );
        ("text/html; charset=utf-8", body)
    } else {
        ("text/plain; charset=utf-8", format!("{plain}\n"))
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::VARY, "accept"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The address is all that it takes.
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("x-robots-tag"), "noindex"),
        // Buttons of pages elsewhere, such as ntfy's; there is no cookie that they could ride on.
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_texts_and_never_runs_them() {
        let mut browser = HeaderMap::new();
        browser.insert(header::ACCEPT, HeaderValue::from_static("text/html,*/*"));
        assert_eq!(escaped("<a href=\"x\">&</a>"), "&lt;a href=&quot;x&quot;&gt;&amp;&lt;/a&gt;");
        let shown = page(&browser, StatusCode::GONE, "t", "<b>", "", "<b>");
        let of = |name: HeaderName| shown.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        assert_eq!(of(header::CONTENT_TYPE).as_deref(), Some("text/html; charset=utf-8"));
        assert_eq!(of(header::CACHE_CONTROL).as_deref(), Some("no-store"));
        assert_eq!((shown.status(), of(header::REFERRER_POLICY).as_deref()), (StatusCode::GONE, Some("no-referrer")));
        let plain = page(&HeaderMap::new(), StatusCode::OK, "t", "x", "", "x");
        assert_eq!(plain.headers()[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    }
}
