//! Lines and what is recognised in them.

use super::parse;
use crate::testing::check;

#[test]
fn each_form_is_read() {
    for (record, expected) in [
        (
            "22-Nov-2026 10:00:00.123 SEVERE [main] org.apache.catalina.startup.Catalina.start cannot start",
            r#"1795341600.123000000? error17(SEVERE) logger="org.apache.catalina.startup.Catalina" method="start" thread="main" | cannot start"#,
        ),
        (
            "22-Nov-2026 10:00:00.123 WARNING [http-nio-8080-exec-7] org.apache.catalina.core.StandardWrapperValve.invoke Servlet threw\njava.sql.SQLException: gone\n\tat x.Y.z(Y.java:1)",
            r#"1795341600.123000000? warn13(WARNING) logger="org.apache.catalina.core.StandardWrapperValve" method="invoke" thread="http-nio-8080-exec-7" exception.type="java.sql.SQLException" exception.message="gone" | Servlet threw"#,
        ),
        (
            "22-Nov-2026 10:00:00.123 SEVERE [main] org.apache.catalina.core.X.invoke no\n\tjava.sql.SQLException: gone\n\t\tat x.Y.z(Y.java:1)\n\tCaused by: java.io.IOException: x",
            r#"1795341600.123000000? error17(SEVERE) logger="org.apache.catalina.core.X" method="invoke" thread="main" exception.type="java.sql.SQLException" exception.message="gone" exception.cause="java.io.IOException" | no"#,
        ),
    ] {
        check(parse, record, expected);
    }
}

#[test]
fn what_only_looks_like_it_is_refused() {
    for record in [
        "22-Nov-2026 10:00:00.123 LOUD [main] org.apache.catalina.startup.Catalina.start x",
        "22-Nov-2026 10:00:00.123 INFO main org.apache.catalina.startup.Catalina.start x",
    ] {
        check(parse, record, "-");
    }
}
