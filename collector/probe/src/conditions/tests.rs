use proptest::prelude::*;

use super::*;
use crate::facts::Facts;

const NOW: i64 = 1_800_000_000;

fn facts(body: &str) -> Facts {
    Facts {
        is_connected: true,
        ip: Some("192.0.2.7".parse().expect("an address")),
        status: Some(200),
        body: Some(body.to_owned().into()),
        rcode: Some("NOERROR".to_owned()),
        certificate_expiry: Some(NOW + 50 * 3600),
        ..Facts::default()
    }
}

fn holds(text: &str, facts: &Facts) -> bool {
    let condition = Condition::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    condition.holds(Known { facts, took: Duration::from_millis(120), now: NOW })
}

#[test]
fn each_condition_holds_and_its_twin_does_not() {
    let known = facts(r#"{"status":"UP","count":3,"data":[{"id":1,"name":"john doe"},{"id":2}],"none":null,"f":1.5}"#);
    for (text, twin) in [
        ("[STATUS] == 200", "[STATUS] == 201"),
        ("[STATUS] == any(200, 429)", "[STATUS] == any(500, 429)"),
        ("any(200, 429) == [STATUS]", "any(1, 2) == [STATUS]"),
        ("[STATUS] != any(500, 503)", "[STATUS] != any(500, 200)"),
        ("[STATUS] <= 200", "[STATUS] < 200"),
        ("[STATUS] >= 200", "[STATUS] > 200"),
        ("[STATUS]<300", "[STATUS]>300"),
        ("[RESPONSE_TIME] < 500", "[RESPONSE_TIME] < 120"),
        ("[RESPONSE_TIME] < 1s", "[RESPONSE_TIME] < 100ms"),
        ("[CONNECTED] == true", "[CONNECTED] == false"),
        ("[IP] == 192.0.2.7", "[IP] == 192.0.2.8"),
        ("[IP] == pat(192.0.*)", "[IP] == pat(10.*)"),
        ("[DNS_RCODE] == NOERROR", "[DNS_RCODE] == NXDOMAIN"),
        ("[CERTIFICATE_EXPIRATION] > 48h", "[CERTIFICATE_EXPIRATION] > 51h"),
        ("[BODY].status == UP", "[BODY].status == up"),
        ("[BODY].data[0].id == 1", "[BODY].data[1].id == 1"),
        ("[BODY].data[0].name == pat(john*)", "[BODY].data[0].name == pat(doe*)"),
        ("[BODY].data[0].name == pat(*doe)", "[BODY].data[0].name == pat(*john)"),
        ("[BODY].count == 0x3", "[BODY].count == 0x4"),
        ("[BODY].f > 1.25", "[BODY].f > 1.75"),
        ("len([BODY].data) == 2", "len([BODY].data) < 2"),
        ("len([BODY].status) == 2", "len([BODY].status) == 4"),
        ("len([BODY]) == 5", "len([BODY]) == 4"),
        ("has([BODY].data) == true", "has([BODY].errors) == true"),
        ("has([BODY].errors) == false", "has([BODY].none) == false"),
        ("[BODY].missing != 5", "[BODY].missing == 5"),
        ("[BODY].status != pat(D*N)", "[BODY].status != pat(*)"),
        ("[BODY] == pat(*\"UP\"*)", "[BODY] == pat(*\"DOWN\"*)"),
    ] {
        assert!(holds(text, &known), "{text}");
        assert!(!holds(twin, &known), "{twin}");
    }
}

#[test]
fn a_body_that_is_no_json_is_a_text() {
    let known = facts(" pong\n");
    assert!(holds("[BODY] == pong", &known) && holds("len([BODY]) == 4", &known));
    assert!(!holds("[BODY].x == pong", &known) && !holds("has([BODY].x) == true", &known));
    let nothing = Facts::default();
    assert!(holds("[CONNECTED] == false", &nothing) && holds("[STATUS] == 0", &nothing));
    for absent in ["[IP] == 192.0.2.7", "[DNS_RCODE] == NOERROR", "[CERTIFICATE_EXPIRATION] > 0"] {
        assert!(!holds(absent, &nothing), "{absent}");
    }
    assert!(holds("[BODY].a[0] == 1", &facts(r#"{"a":[1]}"#)) && holds("[BODY][1] == b", &facts(r#"["a","b"]"#)));
}

#[test]
fn what_is_no_condition_is_refused() {
    let refused = |text: &str| Condition::parse(text).expect_err(text);
    assert_eq!(refused("[STATUS]"), ConditionError::Operator);
    assert_eq!(refused("[STATUS] =="), ConditionError::Empty);
    assert_eq!(refused("[STATE] == 1"), ConditionError::Placeholder("[STATE]".into()));
    assert_eq!(refused("[BODY].a..b == 1"), ConditionError::Path(".a..b".into()));
    assert_eq!(refused("[BODY].a[x] == 1"), ConditionError::Path(".a[x]".into()));
    assert_eq!(refused("len(5) == 1"), ConditionError::Function { function: "len", given: "5".into() });
    assert!(Condition::parse("[BODY].a == 1").expect("reads").needs_body());
    assert!(!Condition::parse("[STATUS] == 1").expect("reads").needs_body());
}

proptest! {
    #[test]
    fn a_condition_and_its_opposite_never_agree(
        status in 0_u16..600, wanted in 0_u16..600, sign in prop::sample::select(vec![("==", "!="), ("<", ">="), (">", "<=")]),
    ) {
        let known = Facts { status: Some(status), ..Facts::default() };
        let one = holds(&format!("[STATUS] {} {wanted}", sign.0), &known);
        let other = holds(&format!("[STATUS] {} {wanted}", sign.1), &known);
        prop_assert_ne!(one, other);
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,40}") {
        if let Ok(condition) = Condition::parse(&text) {
            prop_assert_eq!(condition.as_str(), text.trim());
        }
    }
}
