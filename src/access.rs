//! Who may do what: tokens, logins, roles, and protection from other sites' pages.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderValue};

use crate::catalogue::ApiError;
use crate::config::{AccessConfig, ServerConfig};

pub(crate) use links::LinkLimit;
use policy::Need;
pub use token::{Identity, Role, TokenFileError};

mod credentials;
mod failures;
mod links;
pub mod login;
mod origin;
mod pairing;
mod policy;
mod session;
pub mod token;

/// Why access can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    #[error(
        "server.listen has {address}, which other hosts can reach, but there is no token file: make one with \
         `orszem token new admin --role admin >> /etc/orszem/tokens`, and name it with --token-file or access.token_file; \
         or listen on 127.0.0.1 only"
    )]
    OpenToOthers { address: SocketAddr },
    #[error(transparent)]
    Tokens(#[from] TokenFileError),
}

/// Decides about every request.
#[derive(Debug)]
pub struct Access {
    /// `None`: no tokens; everyone on this host may do everything.
    tokens: Option<Tokens>,
    sessions: session::Sessions,
    failures: failures::Failures,
    codes: pairing::Codes,
    /// Whether connections are encrypted, so that cookies may demand it.
    secure: bool,
}

#[derive(Debug)]
struct Tokens {
    path: PathBuf,
    table: RwLock<Arc<token::Table>>,
}

impl Access {
    /// Reads the token file. Without one, all of `server.listen` has to be loopback.
    pub fn new(access: &AccessConfig, server: &ServerConfig, secure: bool) -> Result<Self, AccessError> {
        let AccessConfig { token_file, session, sessions_max, failed_logins_max } = access;
        let tokens = match token_file {
            Some(path) => {
                let table = RwLock::new(Arc::new(token::Table::load(path)?));
                Some(Tokens { path: path.clone(), table })
            }
            None => {
                let foreign = server.listen.iter().find(|address| !address.ip().to_canonical().is_loopback());
                if let Some(address) = foreign {
                    return Err(AccessError::OpenToOthers { address: *address });
                }
                None
            }
        };
        Ok(Self {
            tokens,
            sessions: session::Sessions::new(*sessions_max, session.duration()),
            failures: failures::Failures::new(*failed_logins_max),
            codes: pairing::Codes::default(),
            secure,
        })
    }

    /// Reads the token file again; on an error the tokens in use stay. Logins with removed tokens end.
    pub fn reload(&self) -> Result<(), TokenFileError> {
        if let Some(tokens) = &self.tokens {
            let table = Arc::new(token::Table::load(&tokens.path)?);
            *tokens.table.write().unwrap_or_else(PoisonError::into_inner) = table;
        }
        Ok(())
    }

    /// The token file in use.
    pub fn token_file(&self) -> Option<&Path> {
        self.tokens.as_ref().map(|tokens| tokens.path.as_path())
    }

    /// Who sends this request, if they may do what it asks.
    fn decide(&self, request: &Request) -> Result<Option<Identity>, ApiError> {
        let need = policy::need(request.method(), request.uri().path());
        let headers = request.headers();
        if policy::is_link(request.uri().path()) {
            return Ok(None);
        }
        let acts = origin::changes_something(request.method(), headers) || policy::acts(request.uri().path());
        let Some(tokens) = &self.tokens else {
            if !origin::is_loopback_host(headers, request.uri()) {
                return Err(ApiError::ForeignHost);
            }
            if acts && origin::is_cross_site(headers, request.uri()) {
                return Err(ApiError::CrossSite);
            }
            return Ok(Some(Identity::local()));
        };
        if need == Need::Nothing {
            return Ok(None);
        }
        let table = Arc::clone(&tokens.table.read().unwrap_or_else(PoisonError::into_inner));
        if headers.get(AUTHORIZATION).is_none() {
            session_of(headers).ok_or(ApiError::NoToken)?;
            if acts && !origin::is_same_origin(headers, request.uri()) {
                return Err(ApiError::CrossSite);
            }
        }
        let hash = self.token_hash(headers).ok_or(ApiError::UnknownToken)?;
        let identity = table.find(&hash).ok_or(ApiError::UnknownToken)?;
        if need.allows(identity.role) { Ok(Some(identity.clone())) } else { Err(ApiError::Forbidden) }
    }

    /// The hash of the token that a request carries, itself or by its login; whether there is such a token is not asked.
    fn token_hash(&self, headers: &HeaderMap) -> Option<token::TokenHash> {
        match headers.get(AUTHORIZATION) {
            Some(value) => credentials::secret(value).map(|secret| token::hash(&secret)),
            None => self.sessions.token_of(session_of(headers)?),
        }
    }

    /// The current table; `None` without a token file.
    fn table(&self) -> Option<Arc<token::Table>> {
        let tokens = self.tokens.as_ref()?;
        Some(Arc::clone(&tokens.table.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// The middleware: answers 401 or 403, or puts the sender's [`Identity`] in the request's extensions.
pub async fn guard(State(access): State<Arc<Access>>, mut request: Request, next: Next) -> Response {
    match access.decide(&request) {
        Ok(Some(identity)) => {
            request.extensions_mut().insert(identity);
            next.run(request).await
        }
        Ok(None) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// The name of the login cookie.
const COOKIE_NAME: &str = "orszem_session";

fn session_of(headers: &HeaderMap) -> Option<&str> {
    let cookies =
        headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(';'));
    cookies
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE_NAME)
        .map(|(_, value)| value)
}

fn cookie(value: &str, max_age_s: u64, secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{COOKIE_NAME}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}");
    HeaderValue::from_str(&text).ok()
}

fn peer(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical())
}

#[cfg(test)]
mod tests;
