use super::*;

fn redactor(presets: &[Preset], custom: &[(&str, &str, Option<&str>)]) -> Redactor {
    let custom = custom.iter().map(|(name, regex, replacement)| crate::CustomRedaction {
        name: (*name).to_owned(),
        regex: (*regex).to_owned(),
        replacement: replacement.map(str::to_owned),
    });
    let mut wrongs = Vec::new();
    let redactor = Redactor::new(&RedactConfig { presets: presets.to_vec(), custom: custom.collect() }, &mut wrongs);
    assert_eq!(wrongs, []);
    redactor
}

fn check(preset: Preset, text: &str, expected: &str) {
    let redacted = redactor(&[preset], &[]).text(text.as_bytes());
    let redacted = redacted.map_or_else(|| text.to_owned(), |t| String::from_utf8(t).expect("UTF-8"));
    assert_eq!(redacted, expected, "{text}");
    let again = redactor(&[preset], &[]).text(redacted.as_bytes());
    assert_eq!(again, None, "a second time: {text}");
}

fn stays(preset: Preset, texts: &[&str]) {
    for text in texts {
        check(preset, text, text);
    }
}

#[test]
fn cards() {
    let card = |text, expected| check(Preset::Card, text, expected);
    card("4111111111111111", "[redacted:card]");
    card("pay 4111 1111 1111 1111 ok", "pay [redacted:card] ok");
    card("pay 4111-1111-1111-1111, ok", "pay [redacted:card], ok");
    card("amex=3782 822463 10005;", "amex=[redacted:card];");
    card("diners (3056 930902 5904)", "diners ([redacted:card])");
    card("\"pan\":\"5555555555554444\"", "\"pan\":\"[redacted:card]\"");
    card("2223003122003222 6011111111111117 3530111333300000.", "[redacted:card] [redacted:card] [redacted:card].");
    card("12 2026 4111 1111 1111 1111 123", "12 2026 [redacted:card] 123");
    card("6212345678900000003", "[redacted:card]");
    card("4222222222222", "[redacted:card]");
    card("1,4111111111111111,2", "1,[redacted:card],2");
    card("/orders/4111111111111111?x", "/orders/[redacted:card]?x");
    stays(
        Preset::Card,
        &[
            // A wrong check digit, no issuer, an issuer with another length.
            "4111111111111112",
            "4111 1111 1111 1112",
            "0000000000000000",
            "1111111111111117",
            "411111111111116",
            // Part of something longer.
            "44111111111111111",
            "41111111111111110000",
            "x4111111111111111",
            "4111111111111111x",
            "id_4111111111111111",
            "0.4111111111111111",
            "-4111111111111111",
            "ab-4111-1111-1111-1111",
            "4111-1111-1111-1111-aa",
            // Groups that no card has.
            "4111  1111  1111  1111",
            "4111-1111 1111-1111",
            "41 11 11 11 11 11 11 11",
            "411 111 111 111 1111",
            // What logs are full of.
            "2026-11-22 10:00:00.123456789",
            "20261122 100000 1795348800000 1795348800000000 1795348800000000000",
            "blk_-1608999687919862906 blk_4608999687919862904 blk_4111111111111111",
            "8f14e45f-ceea-467f-9c3a-1b2c3d4e5f60 41111111-1111-1111-1111-111111111111",
            "d41d8cd98f00b204e9800998ecf8427e 4000000000000000006",
            "Mem: 4096 2048 1024 512 256 128 64 32 16 8",
        ],
    );
}

#[test]
fn ibans() {
    let iban = |text, expected| check(Preset::Iban, text, expected);
    iban("to HU42 1177 3016 1111 1018 0000 0000.", "to [redacted:iban].");
    iban("iban=HU42117730161111101800000000", "iban=[redacted:iban]");
    iban("DE89370400440532013000;GB82 WEST 1234 5698 7654 32", "[redacted:iban];[redacted:iban]");
    iban("IBAN NO9386011117947 A", "IBAN [redacted:iban] A");
    stays(
        Preset::Iban,
        &[
            "HU43 1177 3016 1111 1018 0000 0000",
            "DE8937040044053201300",
            "DE893704004405320130001",
            "XDE89370400440532013000",
            "ZZ89370400440532013000",
            "DE89 3704 00440532013000",
            "DE89  3704 0044 0532 0130 00",
            "WARN ERROR FATAL 20261122T100000 ABCDEF0123456789ABCDEF0123456789",
        ],
    );
}

