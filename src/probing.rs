//! `/probe`: probes a target now, as blackbox_exporter does it for Prometheus.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::anyhow;
use axum::Router;
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, StatusCode, Uri};
use orszem_collector::Wrong;
use orszem_probe::{Modules, ProbeRequest, Prober};
use tokio::sync::Semaphore;

use crate::access::{Identity, Role};
use crate::shown_config;

/// Probes under way; further requests are answered 503.
const PROBES_MAX: usize = 1_000;
/// How long a probe may take, as Prometheus tells it.
const TIMEOUT: &str = "x-prometheus-scrape-timeout-seconds";

/// The modules in force, and who probes as they say. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Probing(Arc<Inner>);

struct Inner {
    modules: RwLock<Arc<Modules>>,
    prober: Prober,
    places: Semaphore,
}

/// Reads files of modules. Blocks on the disk.
pub(crate) fn load(files: &[PathBuf]) -> anyhow::Result<Modules> {
    Modules::load(files).map_err(told)
}

/// What is wrong with modules.
pub(crate) fn told(wrong: Vec<Wrong>) -> anyhow::Error {
    let lines = wrong.into_iter().map(|Wrong { key, value, wrong, remedy }| match value.is_empty() {
        true => format!("{key} {wrong}; {remedy}"),
        false => format!("{key} = {value} {wrong}; {remedy}"),
    });
    anyhow!("{}", lines.collect::<Vec<_>>().join("\n"))
}

impl Probing {
    pub(crate) fn new(modules: Modules) -> Self {
        let modules = RwLock::new(Arc::new(modules));
        Self(Arc::new(Inner { modules, prober: Prober::default(), places: Semaphore::new(PROBES_MAX) }))
    }

    /// Puts other modules in force; probes under way go on as they began.
    pub(crate) fn replace(&self, modules: Modules) {
        *self.0.modules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(modules);
    }

    /// The route; each request needs an [`Identity`] in its extensions.
    pub(crate) fn routes(&self) -> Router {
        Router::new().route("/probe", get(probe)).with_state(self.clone())
    }

