//! The headers by which a request is let in.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::FetchError;
use crate::config::{ClientConfig, Secret};

/// Adds what `config` says; files are read each time.
pub(super) async fn add(config: &ClientConfig, headers: &mut HeaderMap) -> Result<(), FetchError> {
    if let Some(value) = authorization(config).await? {
        headers.insert(AUTHORIZATION, sensitive(&value, "the authorization")?);
    }
    for (name, header) in &config.http_headers {
        let key: HeaderName = name.parse().map_err(|_| FetchError::Header { place: name.clone() })?;
        for value in &header.values {
            headers.append(&key, sensitive(value, name)?);
        }
        for secret in &header.secrets {
            headers.append(&key, sensitive(secret.reveal(), name)?);
        }
        for path in &header.files {
            headers.append(&key, sensitive(&read(path).await?, name)?);
        }
    }
    Ok(())
}

async fn authorization(config: &ClientConfig) -> Result<Option<String>, FetchError> {
    if let Some(basic) = &config.basic_auth {
        let username = match &basic.username_file {
            Some(path) => read(path).await?,
            None => basic.username.clone(),
        };
        let password = secret(basic.password.as_ref(), basic.password_file.as_deref()).await?.unwrap_or_default();
        return Ok(Some(format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))));
    }
    if let Some(authorization) = &config.authorization {
        let kind = authorization.kind.as_deref().unwrap_or("Bearer").trim();
        let found = secret(authorization.credentials.as_ref(), authorization.credentials_file.as_deref()).await?;
        return Ok(found.map(|credentials| format!("{kind} {credentials}")));
    }
    let token = secret(config.bearer_token.as_ref(), config.bearer_token_file.as_deref()).await?;
    Ok(token.map(|token| format!("Bearer {token}")))
}

async fn secret(text: Option<&Secret>, file: Option<&Path>) -> Result<Option<String>, FetchError> {
    match (text, file) {
        (Some(secret), _) => Ok(Some(secret.reveal().to_owned())),
        (None, Some(path)) => read(path).await.map(Some),
        (None, None) => Ok(None),
    }
}

async fn read(path: &Path) -> Result<String, FetchError> {
    let read = tokio::fs::read_to_string(path).await;
    let text = read.map_err(|source| FetchError::Secret { path: path.to_owned(), source })?;
    Ok(text.trim().to_owned())
}

fn sensitive(value: &str, place: &str) -> Result<HeaderValue, FetchError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| FetchError::Header { place: place.to_owned() })?;
    value.set_sensitive(true);
    Ok(value)
}
