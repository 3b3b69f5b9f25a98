use std::path::Path;

use orszem_alerting::{AlertKey, AlertView, Graph, Kind, Level, Message, MessageGroup, Recipient, State};
use orszem_model::Labels;

use super::super::AlertingConfig;
use super::super::own::tests::{Server, file, start_with};
use super::*;

const RULES: &str = "\
thresholds:
- {alert: Hot, value: temperature, warning: {above: 80}, critical: {above: 90}, entity: 'host/{{ $labels.host }}'}
- {alert: Ratio, value: sum by (host) (used) / sum by (host) (size), critical: {above: 0.9}}
logs: [{alert: Broken, query: broken, by: [host], clear_after: 1h}]
events: [{alert: Lost, fact: node.lost}]
groups:
- name: g
  rules:
  - {alert: Down, expr: up == 0, labels: {severity: critical}}
  - {alert: Full, expr: '100 * free / size < 5 and size > 0', labels: {severity: critical}}
  - {alert: Full, expr: '100 * free / size < 2 * 10', labels: {severity: warning}}
  - {alert: Turned, expr: '-1 > (sum without (cpu) (rate(busy[5m])))', labels: {host: everywhere}}
  - {alert: Joined, expr: 'a > on (host) group_left (room) b'}
  - {alert: Gone, expr: 'absent(up{host=\"a\"})'}
";

fn rules(text: &str) -> RuleSources {
    let mut rules = AlertingConfig::default().sources(0, false, "").expect("no files");
    rules.files.push(("rules.yml".to_owned(), file(text)));
    rules
}

fn alert(rule: &str, labels: &[(&str, &str)], state: State) -> AlertView {
    let labels = Labels::new(labels.to_vec());
    AlertView {
        key: AlertKey { rule: rule.to_owned(), labels: labels.clone() },
        labels,
        annotations: Labels::default(),
        state,
        value: 1.0,
        from: Timestamp(0),
        until: None,
        generator: String::new(),
        is_flapping: false,
        suppressed: Vec::new(),
    }
}

const CRITICAL: State = State::Firing(Level::Critical);
const WARNING: State = State::Firing(Level::Warning);

/// Expression, labels of its series, thresholds.
type Asked = (String, String, Option<f64>, Option<f64>);

fn asked(alerts: &[AlertView]) -> Option<Asked> {
    let question = Question::of(&rules(RULES), alerts).expect("values read")?;
    let labels = format!("{:?}", question.labels);
    Some((question.expr.to_string(), labels, question.warning, question.critical))
}

#[test]
fn the_rule_says_which_expression_and_which_series() {
    let check = |rule: &str, labels: &[(&str, &str)], state, expected: Option<(&str, &[(&str, &str)], _, _)>| {
        let expected = expected.map(|(expr, labels, warning, critical)| {
            (expr.to_owned(), format!("{:?}", Labels::new(labels.to_vec())), warning, critical)
        });
        assert_eq!(asked(&[alert(rule, labels, state)]), expected, "{rule} {labels:?}");
    };
    let a = [("host", "a")];
    let hot = [("host", "a"), ("entity", "host/a")];
    check("Hot", &hot, WARNING, Some(("temperature{host=\"a\"}", &a, Some(80.0), Some(90.0))));
    let ratio = "sum by (host) (used{host=\"a\"}) / sum by (host) (size{host=\"a\"})";
    check("Ratio", &a, CRITICAL, Some((ratio, &a, None, Some(0.9))));
    check("Down", &[("host", "a"), ("severity", "critical")], CRITICAL, Some(("up{host=\"a\"}", &a, None, Some(0.0))));
    // Rules of one name are told apart by their labels; constants are computed.
    let full = "100 * free{host=\"a\"} / size{host=\"a\"}";
    check("Full", &[("host", "a"), ("severity", "critical")], CRITICAL, Some((full, &a, None, Some(5.0))));
    check("Full", &[("host", "a"), ("severity", "warning")], WARNING, Some((full, &a, Some(20.0), None)));
    // What the rule sets and what `without` drops find no series.
    let turned = "(sum without (cpu) (rate(busy{disk=\"x\"}[5m])))";
    let labels = [("host", "everywhere"), ("disk", "x")];
    check("Turned", &labels, WARNING, Some((turned, &[("disk", "x")], Some(-1.0), None)));
    // What the other side gave is not looked for.
    let joined = [("host", "a"), ("room", "7")];
    check("Joined", &joined, WARNING, Some(("a{host=\"a\"}", &joined, None, None)));
    check("Gone", &a, WARNING, Some(("absent(up{host=\"a\"})", &a, None, None)));
    // Logs, facts, others' alerts and rules that are gone.
    check("Broken", &a, CRITICAL, None);
    check("Lost", &a, CRITICAL, None);
    check("Elsewhere", &a, CRITICAL, None);
    check("Down", &a, CRITICAL, None);
}

#[test]
fn the_worst_of_the_alerts_is_meant() {
    let of = |alerts: &[AlertView]| Question::of(&rules(RULES), alerts).expect("reads").map(|found| found.alert);
    let [warning, critical] = [WARNING, CRITICAL].map(|state| alert("Hot", &[("host", "a")], state));
    let silenced = AlertView { suppressed: vec!["a silence".to_owned()], ..critical.clone() };
    let over = alert("Hot", &[("host", "a")], State::Ok);
    let log = alert("Broken", &[("host", "a")], CRITICAL);
    assert_eq!(of(&[warning.clone(), critical.clone(), critical.clone()]), Some(1));
    assert_eq!(of(&[over.clone(), silenced, warning.clone()]), Some(2));
    assert_eq!(of(&[over.clone(), over]), Some(0));
    // A lesser one does not stand in for one that has no curve.
    assert_eq!(of(&[warning, log]), None);
    assert_eq!(of(&[]), None);
}

