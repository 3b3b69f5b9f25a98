use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::message::{MessageError, Reply, query, reply};
use super::*;

/// An answer to `query` with these flags and records (type, content), whose names point at the question's.
fn message(query: &[u8], flags: u16, records: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut out = query.to_vec();
    out[2..4].copy_from_slice(&flags.to_be_bytes());
    out[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
    for (kind, content) in records {
        out.extend_from_slice(&[0xc0, 12]);
        out.extend_from_slice(&kind.to_be_bytes());
        out.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
        out.extend_from_slice(&(content.len() as u16).to_be_bytes());
        out.extend_from_slice(content);
    }
    out
}

const FINE: u16 = 0x8180;

#[test]
fn records_are_read_and_names_followed() {
    let srv = query(7, "_web._tcp.example.com", RecordType::Srv).expect("a query");
    assert_eq!(srv[12..17], [4, b'_', b'w', b'e', b'b']);
    // Priority, weight, port, `db1` and a jump to `example.com`, behind a CNAME that is passed over.
    let content = vec![0, 1, 0, 2, 0x23, 0x8c, 3, b'd', b'b', b'1', 0xc0, 12 + 5 + 5];
    let answer = message(&srv, FINE, &[(5, vec![0xc0, 12]), (33, content)]);
    let expected = Answer::Srv { target: "db1.example.com.".into(), port: 9100 };
    assert_eq!(reply(&answer, &srv, RecordType::Srv), Ok(Reply::Answers(vec![expected])));
    let aaaa = query(7, "h.", RecordType::Aaaa).expect("a query");
    let mut address = vec![0; 16];
    address[15] = 1;
    let answer = message(&aaaa, FINE, &[(28, address)]);
    let expected = Reply::Answers(vec![Answer::Address("::1".parse().expect("an address"))]);
    assert_eq!(reply(&answer, &aaaa, RecordType::Aaaa), Ok(expected));
    let mx = query(7, "h", RecordType::Mx).expect("a query");
    let answer = message(&mx, FINE, &[(15, vec![0, 10, 0xc0, 12])]);
    assert_eq!(reply(&answer, &mx, RecordType::Mx), Ok(Reply::Answers(vec![Answer::Mx("h.".into())])));
}

#[test]
fn what_is_no_answer_is_refused() {
    let asked = query(7, "h", RecordType::A).expect("a query");
    let answer = |flags: u16| message(&asked, flags, &[(1, vec![10, 0, 0, 1])]);
    let read = |message: &[u8]| reply(message, &asked, RecordType::A);
    assert_eq!(read(&answer(0x8183)), Ok(Reply::NoName));
    assert_eq!(read(&answer(0x8182)), Ok(Reply::Refused(2)));
    assert_eq!(read(&answer(0x8380)), Ok(Reply::Truncated));
    assert_eq!(read(&answer(0x0100)), Err(MessageError::Other));
    let mut other = answer(FINE);
    other[1] = 8;
    assert_eq!(read(&other), Err(MessageError::Other));
    for length in 0..answer(FINE).len() {
        assert!(read(&answer(FINE)[..length]).is_err(), "{length}");
    }
    assert_eq!(read(&message(&asked, FINE, &[(1, vec![10, 0])])), Err(MessageError::Malformed));
    let circle = message(&query(7, "h", RecordType::Ns).expect("a query"), FINE, &[(2, vec![0xc0, 31])]);
    let asked = query(7, "h", RecordType::Ns).expect("a query");
    assert_eq!(reply(&circle, &asked, RecordType::Ns), Err(MessageError::Malformed));
    assert_eq!(query(1, "a..b", RecordType::A), Err(MessageError::Name));
    assert_eq!(query(1, &"x".repeat(64), RecordType::A), Err(MessageError::Name));
}

#[test]
fn the_systems_file_says_who_is_asked_and_by_which_names() {
    let text = "# c\nnameserver 10.0.0.1\nnameserver fd00::1\nsearch a.b c\noptions timeout:1 ndots:2\n";
    let resolver = Resolver::parse(text);
    assert_eq!(resolver.names("x"), ["x.a.b.", "x.c.", "x."]);
    assert_eq!(resolver.names("x.y.z"), ["x.y.z.", "x.y.z.a.b.", "x.y.z.c."]);
    assert_eq!(resolver.names("x."), ["x."]);
    assert_ne!(Resolver::parse(""), resolver);
    assert_eq!(Resolver::parse("").names("x"), ["x."]);
}

#[tokio::test]
async fn a_long_answer_comes_by_tcp() {
    let udp = UdpSocket::bind("127.0.0.1:0").await.expect("binds");
    let server: SocketAddr = udp.local_addr().expect("an address");
    let tcp = TcpListener::bind(server).await.expect("binds");
    let serving = tokio::spawn(async move {
        let mut asked = vec![0; 512];
        let (length, client) = udp.recv_from(&mut asked).await.expect("a query");
        udp.send_to(&message(&asked[..length], 0x8380, &[]), client).await.expect("sends");
        let (mut stream, _) = tcp.accept().await.expect("a connection");
        let mut asked = vec![0; usize::from(stream.read_u16().await.expect("a length"))];
        stream.read_exact(&mut asked).await.expect("a query");
        let answer = message(&asked, FINE, &[(1, vec![10, 0, 0, 1]), (1, vec![10, 0, 0, 2])]);
        stream.write_u16(answer.len() as u16).await.expect("writes");
        stream.write_all(&answer).await.expect("writes");
    });
    let resolver = Resolver::new(&[server]).await;
    let found = resolver.lookup("db.", RecordType::A).await.expect("answers");
    let address = |text: &str| Answer::Address(text.parse().expect("an address"));
    assert_eq!(found, [address("10.0.0.1"), address("10.0.0.2")]);
    serving.await.expect("served");
}
