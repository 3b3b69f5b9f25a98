//! Lines and what is recognised in them.

use super::parse;
use crate::testing::check;

#[test]
fn each_form_is_read() {
    for (record, expected) in [
        (
            "2026-11-22 10:00:00.123 UTC [77] LOG:  database system is ready to accept connections",
            "1795341600.123000000 info9(LOG) pid=77 | database system is ready to accept connections",
        ),
        (
            r#"2026-11-22 10:00:00.123 UTC [77] bob@shop ERROR:  relation "x" does not exist at character 15"#,
            r#"1795341600.123000000 error17(ERROR) pid=77 user="bob" database="shop" {database/shop} | relation "x" does not exist at character 15"#,
        ),
        (
            "2026-11-22 10:00:00.123 UTC [77] bob@shop STATEMENT:  SELECT * FROM x",
            r#"1795341600.123000000 unset0 postgres.line="statement" pid=77 user="bob" database="shop" {database/shop} | SELECT * FROM x"#,
        ),
        (
            "2026-11-22 10:00:00 UTC:10.0.0.1(5432):bob@shop:[77]:FATAL:  too many connections",
            r#"1795341600.000000000 fatal21(FATAL) pid=77 client="10.0.0.1" user="bob" database="shop" {database/shop} | too many connections"#,
        ),
        (
            "2026-11-22 10:00:00 CET [77-3] user=bob,db=shop,app=psql,client=10.0.0.1 LOG:  duration: 12.345 ms  statement: SELECT 1\n\tFROM x",
            r#"1795338000.000000000 info9(LOG) pid=77 user="bob" database="shop" application="psql" client="10.0.0.1" duration_ms=12.345 {database/shop} | duration: 12.345 ms  statement: SELECT 1"#,
        ),
        (
            r#"2026-11-22 10:00:00 UTC [77] 42P01 ERROR:  relation "x" does not exist"#,
            r#"1795341600.000000000 error17(ERROR) pid=77 postgres.code="42P01" | relation "x" does not exist"#,
        ),
        (
            "2026-11-22 10:00:00 UTC [77] [unknown]@[unknown] DEBUG4:  x",
            "1795341600.000000000 trace1(DEBUG4) pid=77 | x",
        ),
        (
            r#"2026-11-22 10:00:00.123 UTC,"bob","shop",77,"10.0.0.1:5432",656.1,3,"SELECT",2026-11-22 09:00:00 UTC,3/4,0,ERROR,42P01,"relation ""x"" does not exist",,,,,,"select 1",,,"psql""#,
            r#"1795341600.123000000 error17(ERROR) user="bob" database="shop" pid=77 client="10.0.0.1" postgres.code="42P01" {database/shop} | relation ""x"" does not exist",,,,,,"select 1",,,"psql""#,
        ),
        (
            r#"2026-11-22 10:00:00.123 UTC,,,77,,656.1,3,,2026-11-22 09:00:00 UTC,,0,LOG,00000,"duration: 1.5 ms",,"#,
            r#"1795341600.123000000 info9(LOG) pid=77 postgres.code="00000" duration_ms=1.5 | duration: 1.5 ms",,"#,
        ),
    ] {
        check(parse, record, expected);
    }
}

#[test]
fn what_only_looks_like_it_is_refused() {
    for record in [
        "2026-11-22 10:00:00 UTC [77] REMARK:  x",
        "2026-11-22 10:00:00 UTC [77] ERROR: one blank",
        "2026/11/22 10:00:00 [error] 31#31: x",
        r#"2026-11-22 10:00:00.123 UTC,"bob","shop",77,"10.0.0.1:5432",656.1,3,"SELECT""#,
        r#"2026-11-22 10:00:00.123 UTC,"bob","shop",77,"10.0.0.1:5432",656.1,3,"SELECT",x,3/4,0,LOUD,42P01,"x",,"#,
    ] {
        check(parse, record, "-");
    }
}