#[test]
fn tokens() {
    let head = "eyJhbGciOiJIUzI1NiJ9";
    let body = "eyJzdWIiOiIxMjM0In0";
    check(Preset::Jwt, &format!("auth {head}.{body}.c2ln-X_ ok"), "auth [redacted:jwt] ok");
    check(Preset::Jwt, &format!("x={head}.{body}."), "x=[redacted:jwt]");
    check(Preset::Jwt, &format!("\"{head}..aXZpdml2aXY.Y2lwaGVydGV4dA.dGFn\""), "\"[redacted:jwt]\"");
    stays(
        Preset::Jwt,
        &[head, &format!("{head}.{body}"), "eyJ.eyJ.x", &format!("x{head}.{body}.c2ln"), "eyJhbGci.eyJh.a", "eyJ"],
    );
}

#[test]
fn emails() {
    let email = |text, expected| check(Preset::Email, text, expected);
    email("from <bob.smith+x@mail.example.co.uk>, ok", "from <[redacted:email]>, ok");
    email("Mail to a@b.io.", "Mail to [redacted:email].");
    email("mailto:a@b.io;c@d.hu", "mailto:[redacted:email];[redacted:email]");
    stays(
        Preset::Email,
        &[
            "root@db1 pressed",
            "Started getty@tty1.service.",
            "dep lodash@4.17.21",
            "GET /icon@2x.png",
            "com.example.Foo@1a2b3c",
            "ssh://git@example.com/x",
            "@example.com a@ a@.com a@b..com",
        ],
    );
}

