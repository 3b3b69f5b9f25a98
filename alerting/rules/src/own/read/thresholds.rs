//! Reads `thresholds:`.

use std::time::Duration;

use orszem_alerting::{Band, Bands, Comparison, Level, NoData, NoDataPolicy};
use orszem_promql::parse;

use super::super::rule::ThresholdRule;
use super::super::value::Value;
use super::Own;
use crate::reader::within;
use orszem_yaml::Node;

const THRESHOLD_KEYS: [&str; 4] = ["value", "warning", "critical", "no_data"];
const LEVEL_KEYS: [&str; 9] =
    ["above", "at_least", "below", "at_most", "equal", "not_equal", "for", "clear", "clear_for"];
const NO_DATA_KEYS: [&str; 3] = ["after", "policy", "severity"];

impl Own<'_> {
    pub(super) fn threshold(&mut self, node: &Node, path: &str) -> Option<ThresholdRule> {
        let pairs = self.mapping(node, path, &THRESHOLD_KEYS);
        let about = self.about(node, pairs, path);
        let mut bands = Bands::default();
        let (mut value, mut no_data) = (None, None);
        for (key, node) in pairs {
            let path = within(path, &key.text);
            match key.text.as_str() {
                "value" => value = self.value(node, &path),
                "warning" => bands.warning = self.band(node, &path),
                "critical" => bands.critical = self.band(node, &path),
                "no_data" => no_data = self.no_data(node, &path),
                _ => {}
            }
        }
        self.required(node, pairs, path, "value", "the rule has no value", "write `value: metric{…}`");
        let is_given = |level: &str| pairs.iter().any(|(key, _)| key.text == level);
        if !is_given("warning") && !is_given("critical") {
            self.reader.note(node.mark, path, "the rule has no level", "write `warning: {above: …}` or `critical: …`");
        }
        if let (Some(warning), Some(critical)) = (&bands.warning, &bands.critical) {
            let is_worse = match critical.op {
                Comparison::Above | Comparison::AtLeast => critical.enter >= warning.enter,
                Comparison::Below | Comparison::AtMost => critical.enter <= warning.enter,
                Comparison::Equal | Comparison::NotEqual => true,
            };
            if critical.op == warning.op && !is_worse {
                let message = format!("critical begins at {} and warning at {}", critical.enter, warning.enter);
                self.reader.note(node.mark, &within(path, "critical"), message, "exchange the two bounds");
            }
        }
        let (value, text) = value?;
        Some(ThresholdRule { about: about?, value, text, bands, no_data })
    }

    fn value(&mut self, node: &Node, path: &str) -> Option<(Value, String)> {
        let text = self.reader.text(node, path);
        if text.is_empty() {
            return None;
        }
        let expr = match parse(&text, &self.options) {
            Ok(expr) => expr,
            Err(error) => {
                let message = format!("could not parse expression: {error}");
                self.reader.note(node.mark, path, message, "mend the PromQL there");
                return None;
            }
        };
        match Value::compile(&expr, &text) {
            Ok(value) => Some((value, text)),
            Err(refused) => {
                self.reader.note(node.mark, path, refused.message, refused.remedy);
                None
            }
        }
    }

    fn band(&mut self, node: &Node, path: &str) -> Option<Band> {
        let pairs = self.reader.mapping(node, path, &LEVEL_KEYS);
        let mut bound: Option<(Comparison, f64)> = None;
        let (mut hold, mut clear, mut clear_hold) = (Duration::ZERO, None, Duration::ZERO);
        for (key, value) in pairs {
            let path = within(path, &key.text);
            let op = match key.text.as_str() {
                "for" => {
                    hold = self.duration(value, &path);
                    continue;
                }
                "clear_for" => {
                    clear_hold = self.duration(value, &path);
                    continue;
                }
                "clear" => {
                    clear = Some((self.reader.number(value, &path), value.mark));
                    continue;
                }
                "above" => Comparison::Above,
                "at_least" => Comparison::AtLeast,
                "below" => Comparison::Below,
                "at_most" => Comparison::AtMost,
                "equal" => Comparison::Equal,
                "not_equal" => Comparison::NotEqual,
                _ => continue,
            };
            let number = self.reader.number(value, &path);
            if number.is_nan() {
                self.reader.note(value.mark, &path, "NaN compares with nothing", "write a number");
            }
            if bound.is_some() {
                self.reader.note(key.mark, &path, "the level has two bounds", "leave one of them out");
            }
            bound = Some((op, number));
        }
        let Some((op, enter)) = bound else {
            self.reader.note(node.mark, path, "the level has no bound", "write `above: 90` or `below: 10`");
            return None;
        };
        let band = Band { op, enter, hold, clear: clear.map_or(enter, |clear| clear.0), clear_hold };
        let is_ordered = match op {
            Comparison::Above | Comparison::AtLeast => band.clear <= enter,
            Comparison::Below | Comparison::AtMost => band.clear >= enter,
            Comparison::Equal | Comparison::NotEqual => band.clear.to_bits() == enter.to_bits(),
        };
        if let (false, Some((bound, mark))) = (is_ordered, clear) {
            let message = format!("it clears at {bound}, which is not on the calm side of {enter}");
            let remedy = match op {
                Comparison::Above | Comparison::AtLeast => format!("write {enter} or less"),
                Comparison::Below | Comparison::AtMost => format!("write {enter} or more"),
                Comparison::Equal | Comparison::NotEqual => "leave it out".to_owned(),
            };
            self.reader.note(mark, &within(path, "clear"), message, remedy);
        }
        Some(band)
    }

    fn no_data(&mut self, node: &Node, path: &str) -> Option<NoData> {
        let (mut after, mut policy, mut level) = (Duration::ZERO, String::new(), Level::Warning);
        let pairs = self.reader.mapping(node, path, &NO_DATA_KEYS);
        for (key, value) in pairs {
            let path = within(path, &key.text);
            match key.text.as_str() {
                "after" => after = self.duration(value, &path),
                "policy" => policy = self.reader.text(value, &path),
                "severity" => level = self.severity(value, &path),
                _ => {}
            }
        }
        let policy = match policy.as_str() {
            "keep" => NoDataPolicy::Keep,
            "ok" => NoDataPolicy::Ok,
            "alert" => NoDataPolicy::Alert(level),
            other => {
                let message = format!("{other:?} is no policy");
                self.reader.note(node.mark, &within(path, "policy"), message, "write ok, keep or alert");
                return None;
            }
        };
        if after < Duration::from_secs(1) {
            let message = "there is no time after which nothing is no data";
            self.reader.note(node.mark, &within(path, "after"), message, "write `after: 5m`");
            return None;
        }
        Some(NoData { after, policy })
    }
}
