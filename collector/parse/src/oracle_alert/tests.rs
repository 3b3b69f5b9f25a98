//! Lines and what is recognised in them.

use super::parse;
use crate::testing::check;

#[test]
fn each_form_is_read() {
    for (record, expected) in [
        (
            "Sun Nov 22 10:00:00 2026\nErrors in file /u01/trace/orcl_lgwr_1.trc:\nORA-00345: redo log write error block 8123 count 2\nORA-00312: online log 2 thread 1\nORA-27072: File I/O error",
            r#"1795341600.000000000? error17 oracle.code="ORA-00345" oracle.code="ORA-00312" oracle.code="ORA-27072" | Errors in file /u01/trace/orcl_lgwr_1.trc:"#,
        ),
        (
            "2026-11-22T10:00:00.123456+00:00\nORA-00600: internal error code, arguments: [4194]",
            r#"1795341600.123456000 fatal21 oracle.code="ORA-00600" | ORA-00600: internal error code, arguments: [4194]"#,
        ),
        (
            "2026-11-22T10:00:00.123456+00:00\nORA-1109 signalled during: ALTER DATABASE CLOSE...",
            r#"1795341600.123456000 error17 oracle.code="ORA-01109" | ORA-1109 signalled during: ALTER DATABASE CLOSE..."#,
        ),
        (
            "2026-11-22T10:00:00.123456+01:00\nThread 1 advanced to log sequence 8 (LGWR switch)",
            "1795338000.123456000 info9 | Thread 1 advanced to log sequence 8 (LGWR switch)",
        ),
        (
            "Sun Nov 22 10:00:00 2026\nLGWR (ospid: 4711): terminating the instance due to error 340",
            "1795341600.000000000? fatal21 | LGWR (ospid: 4711): terminating the instance due to error 340",
        ),
        (
            "Sun Nov 22 10:00:00 2026\nWARNING: inbound connection timed out (XORA-1234)",
            "1795341600.000000000? warn13 | WARNING: inbound connection timed out (XORA-1234)",
        ),
        ("Sun Nov 22 10:00:00 2026", "1795341600.000000000? info9 | "),
        (
            "22-NOV-2026 10:00:00 * (CONNECT_DATA=(SERVICE_NAME=ORCL)(CID=(PROGRAM=sqlplus)(HOST=app1)(USER=bob))) * (ADDRESS=(PROTOCOL=tcp)(HOST=10.0.0.1)(PORT=51234)) * establish * ORCL * 0",
            r#"1795341600.000000000? info9 program="sqlplus" user="bob" client="10.0.0.1" oracle.service="ORCL" oracle.action="establish" oracle.result=0 {database/ORCL} | (CONNECT_DATA=(SERVICE_NAME=ORCL)(CID=(PROGRAM=sqlplus)(HOST=app1)(USER=bob))) * (ADDRESS=(PROTOCOL=tcp)(HOST=10.0.0.1)(PORT=51234)) * establish * ORCL * 0"#,
        ),
        (
            "22-NOV-2026 10:00:00 * (CONNECT_DATA=(SERVICE_NAME=XX)(CID=(PROGRAM=)(HOST=app1)(USER=bob))) * (ADDRESS=(PROTOCOL=tcp)(HOST=10.0.0.1)(PORT=51234)) * establish * XX * 12514\nTNS-12514: TNS:listener does not currently know of service",
            r#"1795341600.000000000? error17 user="bob" client="10.0.0.1" oracle.service="XX" oracle.action="establish" oracle.result=12514 oracle.code="TNS-12514" {database/XX} | (CONNECT_DATA=(SERVICE_NAME=XX)(CID=(PROGRAM=)(HOST=app1)(USER=bob))) * (ADDRESS=(PROTOCOL=tcp)(HOST=10.0.0.1)(PORT=51234)) * establish * XX * 12514"#,
        ),
        (
            "22-NOV-2026 10:00:00 * service_update * ORCL * 0",
            r#"1795341600.000000000? info9 oracle.service="ORCL" oracle.action="service_update" oracle.result=0 {database/ORCL} | service_update * ORCL * 0"#,
        ),
        (
            "Sun Nov 22 10:00:00 2026\nWARNING: inbound connection timed out (ORA-3136)",
            r#"1795341600.000000000? warn13 oracle.code="ORA-03136" | WARNING: inbound connection timed out (ORA-3136)"#,
        ),
    ] {
        check(parse, record, expected);
    }
}

#[test]
fn what_only_looks_like_it_is_refused() {
    for record in [
        "Sun Nov 22 10:00:00 2026 and more\nORA-00600: x",
        "2026-11-22T10:00:00.123456+00:00 ORA-00600: x",
        "22-FOO-2026 10:00:00 * service_update * ORCL * 0",
    ] {
        check(parse, record, "-");
    }
}
