//! A connection that is kept from one request to the next.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::{Answer, Connection, ConnectionError, Limits};

/// At most one open connection, with the URL of the server that it leads to.
#[derive(Debug, Default)]
pub struct Kept {
    open: Option<(String, Connection)>,
}

impl Kept {
    /// Closes the connection.
    pub fn close(&mut self) {
        self.open = None;
    }

    /// Sends to `server` over the kept connection if it leads there, else over a new one from `open`, which is kept.
    ///
    /// What fails on a connection that had worked is sent once more over a new one, so a request must bear being
    /// repeated.
    pub async fn send<E: From<ConnectionError>>(
        &mut self,
        server: String,
        request: impl Fn() -> Request<Full<Bytes>>,
        limits: Limits,
        open: impl Future<Output = Result<Connection, E>>,
    ) -> Result<Answer, E> {
        let is_fit = |(to, connection): &(String, Connection)| *to == server && connection.is_open();
        if let Some((_, mut connection)) = self.open.take().filter(is_fit) {
            match connection.send(request(), limits).await {
                Ok(answer) => {
                    self.open = Some((server, connection));
                    return Ok(answer);
                }
                // The server closed it while it was idle, perhaps: a new one tells.
                Err(ConnectionError::Http(error)) if connection.is_used() => {
                    tracing::debug!(server, %error, "a kept connection broke");
                }
                Err(error) => return Err(error.into()),
            }
        }
        let mut connection = open.await?;
        let answer = connection.send(request(), limits).await?;
        self.open = Some((server, connection));
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;
    use crate::{Limits, Stream};

    const LIMITS: Limits = Limits { within: Duration::from_secs(30), bytes_max: 4 };
    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

    /// A server that gives `answers`, one a request, and then closes the connection; never, for an empty one.
    fn serve(answers: &'static [&'static str]) -> io::Result<Box<dyn Stream>> {
        let (client, mut server) = tokio::io::duplex(1 << 16);
        tokio::spawn(async move {
            for answer in answers {
                take_request(&mut server).await;
                match answer.is_empty() {
                    true => std::future::pending().await,
                    false => server.write_all(answer.as_bytes()).await.expect("writes"),
                }
            }
            // The next request is taken, and left without an answer.
            take_request(&mut server).await;
        });
        Ok(Box::new(client))
    }

    async fn take_request(server: &mut DuplexStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") && server.read_buf(&mut head).await.is_ok_and(|bytes| bytes > 0) {}
    }

    /// Sends to servers one after the other; what each answered, and how many connections there were.
    async fn exchange(sendings: &[(&str, &'static [&'static str])]) -> (Vec<String>, usize) {
        let (mut kept, opened) = (Kept::default(), AtomicUsize::new(0));
        let mut told = Vec::new();
        for (server, answers) in sendings {
            let open = async {
                opened.fetch_add(1, Ordering::Relaxed);
                Connection::open(async { serve(answers) }, None, Duration::from_secs(5)).await
            };
            let sent = kept.send::<ConnectionError>((*server).to_owned(), Request::default, LIMITS, open).await;
            told.push(match sent {
                Ok(Answer { status, headers: _, body }) => format!("{} {body:?}", status.as_u16()),
                Err(error) => error.to_string(),
            });
        }
        (told, opened.into_inner())
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_kept_for_its_server_and_replaced_when_it_breaks() {
        let ok = "200 Some(b\"ok\")".to_owned();
        assert_eq!(exchange(&[("a", &[OK, OK]), ("a", &[])]).await, (vec![ok.clone(), ok.clone()], 1));
        assert_eq!(exchange(&[("a", &[OK, OK]), ("b", &[OK])]).await, (vec![ok.clone(), ok.clone()], 2));
        assert_eq!(exchange(&[("a", &[OK]), ("a", &[OK])]).await, (vec![ok.clone(), ok.clone()], 2));
        // One that never worked tells that the server does not work.
        let broke = "the connection broke".to_owned();
        assert_eq!(exchange(&[("a", &[]), ("a", &[OK])]).await, (vec![broke, ok], 2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_has_its_limits() {
        const LONG: &str = "HTTP/1.1 503 No\r\ncontent-length: 5\r\n\r\nlong!";
        let late = "no whole answer within 30s".to_owned();
        assert_eq!(exchange(&[("a", &[LONG]), ("a", &[""])]).await, (vec!["503 None".to_owned(), late], 2));
    }
}
