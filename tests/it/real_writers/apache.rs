//! Apache: access log with and without virtual host, error log.

use serde_json::json;

use super::following::{Following, check, only, write};
use super::writer::{Writer, command, free_address, is_root};
use crate::tools;
use crate::torture::client::request;

const AGENT: &str = "Referer: http://r/\r\nUser-Agent: test \"1\"\r\n";
/// `bob:wrong`.
const BASIC: &str = "Authorization: Basic Ym9iOndyb25n\r\n";

/// What Debian configures, in one file, for the site `shop.example`.
const CONFIG: &str = r#"
ServerName shop.example
PidFile {root}/apache2.pid
Listen {address}
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule authz_user_module {modules}/mod_authz_user.so
LoadModule authn_core_module {modules}/mod_authn_core.so
LoadModule authn_file_module {modules}/mod_authn_file.so
LoadModule auth_basic_module {modules}/mod_auth_basic.so
LoadModule proxy_module {modules}/mod_proxy.so
LoadModule proxy_http_module {modules}/mod_proxy_http.so
LogLevel warn
ErrorLog {log}/error.log
LogFormat "%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" vhost_combined
LogFormat "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" combined
LogFormat "%h %l %u %t \"%r\" %>s %O" common
CustomLog {log}/access.log combined
CustomLog {log}/other_vhosts_access.log vhost_combined
CustomLog {log}/shop-access.log common
DocumentRoot {root}/www
ProxyPass /pay http://127.0.0.1:1/
<Location /denied>
Require all denied
</Location>
<Location /secret>
AuthType Basic
AuthName shop
AuthUserFile {root}/users
Require valid-user
</Location>
"#;

const MODULES: &str = "/usr/lib/apache2/modules";

#[test]
fn apache_is_recognised() {
    let Some(program) = tools::system_program("apache2") else { return };
    let following = Following::start("");
    let (root, log) = (following.path("apache2"), following.path("log/apache2"));
    let address = free_address();
    write(&root.join("www/index.html"), "hello\n");
    write(&root.join("users"), "bob:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n");
    std::fs::create_dir_all(&log).expect("is made");
    let mut config = CONFIG.replace("{root}", &root.to_string_lossy()).replace("{log}", &log.to_string_lossy());
    config = config.replace("{modules}", MODULES).replace("{address}", &address.to_string());
    if is_root() {
        config.push_str("User www-data\nGroup www-data\n");
    }
    write(&root.join("apache2.conf"), &config);
    let mut apache = Writer::start(command(&program).arg("-d").arg(&root).args(["-f", "apache2.conf", "-DFOREGROUND"]));
    apache.wait_for_port(address);
    for (path, headers, status) in [
        ("/index.html", AGENT, 200),
        ("/missing", AGENT, 404),
        ("/pay/x", "", 503),
        ("/denied", "", 403),
        ("/secret/", BASIC, 401),
        ("/a\"b", "", 404),
    ] {
        let answer = request(address, &format!("GET {path}"), headers, "").expect("answers");
        assert_eq!(answer.status, status, "{path}");
    }
    apache.stop("TERM");

    for (file, service) in
        [("access.log", "apache2"), ("other_vhosts_access.log", "apache2"), ("shop-access.log", "apache2")]
    {
        let rows = following.records_of(&format!("apache2/{file}"));
        let is_common = file == "shop-access.log";
        for (path, level, status) in [
            ("/index.html", "info", 200),
            ("/missing", "warn", 404),
            ("/pay/x", "error", 503),
            ("/denied", "warn", 403),
            ("/secret/", "warn", 401),
        ] {
            let mut expected =
                json!({ "client": "127.0.0.1", "method": "GET", "path": path, "status": status, "bytes": "*" });
            if matches!(status, 200 | 404) && !is_common {
                expected["referer"] = json!("http://r/");
                expected["user_agent"] = json!(r#"test \"1\""#);
            }
            if status == 401 {
                expected["user"] = json!("bob");
            }
            if file == "other_vhosts_access.log" {
                expected["vhost"] = json!("shop.example:80");
            }
            check(only(&rows, &format!("GET {path} ")), &["bytes"], [level, service, "web"], &expected);
        }
        // A quote in the path is written with a backslash before it.
        assert_eq!(only(&rows, "GET /a")["attributes"]["status"], json!(404));
        assert_eq!(rows.len(), 6 + usize::from(is_probed(&rows)), "{file}");
    }

    let rows = following.records_of("apache2/error.log");
    let varying = ["pid", "tid"];
    let known = |module: &str, more: serde_json::Value| {
        let mut all = json!({ "module": module, "pid": "*", "tid": "*", "orszem.time_inferred": "zone" });
        all.as_object_mut().expect("fields").extend(more.as_object().expect("fields").clone());
        all
    };
    for (needle, level, attributes) in [
        ("resuming normal", "notice", known("mpm_event", json!({ "error_code": "AH00489" }))),
        ("attempt to connect", "error", known("proxy", json!({ "error_code": "AH00957", "errno": 111 }))),
        (
            "failed to make connection",
            "error",
            known("proxy_http", json!({ "error_code": "AH01114", "client": "127.0.0.1" })),
        ),
        ("client denied", "error", known("authz_core", json!({ "error_code": "AH01630", "client": "127.0.0.1" }))),
        ("user bob", "error", known("auth_basic", json!({ "error_code": "AH01617", "client": "127.0.0.1" }))),
        ("caught SIGTERM", "notice", known("mpm_event", json!({ "error_code": "AH00491" }))),
    ] {
        check(only(&rows, needle), &varying, [level, "apache2", "web"], &attributes);
    }
}

/// Whether waiting for the port left a line: a connection without a request may be told of.
fn is_probed(rows: &[serde_json::Value]) -> bool {
    rows.iter().any(|row| super::following::body(row).contains("\"-\" 408"))
}
