//! The one table of which path needs which role.

use http::Method;
use orszem_dashboards::http::app as page;
use orszem_dashboards::http::links::PREFIX;

use super::Role;

/// What a request needs its sender to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Anyone: health, the login, and the page's own files, which hold no records.
    Nothing,
    /// `ingest` or `admin`.
    Ingest,
    /// `read` or `admin`.
    Read,
    /// `admin` alone.
    Admin,
}

impl Need {
    /// Whether `role` is enough.
    pub(super) fn allows(self, role: Role) -> bool {
        match self {
            Self::Nothing => true,
            Self::Ingest => matches!(role, Role::Ingest | Role::Admin),
            Self::Read => matches!(role, Role::Read | Role::Admin),
            Self::Admin => role == Role::Admin,
        }
    }
}

const OPEN: [&str; 9] = [
    "/",
    "/-/healthy",
    "/-/ready",
    "/ready",
    "/favicon.ico",
    "/favicon.svg",
    "/app/v1/login",
    "/app/v1/login/pair",
    "/app/v1/logout",
];
const INGEST: [&str; 10] = [
    "/app/v1/ingest",
    "/app/v1/deputies",
    "/app/v1/probes/votes",
    "/loki/api/v1/push",
    "/v1/logs",
    "/v1/metrics",
    "/v1/traces",
    "/api/v1/write",
    "/api/v1/push",
    "/api/v1/import/prometheus",
];

/// Collectors tell it, and people ask for it.
const TOPOLOGY: &str = "/app/v1/topology";
/// Prometheus and vmalert send them, and people ask for them.
const ALERTS: &str = "/api/v2/alerts";

/// Whether it is a link of a message: its token, which nobody can guess, says who sends it and what may be done.
pub(super) fn is_link(path: &str) -> bool {
    path.starts_with(PREFIX)
}

/// What a request with this method and path needs. Whatever is not named here and changes something is for
/// `admin`; what only reads is for `read`.
pub(super) fn need(method: &Method, path: &str) -> Need {
    let is_page = *method == Method::GET && page::is_page(path);
    if OPEN.contains(&path) || path.starts_with("/assets/") || is_link(path) || is_page {
        return Need::Nothing;
    }
    if INGEST.contains(&path) || path.starts_with("/app/v1/ingest/") || path.starts_with(HEARTBEAT) {
        return Need::Ingest;
    }
    if let Some(need) = of_elasticsearch(method, path) {
        return need;
    }
    if path.starts_with("/app/v1/admin/") || path.starts_with("/app/v1/delete") {
        return Need::Admin;
    }
    if (path == TOPOLOGY || path == ALERTS) && *method == Method::POST {
        return Need::Ingest;
    }
    match *method {
        Method::GET | Method::HEAD | Method::OPTIONS => Need::Read,
        // A login of one's own on another device, with the same role.
        Method::POST if path == PAIR => Need::Read,
        // Queries are also sent as POST, as their text may be long.
        Method::POST if QUERIES.iter().any(|prefix| path.starts_with(prefix)) => Need::Read,
        _ => Need::Admin,
    }
}

/// Has a code made for another device.
const PAIR: &str = "/app/v1/pair";

/// Has this host connect elsewhere.
const PROBE: &str = "/probe";

/// Where jobs say that they ran.
const HEARTBEAT: &str = "/app/v1/heartbeat/";

/// Whether a request does something even with a method that should not, so that no other site's page may send it.
pub(super) fn acts(path: &str) -> bool {
    path == PROBE || path.starts_with(HEARTBEAT)
}

/// What Elasticsearch's agents set up and ask before they send, beside the paths that end in [`DOCUMENTS`].
const SETUP: [&str; 14] = [
    "/_bulk",
    "/_license",
    "/_xpack",
    "/_cluster/",
    "/_nodes",
    "/_alias/",
    "/_refresh",
    "/_ilm/policy/",
    "/_index_template/",
    "/_template/",
    "/_component_template/",
    "/_ingest/pipeline/",
    "/_data_stream/",
    "/_license/",
];
/// The second part of the paths that documents are sent to.
const DOCUMENTS: [&str; 4] = ["_bulk", "_doc", "_create", "_refresh"];
/// Paths of one part that are read, and are no index.
const READ: [&str; 2] = ["/metrics", PROBE];

/// The paths of Elasticsearch's protocol: all are for `ingest`, as they only take in. Its searches are not among them.
fn of_elasticsearch(method: &Method, path: &str) -> Option<Need> {
    let is_setup = |known: &&str| path == *known || (known.ends_with('/') && path.starts_with(*known));
    let mut parts = path.strip_prefix('/')?.split('/');
    let (index, verb) = (parts.next()?, parts.next());
    let is_own = index.is_empty() || READ.contains(&path);
    let is_sent = match verb {
        Some(verb) => DOCUMENTS.contains(&verb),
        // An index is asked for, or made.
        None => matches!(*method, Method::HEAD | Method::PUT),
    };
    (SETUP.iter().any(is_setup) || path.starts_with("/_nodes/") || (is_sent && !is_own)).then_some(Need::Ingest)
}

