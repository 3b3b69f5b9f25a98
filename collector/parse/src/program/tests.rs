//! Lines and what is recognised in them.

use crate::testing::check_refined;

#[test]
fn messages_behind_a_header_are_read() {
    for (service, message, expected) in [
        (
            "sshd",
            "Failed password for invalid user bob from 10.0.0.1 port 51234 ssh2",
            r#"warn13 method="password" user="bob" client="10.0.0.1" port=51234"#,
        ),
        (
            "sshd",
            "Failed password for root from from 10.0.0.1 port 51234 ssh2",
            r#"warn13 method="password" user="root from" client="10.0.0.1" port=51234"#,
        ),
        (
            "sshd",
            "Accepted publickey for bob from 10.0.0.1 port 51234 ssh2: RSA SHA256:x",
            r#"info9 method="publickey" user="bob" client="10.0.0.1" port=51234"#,
        ),
        ("sshd", "Invalid user bob from 10.0.0.1 port 51234", r#"warn13 user="bob" client="10.0.0.1" port=51234"#),
        (
            "sshd",
            "Connection closed by authenticating user bob 10.0.0.1 port 51234 [preauth]",
            r#"info9 user="bob" client="10.0.0.1" port=51234"#,
        ),
        ("sshd", "Server listening on 0.0.0.0 port 22.", "unset0"),
        ("systemd", "Failed to start nginx.service - A web server.", r#"error17 unit="nginx.service""#),
        ("systemd", "Failed to start A web server.", "error17"),
        (
            "systemd",
            "nginx.service: Main process exited, code=exited, status=1/FAILURE",
            r#"error17 unit="nginx.service""#,
        ),
        (
            "systemd",
            "nginx.service: Main process exited, code=exited, status=0/SUCCESS",
            r#"info9 unit="nginx.service""#,
        ),
        ("systemd", "nginx.service: Failed with result 'exit-code'.", r#"error17 unit="nginx.service""#),
        ("systemd", "Started nginx.service.", r#"info9 unit="nginx.service""#),
        ("systemd", "note: nothing", "unset0"),
        (
            "sudo",
            "     bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/bin/ls -l",
            r#"info10 user="bob" target_user="root" command="/bin/ls -l""#,
        ),
        (
            "sudo",
            "     bob : 3 incorrect password attempts ; TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/bin/ls",
            r#"warn13 user="bob" target_user="root" command="/bin/ls""#,
        ),
        ("sudo", "pam_unix(sudo:session): session opened for user root", "unset0"),
        (
            "CRON",
            "(root) CMD (run-parts /etc/cron.hourly)",
            r#"info9 user="root" command="run-parts /etc/cron.hourly""#,
        ),
        ("CRON", "(root) error (bad)", r#"error17 user="root""#),
        ("CRON", "no parentheses", "unset0"),
        ("IPaddr2(vip)", "INFO: Adding inet address", "unset0 layer=cluster {resource/vip}"),
        (
            "postgres",
            "[3-1] bob@shop ERROR:  no such table",
            r#"error17(ERROR) user="bob" database="shop" {database/shop}"#,
        ),
        ("mariadbd", "2026-11-22 10:00:00 0 [Warning] InnoDB: slow", r#"warn13(Warning) subsystem="InnoDB""#),
        ("mariadbd", "[ERROR] Aborting", "error17(ERROR)"),
        (
            "tomcat10",
            "java.lang.IllegalStateException: no",
            r#"error17 exception.type="java.lang.IllegalStateException" exception.message="no""#,
        ),
        ("unknown", "ERROR of nobody", "unset0"),
    ] {
        check_refined(service, message, expected);
    }
}