    fn modules(&self) -> Arc<Modules> {
        Arc::clone(&self.0.modules.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Whoever probes has this host connect where they like, so it is for the tenant that the host belongs to.
async fn probe(State(probing): State<Probing>, Extension(identity): Extension<Identity>, request: Request) -> Response {
    if identity.tenant != Identity::local().tenant {
        return refuse(
            StatusCode::FORBIDDEN,
            "This host probes for its own tenant, which is another one than the token's",
        );
    }
    let asked = asked(request.uri(), request.headers());
    drop(request);
    let Ok(_place) = probing.0.places.try_acquire() else {
        let mut busy = refuse(StatusCode::SERVICE_UNAVAILABLE, "Too many probes are under way");
        busy.headers_mut().insert(RETRY_AFTER, http::HeaderValue::from_static("1"));
        return busy;
    };
    let modules = probing.modules();
    match asked.answer(&modules, &probing.0.prober).await {
        Err(error) => refuse(StatusCode::BAD_REQUEST, &error.to_string()),
        Ok(page) if !asked.debug => {
            ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], page).into_response()
        }
        Ok(mut page) => {
            // It holds what may not be for all who read.
            if let Some(module) = modules.get(asked.module()).filter(|_| identity.role == Role::Admin) {
                let shown = shown_config::section(&module.shown()).unwrap_or_else(|error| format!("# {error}\n"));
                page.push_str(&format!("\n\n\nModule configuration:\n{shown}"));
            }
            ([(CONTENT_TYPE, "text/plain")], page).into_response()
        }
    }
}

fn asked(uri: &Uri, headers: &HeaderMap) -> ProbeRequest {
    let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned();
    // What is no text is no number either, and is told as such.
    let timeout = headers.get(TIMEOUT).map(|value| String::from_utf8_lossy(value.as_bytes()));
    ProbeRequest::of_query(pairs, timeout.as_deref())
}

fn refuse(status: StatusCode, told: &str) -> Response {
    (status, [(CONTENT_TYPE, "text/plain; charset=utf-8")], format!("{told}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use axum::body::Body;
    use tower::ServiceExt;

    use super::*;

    const MODULES: &str = "modules: {tcp: {prober: tcp, timeout: 1s}, web: {prober: http, http: {basic_auth: \
                           {username: ann, password: hunter2}}}}";

    async fn ask(probing: &Probing, role: Role, tenant: u32, query: &str, timeout: &str) -> (u16, String, String) {
        let identity = Identity { name: "a".into(), role, tenant };
        let router = probing.routes().layer(Extension(identity));
        let mut request = http::Request::builder().uri(format!("/probe?{query}"));
        if !timeout.is_empty() {
            request = request.header(TIMEOUT, timeout);
        }
        let response = router.oneshot(request.body(Body::empty()).expect("a request")).await.expect("answers");
        let kind = response.headers().get(CONTENT_TYPE).map(|kind| kind.to_str().expect("a text").to_owned());
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
        (status, kind.unwrap_or_default(), String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn what_can_not_be_probed_is_told() {
        let probing = Probing::new(Modules::parse(MODULES, Path::new(".")).expect("modules"));
        let told = async |tenant: u32, query: &str, timeout: &str| {
            let (status, _, body) = ask(&probing, Role::Read, tenant, query, timeout).await;
            (status, body.trim_end().to_owned())
        };
        let long = format!("module=tcp&target={}", "a".repeat(3000));
        let own = Identity::local().tenant;
        for (tenant, query, timeout, status, expected) in [
            (own, "target=a:1", "", 400, "Unknown module \"http_2xx\""),
            (own, "module=tcp", "", 400, "Target parameter is missing"),
            (own, "module=tcp&target=a:1", "soon", 400, "Failed to parse timeout from Prometheus header: \"soon\""),
            (own, &long, "", 400, "The parameter target has 3000 bytes; 2048 are the most"),
            (
                own + 1,
                "module=tcp&target=a:1",
                "",
                403,
                "This host probes for its own tenant, which is another one than the token's",
            ),
        ] {
            assert_eq!(told(tenant, query, timeout).await, (status, expected.to_owned()), "{query}");
        }
        let _all = probing.0.places.try_acquire_many(u32::try_from(PROBES_MAX).expect("fits")).expect("all places");
        assert_eq!(told(own, "module=tcp&target=a:1", "").await, (503, "Too many probes are under way".to_owned()));
    }

    #[tokio::test]
    async fn a_page_is_metrics_and_with_debug_what_happened() {
        let probing = Probing::new(Modules::parse(MODULES, Path::new(".")).expect("modules"));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let target = listener.local_addr().expect("an address");
        let tenant = Identity::local().tenant;
        let query = format!("module=tcp&target={target}");
        let (status, kind, page) = ask(&probing, Role::Read, tenant, &query, "10").await;
        assert_eq!((status, kind.as_str()), (200, "text/plain; version=0.0.4; charset=utf-8"));
        assert!(page.contains("# TYPE probe_success gauge\nprobe_success 1\n"), "{page}");
        let query = "module=web&target=127.0.0.1:1&debug=true";
        let (status, kind, page) = ask(&probing, Role::Admin, tenant, query, "").await;
        assert_eq!((status, kind.as_str()), (200, "text/plain"));
        assert!(page.starts_with("Logs for the probe:\n") && page.contains("probe_success 0\n"), "{page}");
        assert!(page.contains("\nModule configuration:\n") && page.contains("username: ann"), "{page}");
        assert!(!page.contains("hunter2"), "{page}");
        let (_, _, page) = ask(&probing, Role::Read, tenant, query, "").await;
        assert!(!page.contains("Module configuration"), "{page}");
        probing.replace(Modules::default());
        assert_eq!(ask(&probing, Role::Read, tenant, query, "").await.0, 400);
    }
}
