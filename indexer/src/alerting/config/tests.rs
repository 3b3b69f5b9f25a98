use super::*;

const GOOD: &str = r#"
    contacts = [{ name = "eva", addresses = [{ channel = "webhook", to = "http://localhost:1/" }], quiet = ["nights"] }]
    policies = [{ name = "db", steps = [{ contacts = ["eva"] }] }]
    inhibitions = [{ sources = ['severity="critical"'], targets = ['severity="warning"'], equal = ["host"] }]
    outages = ['alertname="NodeDown"']
    silences = [{ name = "lab", matchers = ['env="lab"'] }]
    [route]
    policy = "db"
    group_by = ["alertname"]
    routes = [{ matchers = ['team="web"'], mute_times = ["nights"], interval = "1m" }]
    [times.nights]
    zone = "Europe/Budapest"
    intervals = [{ times = ["22:00-06:00"], weekdays = ["monday:friday"] }]
"#;

fn wrong(change: (&str, &str)) -> Vec<String> {
    let text = GOOD.replace(change.0, change.1);
    assert_ne!(text, GOOD, "{change:?}");
    let config: AlertingConfig = toml::from_str(&text).expect("reads");
    config.validate().into_iter().map(|wrong| format!("{} = {}: {}", wrong.key, wrong.value, wrong.wrong)).collect()
}

#[test]
fn a_good_section_makes_a_plan() {
    let config: AlertingConfig = toml::from_str(GOOD).expect("reads");
    assert_eq!(config.validate(), []);
    let plan = config.plan(Vec::new()).expect("a plan");
    assert_eq!(plan.contact("eva").map(|contact| contact.quiet.clone()), Some(vec!["nights".to_owned()]));
    let text = format!("{GOOD}\n[flap]\nstart_percent = 30\nstop_percent = 10\nslot = \"5m\"");
    let config: AlertingConfig = toml::from_str(&text).expect("reads");
    let slot = std::time::Duration::from_secs(300);
    let flap = config.flap.flap(&mut Vec::new());
    assert_eq!((flap, config.validate()), (FlapConfig { start_percent: 30, stop_percent: 10, slot }, vec![]));
    let inputs = config.silence_inputs(std::iter::empty(), Timestamp(5));
    assert!(matches!(&inputs[..], [Input::Silence(silence)] if silence.id == "file:lab"), "{inputs:?}");
}

#[test]
fn what_is_wrong_is_told_by_key_and_value() {
    assert_eq!(
        wrong(("env=\"lab\"", "env=~\".*\"")),
        ["silences[0].matchers = \"env=~\\\".*\\\"\": silences everything"]
    );
    assert_eq!(wrong(("22:00-06:00", "22-6")), ["times.nights.intervals[0].times = \"22-6\": is not understood"]);
    assert_eq!(wrong(("team=\"web\"", "team")), ["route.routes[0].matchers = \"team\": bad matcher format: team"]);
    let unknown = wrong(("contacts = [\"eva\"]", "contacts = [\"ada\"]"));
    assert_eq!(unknown, ["contacts, policies, route or times = : policy `db` tells the unknown contact `ada`"]);
    let flap = wrong(("[times.nights]", "[flap]\nstart_percent = 25\nslot = \"10ms\"\n[times.nights]"));
    let (above, short) =
        ("flap.stop_percent = \"25\": is not below start_percent", "flap.slot = \"10ms\": is out of range");
    assert_eq!(flap, [above, short]);
    assert_eq!(
        wrong(("[times.nights]", "[flap]\nstart_percent = 0\n[times.nights]")),
        ["flap.start_percent = \"0\": is out of range"]
    );
    let level = wrong(("to = \"http://localhost:1/\"", "to = \"x\", level_min = \"page\""));
    assert_eq!(level, ["contacts[0].addresses[0].level_min = \"page\": is no level"]);
}
