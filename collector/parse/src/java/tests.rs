//! Lines and what is recognised in them.

use super::parse;
use crate::testing::check;

#[test]
fn each_form_is_read() {
    for (record, expected) in [
        (
            "2026-11-22 10:00:00,123 ERROR [http-8080-3] com.example.Pay - cannot pay",
            r#"1795341600.123000000? error17(ERROR) logger="com.example.Pay" thread="http-8080-3" | cannot pay"#,
        ),
        (
            "2026-11-22 10:00:00,123 INFO  org.apache.hadoop.hdfs.NameNode: started",
            r#"1795341600.123000000? info9(INFO) logger="org.apache.hadoop.hdfs.NameNode" | started"#,
        ),
        (
            "10:00:00.123 [main] WARN  c.e.Pay - slow - very",
            r#"1795341600.123000000~ warn13(WARN) logger="c.e.Pay" thread="main" | slow - very"#,
        ),
        (
            "2026-11-22 10:00:00.123  INFO 1234 --- [           main] o.s.b.Web     : up",
            r#"1795341600.123000000? info9(INFO) logger="o.s.b.Web" thread="main" pid=1234 | up"#,
        ),
        (
            "2026-11-22T10:00:00.123+01:00 ERROR 9 --- [shop] [nio-8080-exec-1] [0123456789abcdef0123456789abcdef-0123456789abcdef] c.e.Pay : no",
            r#"1795338000.123000000 error17(ERROR) service=shop trace=0123… logger="c.e.Pay" thread="nio-8080-exec-1" pid=9 | no"#,
        ),
        (
            "2026-11-22 10:00:00.123  INFO [shop,0123456789abcdef0123456789abcdef,0123456789abcdef] 9 --- [main] c.e.Pay : no",
            r#"1795341600.123000000? info9(INFO) service=shop trace=0123… logger="c.e.Pay" thread="main" pid=9 | no"#,
        ),
        (
            "2026-11-22 10:00:00,123 INFO  [org.jboss.as] (MSC service thread 1-1) WFLYSRV0049: starting",
            r#"1795341600.123000000? info9(INFO) logger="org.jboss.as" thread="MSC service thread 1-1" | WFLYSRV0049: starting"#,
        ),
        (
            "2026-11-22 10:00:00,123 [myid:1] - INFO  [main:QuorumPeer@1159] - LOOKING",
            r#"1795341600.123000000? info9(INFO) logger="QuorumPeer" thread="main" | LOOKING"#,
        ),
        (
            "INFO  [main] 2026-11-22 10:00:00,123 CassandraDaemon.java:650 - Startup complete",
            r#"1795341600.123000000? info9(INFO) logger="CassandraDaemon.java:650" thread="main" | Startup complete"#,
        ),
        (
            "[2026-11-22 10:00:00,123] INFO [Controller id=1] ready (kafka.controller.KafkaController)",
            r#"1795341600.123000000? info9(INFO) logger="kafka.controller.KafkaController" | [Controller id=1] ready (kafka.controller.KafkaController)"#,
        ),
        (
            "[2026-11-22T10:00:00,123][WARN ][o.e.n.Node               ] [node-1] slow",
            r#"1795341600.123000000? warn13(WARN) logger="o.e.n.Node" | [node-1] slow"#,
        ),
        ("2026-11-22 10:00:00 INFO  Pay:42 - paid", r#"1795341600.000000000? info9(INFO) logger="Pay:42" | paid"#),
        (
            "2026-11-22 10:00:00,123 ERROR [main] com.example.Pay - failed\njava.lang.IllegalStateException: no money: none\n\tat com.example.Pay.go(Pay.java:3)\nCaused by: java.io.IOException: disk\n\t... 3 more",
            r#"1795341600.123000000? error17(ERROR) logger="com.example.Pay" thread="main" exception.type="java.lang.IllegalStateException" exception.message="no money: none" exception.cause="java.io.IOException" | failed"#,
        ),
        (
            "2026-11-22 10:00:00,123 ERROR [main] com.example.Pay - java.lang.NullPointerException",
            r#"1795341600.123000000? error17(ERROR) logger="com.example.Pay" thread="main" exception.type="java.lang.NullPointerException" | java.lang.NullPointerException"#,
        ),
        (
            "Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space\n\tat x.Y.z(Y.java:1)",
            r#"error17 exception.type="java.lang.OutOfMemoryError" exception.message="Java heap space" thread="main" | java.lang.OutOfMemoryError: Java heap space"#,
        ),
    ] {
        check(parse, record, expected);
    }
}

#[test]
fn what_only_looks_like_it_is_refused() {
    for record in [
        "2026-11-22 10:00:00,123 ERROR something broke",
        "2026-11-22 10:00:00 INFO main: x",
        "2026-11-22 10:00:00.123 UTC [77] LOG:  ready",
        "2026-13-22 10:00:00,123 ERROR [main] com.example.Pay - x",
        "2026-11-22 10:00:00,123 error [main] com.example.Pay - x",
        r#"Exception in thread "main" nothing of the sort"#,
    ] {
        check(parse, record, "-");
    }
}
