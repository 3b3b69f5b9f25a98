//! Asks the server, before anything is changed, whether it is there and takes the token.

use std::path::Path;

use anyhow::{Context, bail};
use bytes::Bytes;

use crate::client::{Client, Refused};

/// An OTLP request without records: it needs all that a collector's requests need, and leaves nothing behind.
pub(crate) const EMPTY_EXPORT: (&str, &str) = ("/v1/logs", "application/x-protobuf");

/// Fails with what to change when the server can't be reached, is not trusted, or refuses the token. `authority` is PEM.
pub(super) async fn check(server: &str, token: &str, authority: Option<&str>) -> anyhow::Result<()> {
    let authority_file = authority.map(temporary).transpose()?;
    let token_file = temporary(token)?;
    let client =
        Client::new(server, Some(token_file.path()), authority_file.as_ref().map(|file| file.path()), None::<&Path>)?;
    let (path, kind) = EMPTY_EXPORT;
    let Err(error) = client.post(path, kind, Bytes::new()).await else { return Ok(()) };
    match error.downcast_ref::<Refused>().map(|refused| refused.code.as_str()) {
        Some("access.unknown_token" | "401") => bail!(
            "the server {server} does not know this token: make one there with `orszem token new $(hostname) --role \
             ingest`, add its line to the server's token file, and send the server SIGHUP"
        ),
        Some("access.forbidden" | "403") => {
            bail!("the token may not send to {server}: use one that was made with `--role ingest`")
        }
        Some("access.foreign_host") => bail!(
            "the server at {server} has no tokens and answers its own host alone: set access.token_file there first"
        ),
        _ => Err(error.context(format!("the server {server} can't be used; nothing was changed here"))),
    }
}

/// A file of its own, which goes with the value; the client reads secrets and authorities from files.
fn temporary(text: &str) -> anyhow::Result<tempfile::NamedTempFile> {
    let file = tempfile::NamedTempFile::new().context("can't make a temporary file")?;
    std::fs::write(file.path(), text).context("can't write a temporary file")?;
    Ok(file)
}
