//! Reads files of unit tests (Prometheus 3, `cmd/promtool/unittest.go`), with `log_lines` and `facts` for own rules.

use orszem_model::{Attribute, AttributeValue, Fact, FactKind, Labels, Record, Severity, Stream, Timestamp};
use orszem_promql::ast::Expr;
use orszem_promql::{ParseOptions, Point, notation, parse};

use crate::problem::Problems;
use crate::reader::{Reader, within};
use orszem_yaml::{Mark, Node};

/// How often rules are evaluated where the file does not say.
const INTERVAL_MS: i64 = 60_000;

/// A file of tests. Lengths and times of tests are milliseconds from their start.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestFile {
    /// Paths or patterns, relative to the file.
    pub rule_files: Vec<String>,
    pub evaluation_interval_ms: i64,
    /// Names of groups; others come first.
    pub group_eval_order: Vec<String>,
    pub tests: Vec<TestGroup>,
    /// Numbers that are neighbours count as equal.
    pub fuzzy_compare: bool,
}

/// Series, and what is to come of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestGroup {
    /// May be empty.
    pub name: String,
    /// Between two samples.
    pub interval_ms: i64,
    pub input_series: Vec<InputSeries>,
    pub alert_tests: Vec<AlertTest>,
    pub expr_tests: Vec<ExprTest>,
    pub external_labels: Labels,
    pub external_url: String,
    /// Milliseconds since 1970, UTC.
    pub start: i64,
    pub log_lines: Vec<TestLine>,
    pub facts: Vec<TestFact>,
}

/// A record that comes `times` times, from `at_ms` on `every_ms`.
#[derive(Clone, Debug, PartialEq)]
pub struct TestLine {
    pub at_ms: i64,
    pub times: u32,
    pub every_ms: i64,
    /// Its time is not.
    pub record: Record,
}

/// A fact that is told at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestFact {
    pub at_ms: i64,
    /// Its time is not.
    pub fact: Fact,
    /// Labels of where it is.
    pub place: Labels,
}

#[derive(Clone, Debug, PartialEq)]
pub struct InputSeries {
    pub labels: Labels,
    /// One an interval; `None` where there is none.
    pub values: Vec<Option<Point>>,
}

/// The alerts of one name that fire at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertTest {
    pub eval_time_ms: i64,
    /// Empty where it is missing.
    pub alertname: String,
    /// Labels with `alertname`, and annotations.
    pub expected: Vec<(Labels, Labels)>,
    pub mark: Mark,
}

/// What a query gives at a time.
#[derive(Clone, Debug, PartialEq)]
pub struct ExprTest {
    pub eval_time_ms: i64,
    pub text: String,
    pub expr: Expr,
    pub expected: Vec<ExpectedSample>,
    pub mark: Mark,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedSample {
    pub labels: Labels,
    pub point: Point,
}

/// Reads a file of tests.
///
/// # Errors
/// All that is wrong with it.
pub fn read(text: &str, options: ParseOptions) -> Result<TestFile, Problems> {
    let mut reader = Reader::default();
    let file = match Node::parse(text) {
        Ok(root) => Tests { reader: &mut reader, options }.file(&root),
        Err(error) => {
            reader.note(error.mark, "", error.reason, "mend the YAML there");
            TestFile::default()
        }
    };
    if reader.problems.is_empty() {
        return Ok(file);
    }
    reader.problems.sort_by_key(|problem| problem.mark);
    Err(Problems(reader.problems))
}

struct Tests<'r> {
    reader: &'r mut Reader,
    options: ParseOptions,
}

const LINE_KEYS: [&str; 7] = ["at", "times", "every", "line", "labels", "level", "fields"];
const FACT_KEYS: [&str; 7] = ["at", "fact", "entity", "labels", "text", "from", "to"];
/// How often a line comes at most.
const TIMES_MAX: u32 = 1_000_000;
const FILE_KEYS: [&str; 5] = ["rule_files", "evaluation_interval", "group_eval_order", "tests", "fuzzy_compare"];
const GROUP_KEYS: [&str; 10] = [
    "log_lines",
    "facts",
    "interval",
    "input_series",
    "alert_rule_test",
    "promql_expr_test",
    "external_labels",
    "external_url",
    "name",
    "start_timestamp",
];