#[test]
fn passwords() {
    let password =
        |text: &str, expected: &str| check(Preset::Password, text, &expected.replace('§', "[redacted:password]"));
    password("login user=bob password=hunter2 ok", "login user=bob password=§ ok");
    password("DB_PASSWORD=a?b MYSQL_PWD=x passwd: y Pwd=z", "DB_PASSWORD=§ MYSQL_PWD=§ passwd: § Pwd=§");
    password("password = 'my \\' secret' x", "password = '§' x");
    password("GET /a?api_key=k1&token=abc&x=1 HTTP/1.1", "GET /a?api_key=§&token=§&x=1 HTTP/1.1");
    password(r#"{"user":"b","password":"h\"x","n":1}"#, r#"{"user":"b","password":"§","n":1}"#);
    password(r#"{"password" : "x", "client_secret":"y"}"#, r#"{"password" : "§", "client_secret":"§"}"#);
    password(r#"{"password":12345}"#, r#"{"password":§}"#);
    password(r#"msg="{\"password\":\"abc\",\"a\":1}""#, r#"msg="{\"password\":\"§\",\"a\":1}""#);
    password("{'passwd': 'x'}", "{'passwd': '§'}");
    password(":password => \"x\", password:=y", ":password => \"§\", password:=§");
    password("Authorization: Basic Ym9iOmh1bnRlcjI= x", "Authorization: Basic § x");
    password("authorization: bearer abc.def-g", "authorization: bearer §");
    password(r#""Authorization":"Bearer abc def""#, r#""Authorization":"Bearer §""#);
    password("Authorization: Digest username=\"b\", response=\"c\"", "Authorization: Digest §");
    password("Authorization: 0123456789abcdef", "Authorization: §");
    password("postgres://bob:p@ss@db1:5432/x", "postgres://bob:§@db1:5432/x");
    password("redis://:pw@h", "redis://:§@h");
    password("password=a[redacted:card]b", "password=§");
    password("password=[redacted:card]b", "password=§");
    password("X-Api-Key: 7d3f9a", "X-Api-Key: 7d3f9a");
    password("X-Api-Key: 7d3f9a00", "X-Api-Key: §");
    password("password=árvíztűrő é", "password=§ é");
    password("password=\"open", "password=\"§");
    stays(
        Preset::Password,
        &[
            "Access denied for user 'root'@'localhost' (using password: YES)",
            "sudo: bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/bin/ls",
            "Failed password for root from 10.0.0.1 port 22",
            "unexpected token: } in line 3",
            "SyntaxError: Unexpected token: foo",
            "tokens=5 max_token=5 token_count: 17 secrets: 3",
            "password: ",
            "password=",
            "password= user=bob",
            "password=\"\" passwd='' pwd=;",
            r#"{"password":null,"token":{"a":1},"secret":true}"#,
            "password=[redacted:password] password=[redacted:card] passwd=****",
            "password=${DB_PASSWORD}",
            "Token::Kind secret::x password != x",
            "http://example.com:8080/a@b http://u@h https://h:1/x",
            "Authorization: failed for bob",
            "time 10:00:00 key=value a:b=c",
        ],
    );
}

#[test]
fn addresses() {
    let ip = |text, expected| check(Preset::Ip, text, expected);
    ip("from 10.1.2.3 port 22", "from 10.1.2.0 port 22");
    ip("10.1.2.3:80, (192.168.7.255).", "10.1.2.0:80, (192.168.7.0).");
    ip("from 2001:db8:1:2::3 and [fe80::1]:80", "from 2001:db8:1:: and [fe80::]:80");
    ip("2001:db8:0:0:1:2:3:4: gone", "2001:db8::: gone");
    stays(
        Preset::Ip,
        &[
            "127.0.0.1 ::1 0.0.0.0 10.1.2.0",
            "1.2.3 1.2.3.4.5 256.1.1.1 v1.2.3.4 1.2.3.4a lib-1.2.3.4",
            "10:00:00 aa:bb:cc:dd:ee:ff std::dead a::b",
        ],
    );
}

#[test]
fn presets_work_together() {
    let mut all = redactor(&Preset::ALL, &[]);
    let text = "a@b.io 4111111111111111 password=4111111111111111 10.0.0.7 http://u:x@h.com DE89370400440532013000";
    let expected = "[redacted:email] [redacted:card] password=[redacted:password] 10.0.0.0 \
                    http://u:[redacted:password]@h.com [redacted:iban]";
    assert_eq!(all.text(text.as_bytes()).map(shown).as_deref(), Some(expected));
    let counts: Vec<_> = all.counts().collect();
    assert_eq!(counts, [("password", 2), ("jwt", 0), ("card", 1), ("iban", 1), ("email", 1), ("ip", 1)]);
}

#[test]
fn own_patterns() {
    let mut own = redactor(&[], &[("ticket", r"T-\d+", None), ("user", r"user=(\w)\w*", Some("user=$1…"))]);
    assert_eq!(own.text(b"T-17 user=bob T-x").map(shown).as_deref(), Some("[redacted:ticket] user=b… T-x"));
    assert_eq!(own.text(b"T-x"), None);
    assert_eq!(own.counts().collect::<Vec<_>>(), [("ticket", 1), ("user", 1)]);
}

#[test]
fn attributes_go_by_key_and_by_text() {
    let text = |t: &'static str| Value::Text(t.into());
    let marked = |m: &'static str| Some(Value::Text(m.into()));
    let mut redactor = redactor(&RedactConfig::default().presets, &[]);
    for (key, value, expected) in [
        ("password", text("hunter2"), marked("[redacted:password]")),
        ("db.PASSWORD", Value::Integer(1234), marked("[redacted:password]")),
        ("token", Value::Integer(5), None),
        ("password", Value::Null, None),
        ("password", text("[redacted:password]"), None),
        ("passwords", text("hunter2"), None),
        ("pan", Value::Integer(4_111_111_111_111_111), marked("[redacted:card]")),
        ("pan", Value::Integer(4_111_111_111_111_112), None),
        ("url", text("http://u:x@h/"), marked("http://u:[redacted:password]@h/")),
        ("list", Value::Json("[\"4111111111111111\"]".into()), Some(Value::Json("[\"[redacted:card]\"]".into()))),
        ("took_ms", Value::Float(1.5), None),
    ] {
        assert_eq!(redactor.attribute(key, &value), expected, "{key}={value:?}");
    }
}

/// A quarter of a megabyte of each: what is gone through once per sign would take minutes.
#[test]
fn long_texts_take_linear_time() {
    for piece in [
        "pwd=/",
        "token:",
        "token: [",
        "authorization: ",
        "authorization:",
        "1.",
        "a:",
        "1.1.1.1.",
        "a@",
        "a@b.",
        "://a:",
        "eyJ",
        "eyJhbGciOiJIUzI1NiJ9.",
        "4111 ",
        "4111-",
        "4111111111111112 ",
        "HU42 ",
        "password=[",
        "password=\"",
        "pwd=\"/",
        "pwd=\\\"/",
        "pwd='/ pwd=\"/ ",
        "[redacted:card]",
        "password=[redacted:",
        "token=",
    ] {
        let text = piece.repeat((256 << 10) / piece.len());
        let mut redactor = redactor(&Preset::ALL, &[]);
        let once = redactor.text(text.as_bytes()).unwrap_or_else(|| text.clone().into_bytes());
        assert_eq!(redactor.text(&once), None, "{piece}");
    }
}