const QUERIES: [&str; 16] = [
    "/api/v1/query",
    "/api/v1/series",
    "/api/v1/labels",
    "/api/v1/format_query",
    "/api/v1/parse_query",
    "/app/v1/search",
    "/app/v1/count",
    "/app/v1/histogram",
    "/app/v1/facets",
    "/app/v1/numbers",
    "/app/v1/fields",
    "/app/v1/context",
    "/app/v1/explain",
    "/app/v1/export",
    "/app/v1/patterns",
    "/app/v1/rules/replay",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_its_need() {
        for (method, path, expected) in [
            (Method::GET, "/", Need::Nothing),
            (Method::GET, "/assets/page.js", Need::Nothing),
            (Method::GET, "/logs", Need::Nothing),
            (Method::HEAD, "/logs", Need::Ingest),
            (Method::GET, "/logs/_search", Need::Read),
            (Method::GET, "/-/ready", Need::Nothing),
            (Method::GET, "/act/AA", Need::Nothing),
            (Method::POST, "/act/AA", Need::Nothing),
            (Method::POST, "/act", Need::Admin),
            (Method::POST, "/acts/AA", Need::Admin),
            (Method::POST, "/app/v1/login", Need::Nothing),
            (Method::POST, "/app/v1/login/pair", Need::Nothing),
            (Method::POST, "/app/v1/pair", Need::Read),
            (Method::GET, "/app/v1/me", Need::Read),
            (Method::GET, "/app/v1/devices", Need::Read),
            (Method::POST, "/app/v1/devices", Need::Admin),
            (Method::DELETE, "/app/v1/devices/1", Need::Admin),
            (Method::POST, "/v1/logs", Need::Ingest),
            (Method::POST, "/loki/api/v1/push", Need::Ingest),
            (Method::GET, "/loki/api/v1/query", Need::Read),
            (Method::GET, "/metrics", Need::Read),
            (Method::GET, "/app/v1/tail", Need::Read),
            (Method::GET, "/app/v1/collectors/db1", Need::Read),
            (Method::POST, "/app/v1/search", Need::Read),
            (Method::POST, "/app/v1/rules/replay", Need::Read),
            (Method::GET, "/app/v1/heartbeat/backup", Need::Ingest),
            (Method::POST, "/app/v1/heartbeat/backup/fail", Need::Ingest),
            (Method::GET, "/app/v1/heartbeats", Need::Read),
            (Method::GET, "/probe", Need::Read),
            (Method::HEAD, "/probe", Need::Read),
            (Method::POST, "/probe", Need::Admin),
            (Method::GET, "/app/v1/topology", Need::Read),
            (Method::POST, "/app/v1/topology", Need::Ingest),
            (Method::DELETE, "/app/v1/topology", Need::Admin),
            (Method::POST, "/app/v1/probes/votes", Need::Ingest),
            (Method::POST, "/app/v1/deputies", Need::Ingest),
            (Method::POST, "/app/v1/deputies/x", Need::Admin),
            (Method::GET, "/app/v1/probes", Need::Read),
            (Method::POST, "/app/v1/probes/1/exclude", Need::Admin),
            (Method::POST, "/api/v2/alerts", Need::Ingest),
            (Method::GET, "/api/v2/alerts", Need::Read),
            (Method::POST, "/api/v2/silences", Need::Admin),
            (Method::POST, "/app/v1/incidents/1/ack", Need::Admin),
            (Method::POST, "/app/v1/delete", Need::Admin),
            (Method::POST, "/app/v1/admin/backup", Need::Admin),
            (Method::POST, "/app/v1/unknown", Need::Admin),
            (Method::GET, "/app/v1/unknown", Need::Read),
            (Method::POST, "/_bulk", Need::Ingest),
            (Method::PUT, "/logs-web/_bulk", Need::Ingest),
            (Method::POST, "/logs-web/_doc", Need::Ingest),
            (Method::PUT, "/logs-web/_create/1", Need::Ingest),
            (Method::GET, "/_license", Need::Ingest),
            (Method::GET, "/_nodes/_all/http", Need::Ingest),
            (Method::PUT, "/_ilm/policy/filebeat", Need::Ingest),
            (Method::HEAD, "/_index_template/filebeat", Need::Ingest),
            (Method::HEAD, "/filebeat", Need::Ingest),
            (Method::PUT, "/filebeat-000001", Need::Ingest),
            (Method::GET, "/filebeat", Need::Read),
            (Method::DELETE, "/filebeat", Need::Admin),
            (Method::HEAD, "/metrics", Need::Read),
            (Method::POST, "//_bulk", Need::Admin),
            (Method::GET, "/logs-web/_search", Need::Read),
            (Method::GET, "/_searchable", Need::Read),
            (Method::POST, "/_bulky", Need::Admin),
        ] {
            assert_eq!(need(&method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn node_tokens_cannot_read_and_readers_cannot_send() {
        let allowed = |role| [Need::Nothing, Need::Ingest, Need::Read, Need::Admin].map(|need| need.allows(role));
        assert_eq!(allowed(Role::Ingest), [true, true, false, false]);
        assert_eq!(allowed(Role::Read), [true, false, true, false]);
        assert_eq!(allowed(Role::Admin), [true, true, true, true]);
    }
}
