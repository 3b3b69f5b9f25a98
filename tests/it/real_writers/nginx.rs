//! nginx: access log and error log.

use serde_json::{Value, json};

use super::following::{Following, check, only, write};
use super::writer::{Writer, command, free_address, is_root};
use crate::tools;
use crate::torture::client::request;

const AGENT: &str = "Referer: http://r/\r\nUser-Agent: test \"1\"\r\n";
/// `bob:wrong`.
const BASIC: &str = "Authorization: Basic Ym9iOndyb25n\r\n";

const CONFIG: &str = r#"
daemon off;
pid {root}/nginx.pid;
worker_processes 1;
error_log {log}/error.log notice;
events { worker_connections 64; }
http {
  client_body_temp_path {root}/body;
  proxy_temp_path {root}/proxy;
  fastcgi_temp_path {root}/fastcgi;
  uwsgi_temp_path {root}/uwsgi;
  scgi_temp_path {root}/scgi;
  access_log {log}/access.log;
  server {
    listen {address};
    server_name shop.example;
    root {root}/www;
    client_max_body_size 1k;
    location /pay { proxy_pass http://127.0.0.1:1; }
    location /denied { deny all; }
    location /broken { return 500; }
    location /secret { auth_basic "shop"; auth_basic_user_file {root}/users; }
  }
}
"#;

#[test]
fn nginx_is_recognised() {
    let Some(program) = tools::system_program("nginx") else { return };
    let following = Following::start("");
    let (root, log) = (following.path("nginx"), following.path("log/nginx"));
    let address = free_address();
    write(&root.join("www/index.html"), "hello\n");
    write(&root.join("users"), "bob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n");
    std::fs::create_dir_all(&log).expect("is made");
    let mut config = CONFIG.replace("{root}", &root.to_string_lossy()).replace("{log}", &log.to_string_lossy());
    config = config.replace("{address}", &address.to_string());
    if is_root() {
        config.insert_str(0, "user www-data;");
    }
    write(&root.join("nginx.conf"), &config);
    let mut nginx = Writer::start(
        command(&program).arg("-p").arg(&root).args(["-c", "nginx.conf", "-e"]).arg(log.join("error.log")),
    );
    nginx.wait_for_port(address);
    let large = "x".repeat(2000);
    for (request_line, headers, content, status) in [
        ("GET /index.html", AGENT, "", 200),
        ("GET /missing", AGENT, "", 404),
        ("GET /pay/x", "", "", 502),
        ("GET /denied", "", "", 403),
        ("GET /broken", "", "", 500),
        ("GET /secret/", BASIC, "", 401),
        ("POST /index.html", "", large.as_str(), 413),
        ("GET /a\"b", "", "", 404),
    ] {
        let answer = request(address, request_line, headers, content).expect("answers");
        assert_eq!(answer.status, status, "{request_line}");
    }
    nginx.stop("TERM");

    let rows = following.records_of("nginx/access.log");
    for (method, path, level, status) in [
        ("GET", "/index.html", "info", 200),
        ("GET", "/missing", "warn", 404),
        ("GET", "/pay/x", "error", 502),
        ("GET", "/denied", "warn", 403),
        ("GET", "/broken", "error", 500),
        ("GET", "/secret/", "warn", 401),
        ("POST", "/index.html", "warn", 413),
        ("GET", r"/a\x22b", "warn", 404),
    ] {
        let mut expected =
            json!({ "client": "127.0.0.1", "method": method, "path": path, "status": status, "bytes": "*" });
        if matches!(path, "/index.html" | "/missing") && method == "GET" {
            expected["referer"] = json!("http://r/");
            expected["user_agent"] = json!(r"test \x221\x22");
        }
        if status == 401 {
            expected["user"] = json!("bob");
        }
        let row = only(&rows, &format!("{method} {path} "));
        check(row, &["bytes"], [level, "nginx", "web"], &expected);
    }
    assert_eq!(rows.len(), 8);

    let rows = following.records_of("nginx/error.log");
    let of_request = |method: &str, path: &str, more: Value| {
        let mut all = json!({
            "pid": "*", "tid": "*", "connection": "*", "client": "127.0.0.1", "server": "shop.example",
            "method": method, "path": path, "vhost": "localhost", "orszem.time_inferred": "zone",
        });
        all.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
        all
    };
    for (needle, attributes) in [
        ("www/missing", of_request("GET", "/missing", json!({ "referer": "http://r/" }))),
        ("connect() failed", of_request("GET", "/pay/x", json!({ "upstream": "http://127.0.0.1:1/pay/x" }))),
        ("access forbidden", of_request("GET", "/denied", json!({}))),
        ("password mismatch", of_request("GET", "/secret/", json!({}))),
        ("too large body", of_request("POST", "/index.html", json!({}))),
        ("/a\"b\" failed", of_request("GET", "/a\"b", json!({}))),
    ] {
        check(only(&rows, needle), &["pid", "tid", "connection"], ["error", "nginx", "web"], &attributes);
    }
    let plain = json!({ "pid": "*", "tid": "*", "orszem.time_inferred": "zone" });
    check(only(&rows, "start worker process "), &["pid", "tid"], ["notice", "nginx", "web"], &plain);
}
