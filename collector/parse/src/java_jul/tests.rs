//! Lines and what is recognised in them.

use super::parse;
use crate::testing::check;

#[test]
fn each_form_is_read() {
    for (record, expected) in [
        (
            "Nov 22, 2026 10:00:00 AM com.example.Pay go\nSEVERE: cannot pay",
            r#"1795341600.000000000? error17(SEVERE) logger="com.example.Pay" method="go" | cannot pay"#,
        ),
        (
            "Nov 22, 2026 10:00:00 PM com.example.Pay go\nFINER: step\njava.io.IOException: x\n\tat a.B.c(B.java:1)",
            r#"1795384800.000000000? trace1(FINER) logger="com.example.Pay" method="go" exception.type="java.io.IOException" exception.message="x" | step"#,
        ),
        (
            "Nov 22, 2026 10:00:00 AM com.example.Pay go",
            r#"1795341600.000000000? unset0 logger="com.example.Pay" method="go" | com.example.Pay go"#,
        ),
    ] {
        check(parse, record, expected);
    }
}

#[test]
fn what_only_looks_like_it_is_refused() {
    for record in [
        "Nov 22, 2026 10:00:00 AM com.example.Pay go\nsomething else",
        "Nov 22, 2026 13:00:00 PM com.example.Pay go\nINFO: x",
    ] {
        check(parse, record, "-");
    }
}