impl Tests<'_> {
    fn file(&mut self, root: &Node) -> TestFile {
        let mut file = TestFile::default();
        let pairs = self.reader.mapping(root, "", &FILE_KEYS);
        for (key, value) in pairs {
            match key.text.as_str() {
                "rule_files" => file.rule_files = self.reader.texts(value, "rule_files"),
                "evaluation_interval" => {
                    file.evaluation_interval_ms = self.reader.duration(value, "evaluation_interval");
                }
                "group_eval_order" => file.group_eval_order = self.order(value),
                "fuzzy_compare" => file.fuzzy_compare = self.reader.boolean(value, "fuzzy_compare"),
                _ => {}
            }
        }
        if file.evaluation_interval_ms == 0 {
            file.evaluation_interval_ms = INTERVAL_MS;
        }
        for (_, value) in pairs.iter().filter(|(key, _)| key.text == "tests") {
            for (at, node) in self.reader.sequence(value, "tests").iter().enumerate() {
                let group = self.group(node, &format!("tests[{at}]"), file.evaluation_interval_ms);
                file.tests.push(group);
            }
        }
        file
    }

    fn order(&mut self, node: &Node) -> Vec<String> {
        let names = self.reader.texts(node, "group_eval_order");
        for (at, name) in names.iter().enumerate() {
            if names.iter().take(at).any(|before| before == name) {
                let key = format!("group_eval_order[{at}]");
                self.reader.note(node.mark, &key, format!("{name:?} is there already"), "leave it out");
            }
        }
        names
    }

    fn group(&mut self, node: &Node, path: &str, evaluation_interval_ms: i64) -> TestGroup {
        let mut group = TestGroup::default();
        for (key, value) in self.reader.mapping(node, path, &GROUP_KEYS) {
            let path = within(path, &key.text);
            match key.text.as_str() {
                "interval" => group.interval_ms = self.reader.duration(value, &path),
                "input_series" => group.input_series = self.list(value, &path, Self::series),
                "alert_rule_test" => group.alert_tests = self.list(value, &path, Self::alert_test),
                "promql_expr_test" => group.expr_tests = self.list(value, &path, Self::expr_test),
                "external_labels" => group.external_labels = self.labels(value, &path),
                "external_url" => group.external_url = self.reader.text(value, &path),
                "name" => group.name = self.reader.text(value, &path),
                "start_timestamp" => group.start = self.start(value, &path),
                "log_lines" => group.log_lines = self.list(value, &path, Self::line),
                "facts" => group.facts = self.list(value, &path, Self::fact),
                _ => {}
            }
        }
        if group.interval_ms == 0 {
            group.interval_ms = evaluation_interval_ms;
        }
        group
    }

    fn list<T>(&mut self, node: &Node, path: &str, read: fn(&mut Self, &Node, &str) -> Option<T>) -> Vec<T> {
        let items = self.reader.sequence(node, path);
        items.iter().enumerate().filter_map(|(at, item)| read(self, item, &format!("{path}[{at}]"))).collect()
    }

    fn labels(&mut self, node: &Node, path: &str) -> Labels {
        let pairs = self.reader.pairs(node, path);
        Labels::new(pairs.into_iter().map(|pair| (pair.name, pair.text)).collect())
    }

    /// Seconds since 1970, or a date with a time.
    fn start(&mut self, node: &Node, path: &str) -> i64 {
        let text = self.reader.text(node, path);
        let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite());
        #[expect(clippy::cast_possible_truncation, reason = "what is too many is the most there is")]
        let time = seconds.map(|seconds| (seconds * 1000.0).round() as i64).or_else(|| {
            let is_dated = text.contains(['T', 't']);
            text.parse().ok().filter(|_| is_dated).map(milliseconds)
        });
        time.unwrap_or_else(|| {
            let remedy = "write seconds since 1970, or such as 2024-01-01T00:00:00Z";
            self.reader.note(node.mark, path, format!("cannot parse {text:?} to a valid timestamp"), remedy);
            0
        })
    }

    fn series(&mut self, node: &Node, path: &str) -> Option<InputSeries> {
        let (mut series, mut values) = (String::new(), String::new());
        for (key, value) in self.reader.mapping(node, path, &["series", "values"]) {
            let path = within(path, &key.text);
            match key.text.as_str() {
                "series" => series = self.reader.text(value, &path),
                "values" => values = self.reader.text(value, &path),
                _ => {}
            }
        }
        match notation::series(&format!("{series} {values}")) {
            Ok((labels, values)) if !labels.is_empty() => Some(InputSeries { labels, values }),
            Ok(_) => {
                self.reader.note(node.mark, &within(path, "series"), "there is no series", "write `series: name{…}`");
                None
            }
            Err(error) => {
                let remedy = "write values such as 1 2+1x5 _ stale {{count:2 sum:3 buckets:[2]}}";
                self.reader.note(node.mark, path, error.to_string(), remedy);
                None
            }
        }
    }

    fn line(&mut self, node: &Node, path: &str) -> Option<TestLine> {
        let stream = Stream { tenant: 0, class: "default".into(), labels: Labels::default() };
        let record = Record::line(Timestamp(0), stream, b"");
        let mut line = TestLine { at_ms: 0, times: 1, every_ms: 1_000, record };
        for (key, value) in self.reader.mapping(node, path, &LINE_KEYS) {
            let path = within(path, &key.text);
            match key.text.as_str() {
                "at" => line.at_ms = self.reader.duration(value, &path),
                "times" => line.times = u32::try_from(self.reader.integer(value, &path)).unwrap_or(0).min(TIMES_MAX),
                "every" => line.every_ms = self.reader.duration(value, &path),
                "line" => line.record.body = self.reader.text(value, &path).into_bytes(),
                "labels" => line.record.stream.labels = self.labels(value, &path),
                "level" => line.record.severity = self.level(value, &path),
                "fields" => {
                    let pairs = self.reader.pairs(value, &path);
                    let fields = pairs
                        .into_iter()
                        .map(|pair| Attribute { key: pair.name, value: AttributeValue::String(pair.text) });
                    line.record.attributes = fields.collect();
                }
                _ => {}
            }
        }
        Some(line)
    }

    fn level(&mut self, node: &Node, path: &str) -> Severity {
        let text = self.reader.text(node, path);
        Severity::from_text(&text).unwrap_or_else(|| {
            self.reader.note(node.mark, path, format!("{text:?} is no severity"), "write info, warn, error or fatal");
            Severity::UNSET
        })
    }

    fn fact(&mut self, node: &Node, path: &str) -> Option<TestFact> {
        let (mut at_ms, mut kind, mut place) = (0, None, Labels::default());
        let [mut entity, mut text, mut from, mut to] = [const { String::new() }; 4];
        for (key, value) in self.reader.mapping(node, path, &FACT_KEYS) {
            let path = within(path, &key.text);
            match key.text.as_str() {
                "at" => at_ms = self.reader.duration(value, &path),
                "fact" => {
                    let name = self.reader.text(value, &path);
                    kind = FactKind::from_name(&name);
                    if kind.is_none() {
                        let message = format!("there is no fact {name:?}");
                        self.reader.note(value.mark, &path, message, "see docs/facts.md for all of them");
                    }
                }
                "entity" => entity = self.reader.text(value, &path),
                "labels" => place = self.labels(value, &path),
                "text" => text = self.reader.text(value, &path),
                "from" => from = self.reader.text(value, &path),
                "to" => to = self.reader.text(value, &path),
                _ => {}
            }
        }
        if entity.is_empty() {
            let remedy = "write `entity: host/node1`, `resource/vip` or `drbd/r0`";
            self.reader.note(node.mark, &within(path, "entity"), "the fact is about nothing", remedy);
        }
        let fact = Fact {
            at: Timestamp(0),
            kind: kind?,
            entity,
            others: Vec::new(),
            from,
            to,
            cause: String::new(),
            duration_ms: None,
            details: Vec::new(),
            text,
            records: Vec::new(),
        };
        Some(TestFact { at_ms, fact, place })
    }

    fn alert_test(&mut self, node: &Node, path: &str) -> Option<AlertTest> {
        let mut test = AlertTest { eval_time_ms: 0, alertname: String::new(), expected: Vec::new(), mark: node.mark };
        for (key, value) in self.reader.mapping(node, path, &["eval_time", "alertname", "exp_alerts"]) {
            let path = within(path, &key.text);
            match key.text.as_str() {
                "eval_time" => test.eval_time_ms = self.reader.duration(value, &path),
                "alertname" => test.alertname = self.reader.text(value, &path),
                "exp_alerts" => test.expected = self.list(value, &path, Self::expected_alert),
                _ => {}
            }
        }
        let name = test.alertname.clone();
        test.expected.iter_mut().for_each(|(labels, _)| *labels = labels.with("alertname", &name));
        Some(test)
    }

    fn expected_alert(&mut self, node: &Node, path: &str) -> Option<(Labels, Labels)> {
        let (mut labels, mut annotations) = (Labels::default(), Labels::default());
        for (key, value) in self.reader.mapping(node, path, &["exp_labels", "exp_annotations"]) {
            let path = within(path, &key.text);
            match key.text.as_str() {
                "exp_labels" => labels = self.labels(value, &path),
                "exp_annotations" => annotations = self.labels(value, &path),
                _ => {}
            }
        }
        Some((labels, annotations))
    }

    fn expr_test(&mut self, node: &Node, path: &str) -> Option<ExprTest> {
        let (mut text, mut mark, mut eval_time_ms) = (String::new(), node.mark, 0);
        let mut expected = Vec::new();
        for (key, value) in self.reader.mapping(node, path, &["expr", "eval_time", "exp_samples"]) {
            let path = within(path, &key.text);
            match key.text.as_str() {
                "expr" => (text, mark) = (self.reader.text(value, &path), value.mark),
                "eval_time" => eval_time_ms = self.reader.duration(value, &path),
                "exp_samples" => expected = self.list(value, &path, Self::expected_sample),
                _ => {}
            }
        }
        match parse(&text, &self.options) {
            Ok(expr) => Some(ExprTest { eval_time_ms, text, expr, expected, mark: node.mark }),
            Err(error) => {
                let message = format!("could not parse expression: {error}");
                self.reader.note(mark, &within(path, "expr"), message, "mend the PromQL there");
                None
            }
        }
    }

    fn expected_sample(&mut self, node: &Node, path: &str) -> Option<ExpectedSample> {
        let (mut labels, mut value, mut histogram) = (String::new(), 0.0, String::new());
        for (key, found) in self.reader.mapping(node, path, &["labels", "value", "histogram"]) {
            let path = within(path, &key.text);
            match key.text.as_str() {
                "labels" => labels = self.reader.text(found, &path),
                "value" => value = self.reader.number(found, &path),
                "histogram" => histogram = self.reader.text(found, &path),
                _ => {}
            }
        }
        let labels = match notation::metric(&labels) {
            Ok(labels) => labels,
            Err(error) => {
                self.reader.note(node.mark, &within(path, "labels"), error.to_string(), "write `name{label=\"…\"}`");
                return None;
            }
        };
        if histogram.is_empty() {
            return Some(ExpectedSample { labels, point: Point::Float(value) });
        }
        match notation::values(&histogram).as_deref() {
            Ok([Some(point @ Point::Histogram(_))]) => Some(ExpectedSample { labels, point: point.clone() }),
            _ => {
                let remedy = "write one such as {{count:2 sum:3 buckets:[2]}}";
                self.reader.note(node.mark, &within(path, "histogram"), "it is not one histogram", remedy);
                None
            }
        }
    }
}

fn milliseconds(time: Timestamp) -> i64 {
    time.0.div_euclid(1_000_000)
}

impl TestGroup {
    /// How long the test goes on, in milliseconds: to the last thing that is asked.
    pub(super) fn length_ms(&self) -> i64 {
        let alerts = self.alert_tests.iter().map(|test| test.eval_time_ms);
        alerts.chain(self.expr_tests.iter().map(|test| test.eval_time_ms)).max().unwrap_or(0)
    }
}
