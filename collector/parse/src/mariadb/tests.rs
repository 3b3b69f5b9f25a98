//! Lines and what is recognised in them.

use super::parse;
use crate::testing::check;

#[test]
fn each_form_is_read() {
    for (record, expected) in [
        (
            "2026-11-22 10:00:00 0 [Note] InnoDB: Buffer pool(s) load completed",
            r#"1795341600.000000000? info9(Note) thread=0 subsystem="InnoDB" | InnoDB: Buffer pool(s) load completed"#,
        ),
        (
            "2026-11-22  9:00:00 140 [Warning] Aborted connection 140 to db: 'shop'",
            r#"1795338000.000000000? warn13(Warning) thread=140 database="shop" {database/shop} | Aborted connection 140 to db: 'shop'"#,
        ),
        (
            "2026-11-22T10:00:00.123456Z 0 [System] [MY-010116] [Server] mysqld starting as process 1",
            r#"1795341600.123456000 info9(System) thread=0 mysql.code="MY-010116" subsystem="Server" | mysqld starting as process 1"#,
        ),
        (
            "2026-11-22T10:00:00.123456Z 8 [ERROR] [MY-012345] [InnoDB] Cannot open file",
            r#"1795341600.123456000 error17(ERROR) thread=8 mysql.code="MY-012345" subsystem="InnoDB" | Cannot open file"#,
        ),
        (
            "261122 10:00:00 [ERROR] Can't open the mysql.plugin table",
            "1795341600.000000000? error17(ERROR) | Can't open the mysql.plugin table",
        ),
        (
            "261122  9:00:00  InnoDB: Error: log file ./ib_logfile0 is of different size",
            r#"1795338000.000000000? error17 subsystem="InnoDB" | InnoDB: Error: log file ./ib_logfile0 is of different size"#,
        ),
        (
            "261122 10:00:00 mysqld_safe Starting mysqld daemon",
            "1795341600.000000000? unset0 | mysqld_safe Starting mysqld daemon",
        ),
        (
            "2026-11-22 10:00:00 7f0123456789 InnoDB: Warning: small pool",
            r#"1795341600.000000000? warn13 subsystem="InnoDB" | InnoDB: Warning: small pool"#,
        ),
        (
            "# Time: 2026-11-22T10:00:00.123456Z\n# User@Host: bob[bob] @ app1 [10.0.0.1]  Id:    31\n# Query_time: 1.234567  Lock_time: 0.000010 Rows_sent: 1  Rows_examined: 1000\nuse shop;\nSET timestamp=1795341600;\nSELECT sleep(1);",
            r#"1795341600.123456000 info9 user="bob" client="10.0.0.1" thread=31 mysql.rows_sent=1 mysql.rows_examined=1000 mysql.query_time=1.234567 mysql.lock_time=1e-5 database="shop" {database/shop} | SELECT sleep(1);"#,
        ),
        (
            "# Time: 261122 10:00:00\n# User@Host: root[root] @ localhost []\n# Thread_id: 8  Schema: shop  QC_hit: No\n# Query_time: 2.5  Lock_time: 0.0  Rows_sent: 0  Rows_examined: 0\nSET timestamp=1795341600;\nDELETE FROM x;",
            r#"1795341600.000000000? info9 user="root" client="localhost" thread=8 database="shop" mysql.rows_sent=0 mysql.rows_examined=0 mysql.query_time=2.5 mysql.lock_time=0.0 {database/shop} | DELETE FROM x;"#,
        ),
        (
            "# User@Host: root[root] @ localhost []\n# Query_time: 2.5  Lock_time: 0.0  Rows_sent: 0  Rows_examined: 0\nSET timestamp=1795341600;\nDELETE FROM x;",
            r#"1795341600.000000000 info9 user="root" client="localhost" mysql.rows_sent=0 mysql.rows_examined=0 mysql.query_time=2.5 mysql.lock_time=0.0 | DELETE FROM x;"#,
        ),
    ] {
        check(parse, record, expected);
    }
}

#[test]
fn what_only_looks_like_it_is_refused() {
    for record in [
        "2026-11-22 10:00:00 0 [Loud] x",
        "261322 10:00:00 [ERROR] x",
        "2026-11-22 10:00:00 worker started",
        "# a comment in some script\nx",
    ] {
        check(parse, record, "-");
    }
}
