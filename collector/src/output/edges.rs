//! Tells a server all edges that this host knows.

use std::time::Duration;

use bytes::Bytes;
use orszem_client::{Answer, ConnectionError};
use orszem_model::topology::Edge;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::OutputConfig;
use super::dial::Dial;
use super::http::Http;
use super::sender::StartError;
use super::token::TokenError;

/// Where a server takes edges.
const PATH: &str = "/app/v1/topology";
/// Bytes of a refusal that are shown.
const SHOWN_BYTES_MAX: usize = 512;

/// Why a server does not have what it was to be told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TellError {
    #[error("the connection can't be set up")]
    Start(#[from] StartError),
    #[error("there is no token to send")]
    Token(#[from] TokenError),
    #[error("the endpoint's name can't be sent")]
    Header(#[from] ::http::header::InvalidHeaderValue),
    #[error("no answer within {0:?}")]
    Late(Duration),
    #[error("it is no JSON")]
    Json(#[from] serde_json::Error),
    #[error("there is no answer")]
    Connection(#[from] ConnectionError),
    #[error("the server answers {status}: {text}")]
    Refused { status: u16, text: String },
    #[error("no endpoint is configured")]
    NoEndpoint,
}

#[derive(Serialize)]
struct Told<'e> {
    origin: &'e str,
    reporter: &'e str,
    edges: Vec<ToldEdge<'e>>,
}

#[derive(Serialize)]
struct ToldEdge<'e> {
    from: &'e str,
    relation: &'static str,
    to: &'e str,
    detail: &'e str,
}

/// What a server is asked: the edges of `origin`, all that `reporter` knows.
fn body(origin: &str, reporter: &str, edges: &[Edge]) -> Result<Bytes, serde_json::Error> {
    let own = edges.iter().filter(|edge| edge.origin == origin);
    let edges = own
        .map(|Edge { from, relation, to, detail, origin: _ }| ToldEdge { from, relation: relation.name(), to, detail })
        .collect();
    Ok(serde_json::to_vec(&Told { origin, reporter, edges })?.into())
}

/// Tells the server at `url` the edges of `origin`, all that `reporter` knows. Done once; whoever calls tries again.
pub(crate) async fn tell(
    config: &OutputConfig,
    url: &str,
    origin: &str,
    reporter: &str,
    edges: &[Edge],
) -> Result<(), TellError> {
    let config = OutputConfig { endpoints: vec![url.to_owned()], ..config.clone() };
    // One endpoint needs no probe, so there is nothing to cancel.
    let (mut http, _) = Http::new(&config, "", Dial::Tcp, &CancellationToken::new())?;
    let answer = http.post_json(PATH, body(origin, reporter, edges)?).await?;
    if answer.status.is_success() {
        return Ok(());
    }
    Err(refused(&answer))
}

/// What a server answers that does not take what it was told.
pub(super) fn refused(answer: &Answer) -> TellError {
    let text = answer.body.clone().unwrap_or_default();
    let text = String::from_utf8_lossy(text.get(..SHOWN_BYTES_MAX).unwrap_or(&text)).into_owned();
    TellError::Refused { status: answer.status.as_u16(), text }
}

#[cfg(test)]
mod tests {
    use orszem_model::topology::Relation;

    use super::*;

    #[test]
    fn a_set_has_the_form_that_servers_take_and_only_its_own_origin() {
        let edge = |to: &str, origin: &str| Edge {
            from: "resource/web".into(),
            relation: Relation::DependsOn,
            to: to.into(),
            detail: "order".into(),
            origin: origin.into(),
        };
        let edges = [edge("resource/vip", "pacemaker"), edge("drbd/r0", "drbd")];
        let told = body("pacemaker", "n1", &edges).expect("encodes");
        let expected = r#"{"origin":"pacemaker","reporter":"n1","edges":[{"from":"resource/web","relation":"depends_on","to":"resource/vip","detail":"order"}]}"#;
        assert_eq!(std::str::from_utf8(&told), Ok(expected));
        let none = body("pacemaker", "n1", &[]).expect("encodes");
        assert_eq!(std::str::from_utf8(&none), Ok(r#"{"origin":"pacemaker","reporter":"n1","edges":[]}"#));
    }
}
