//! Which servers are asked, in which order, by which names.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

use super::message::{Answer, MessageError, RecordType, Reply, query, reply};

const RESOLV_CONF: &str = "/etc/resolv.conf";
const PORT: u16 = 53;
/// How long a server may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// The longest answer by UDP; longer ones come by TCP.
const UDP_BYTES_MAX: usize = 4096;

/// Why a name could not be looked up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DnsError {
    #[error("name server {server} can't be asked")]
    Exchange {
        server: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("name server {server} gave no answer within {ANSWER_WITHIN:?}")]
    Timeout { server: SocketAddr },
    #[error("name server {server} can't be understood")]
    Message {
        server: SocketAddr,
        #[source]
        source: MessageError,
    },
    #[error("name server {server} refuses with code {code}")]
    Refused { server: SocketAddr, code: u8 },
    #[error("no name server is known")]
    NoServer,
    #[error("no random number for a query")]
    Random,
}

/// What `/etc/resolv.conf` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolver {
    servers: Vec<SocketAddr>,
    search: Vec<String>,
    /// With as many dots a name is tried as it is first.
    dots: usize,
}

impl Resolver {
    /// Asks `servers`; if there are none, those of the system, whose file is read now.
    pub(crate) async fn new(servers: &[SocketAddr]) -> Self {
        if !servers.is_empty() {
            return Self { servers: servers.to_vec(), search: Vec::new(), dots: 1 };
        }
        match tokio::fs::read_to_string(RESOLV_CONF).await {
            Ok(text) => Self::parse(&text),
            Err(error) => {
                tracing::debug!(%error, "no {RESOLV_CONF}: the name server of this host is asked");
                Self::parse("")
            }
        }
    }

    pub(super) fn parse(text: &str) -> Self {
        let mut resolver = Self { servers: Vec::new(), search: Vec::new(), dots: 1 };
        for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
                    resolver.servers.extend(address.map(|address| SocketAddr::new(address, PORT)));
                }
                Some("search" | "domain") => resolver.search = words.map(str::to_owned).collect(),
                Some("options") => {
                    let dots = words.filter_map(|word| word.strip_prefix("ndots:")?.parse().ok()).next_back();
                    resolver.dots = dots.unwrap_or(resolver.dots);
                }
                _ => {}
            }
        }
        if resolver.servers.is_empty() {
            resolver.servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT));
        }
        resolver
    }

    /// The records of `name`; none if there is no such name.
    pub(crate) async fn lookup(&self, name: &str, kind: RecordType) -> Result<Vec<Answer>, DnsError> {
        let mut failure = None;
        for name in self.names(name) {
            match self.lookup_whole(&name, kind).await {
                Ok(answers) if !answers.is_empty() => return Ok(answers),
                Ok(_) => {}
                Err(error) => failure = Some(error),
            }
        }
        // Where a name could not be looked up, it is not known that there is none.
        failure.map_or(Ok(Vec::new()), Err)
    }

    /// The whole names that `name` may stand for, in the order in which they are tried.
    pub(super) fn names(&self, name: &str) -> Vec<String> {
        if name.ends_with('.') {
            return vec![name.to_owned()];
        }
        let whole = format!("{name}.");
        let searched = self.search.iter().map(|domain| format!("{name}.{}.", domain.trim_end_matches('.')));
        if name.matches('.').count() >= self.dots {
            std::iter::once(whole).chain(searched).collect()
        } else {
            searched.chain(std::iter::once(whole.clone())).collect()
        }
    }

    async fn lookup_whole(&self, name: &str, kind: RecordType) -> Result<Vec<Answer>, DnsError> {
        let mut failure = DnsError::NoServer;
        for &server in &self.servers {
            match timeout(ANSWER_WITHIN, ask(server, name, kind)).await {
                Ok(Ok(Reply::Answers(answers))) => return Ok(answers),
                Ok(Ok(Reply::NoName)) => return Ok(Vec::new()),
                Ok(Ok(Reply::Refused(code))) => failure = DnsError::Refused { server, code },
                Ok(Ok(Reply::Truncated)) => {
                    failure = DnsError::Message { server, source: MessageError::Malformed };
                }
                Ok(Err(error)) => failure = error,
                Err(_) => failure = DnsError::Timeout { server },
            }
        }
        Err(failure)
    }
}

async fn ask(server: SocketAddr, name: &str, kind: RecordType) -> Result<Reply, DnsError> {
    let malformed = |source| DnsError::Message { server, source };
    let broken = |source| DnsError::Exchange { server, source };
    let id = (getrandom::u32().map_err(|_| DnsError::Random)? & 0xffff) as u16;
    let query = query(id, name, kind).map_err(malformed)?;
    let answer = by_udp(server, &query).await.map_err(broken)?;
    match reply(&answer, &query, kind).map_err(malformed)? {
        Reply::Truncated => {
            let answer = by_tcp(server, &query).await.map_err(broken)?;
            reply(&answer, &query, kind).map_err(malformed)
        }
        reply => Ok(reply),
    }
}

async fn by_udp(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let any: IpAddr = if server.is_ipv6() { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).await?;
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut answer = vec![0; UDP_BYTES_MAX];
    let length = socket.recv(&mut answer).await?;
    answer.truncate(length);
    Ok(answer)
}

async fn by_tcp(server: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(query.len()).map_err(io::Error::other)?;
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(query).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}