#[test]
fn what_is_kept_comes_back_and_damage_is_no_curve() {
    let points = vec![(Timestamp(1_000), 1.5), (Timestamp(900), -0.0), (Timestamp(i64::MAX), 2.0)];
    let curve = Curve { alert: 3, points, warning: None, critical: Some(90.0) };
    let bytes = encode(Some(&curve));
    assert_eq!(decode(&bytes), Some(curve));
    let other = [&[VERSION + 1], &bytes[1..]].concat();
    for damaged in [&bytes[..bytes.len() - 1], &[&bytes[..], &[0]].concat(), &other, &[]] {
        assert_eq!(decode(damaged), None);
    }
    assert_eq!(decode(&encode(None)), None);
}

fn intent(step: u64, alerts: Vec<AlertView>) -> Intent {
    let recipient = Recipient { contact: "eva".to_owned(), channel: "mail".to_owned(), target: "e".to_owned() };
    let key = IntentKey::of(7, step, &recipient, Kind::Open);
    let message = Message {
        title: String::new(),
        level: Level::Critical,
        is_loud: true,
        started_at: Timestamp(0),
        ended_at: None,
        firing: 1,
        ended: 0,
        suppressed: 0,
        alerts,
        alerts_left_out: 0,
        root: String::new(),
        group: MessageGroup(None),
        acknowledged_by: String::new(),
        note: String::new(),
        events: Vec::new(),
        events_left_out: 0,
        entries: Vec::new(),
        entries_left_out: 0,
    };
    let (not_before, expires_at) = (Timestamp(0), Timestamp(i64::MAX));
    Intent { key, incident: 7, step, kind: Kind::Open, recipient, message, not_before, expires_at, body: None }
}

/// Over a store of messages of its own, and the server's series.
fn curves(directory: &Path, server: &Server) -> (Curves, watch::Sender<Arc<RuleSources>>, CancellationToken) {
    let plan = AlertingConfig::default().plan(Vec::new()).expect("a plan");
    let (store, _, _) = Store::open(directory, &plan, &Graph::default()).expect("opens");
    let (in_force, known) = watch::channel(Arc::new(rules(RULES)));
    let stop = CancellationToken::new();
    let stores = (Arc::new(store), server.samples.clone());
    (Curves::new(stores, known, Arc::default(), stop.clone()), in_force, stop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_shows_what_the_first_attempt_did() {
    let [data_dir, messages] = [0; 2].map(|_| tempfile::tempdir().expect("a directory"));
    let server = start_with(data_dir.path(), rules(RULES));
    let now_ms = maintenance::now().0 / 1_000_000;
    for (ago_s, value) in [(7_200, 1.0), (1_200, 70.0), (1_170, 71.0), (120, 95.0)] {
        server.sample_at(now_ms - ago_s * 1_000, &[("temperature", value)]).await;
    }
    let hot = alert("Hot", &[("host", "a"), ("entity", "host/a")], CRITICAL);
    let (known, in_force, _) = curves(messages.path(), &server);
    let first = known.of(&intent(1, vec![hot.clone()]), true).await.expect("a curve");
    assert_eq!((first.alert, first.warning, first.critical), (0, Some(80.0), Some(90.0)));
    let mut shown: Vec<f64> = first.points.iter().map(|(_, value)| *value).filter(|value| !value.is_nan()).collect();
    shown.dedup();
    // A sample counts for five minutes, and there was none for longer.
    assert_eq!((shown, first.points.iter().any(|(_, value)| value.is_nan())), (vec![70.0, 71.0, 95.0], true));
    let apart = first.points.iter().zip(first.points.iter().skip(1)).map(|((one, _), (next, _))| next.0 - one.0);
    assert!(apart.into_iter().all(|apart| apart == 30_000_000_000), "{first:?}");

    // More is known, and the rule is another one: the message stays as it was, by its key.
    server.sample_at(now_ms - 60_000, &[("temperature", 99.0)]).await;
    in_force.send_replace(Arc::new(rules("thresholds: [{alert: Hot, value: temperature, critical: {above: 50}}]\n")));
    let same = |curve: Option<Curve>| assert_eq!(encode(curve.as_ref()), encode(Some(&first)));
    for is_first in [true, false] {
        same(known.of(&intent(1, vec![hot.clone()]), is_first).await);
    }
    drop(known);
    // After kill -9 the attempt is the first again.
    let (known, _in_force, stop) = curves(messages.path(), &server);
    same(known.of(&intent(1, vec![hot.clone()]), true).await);
    let later = known.of(&intent(2, vec![hot.clone()]), true).await.expect("a curve");
    assert!(later.points.iter().any(|(_, value)| *value == 99.0), "{later:?}");

    // Who went without one stays without one.
    assert_eq!(known.of(&intent(3, vec![hot.clone()]), false).await, None);
    let broken = intent(4, vec![alert("Broken", &[("host", "a")], CRITICAL)]);
    assert_eq!(known.of(&broken, true).await, None);
    assert_eq!(known.of(&intent(5, vec![alert("Hot", &[("host", "b")], CRITICAL)]), true).await, None);
    assert_eq!(known.metrics.curve_failures.get(), 0);
    stop.cancel();
    assert_eq!(known.of(&intent(6, vec![hot.clone()]), true).await, None);
    assert_eq!(known.metrics.curve_failures.get(), 1);
    assert_eq!(known.of(&intent(6, vec![hot]), true).await, None, "it was kept that there is none");
    drop((known, in_force));
    server.stop().await;
}
