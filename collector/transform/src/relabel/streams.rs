//! Relabelling of the streams that records belong to.

use super::{LabelBuilder, NameValidation, Relabel, RelabelConfig};
use crate::Wrong;
use crate::transform::RULES_MAX;

/// Labels that start so are inputs only and are gone at the end.
const HIDDEN: &str = "__";

/// The rules for streams, compiled. Without rules it only removes hidden labels.
#[derive(Debug, Default)]
pub struct StreamRelabel {
    rules: Relabel,
}

impl StreamRelabel {
    /// Compiles the rules, of which all names must be legacy ones, or tells all that is wrong with them.
    pub fn new(rules: &[RelabelConfig]) -> Result<Self, Vec<Wrong>> {
        if rules.len() > RULES_MAX {
            let remedy = format!("write at most {RULES_MAX}");
            return Err(vec![Wrong::new("relabel", rules.len().to_string(), "are too many rules", remedy)]);
        }
        let names = NameValidation::Legacy;
        let mut wrongs = Vec::new();
        for (at, rule) in rules.iter().enumerate() {
            for (place, name) in rule.source_labels.iter().enumerate().filter(|(_, name)| !names.is_label_name(name)) {
                wrongs.push(Wrong::label(format!("relabel[{at}].source_labels[{place}]"), name));
            }
        }
        let rules = Relabel::new(rules, names, "relabel", &mut wrongs);
        if wrongs.is_empty() { Ok(Self { rules }) } else { Err(wrongs) }
    }

    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Applies the rules in order; false if the stream is dropped, with the labels in whatever state that was found.
    ///
    /// `__file__`, `__unit__`, `__host__` and other labels that start with `__` may be put in as inputs; they are
    /// removed at the end.
    pub fn apply(&self, labels: &mut LabelBuilder) -> bool {
        let is_kept = self.rules.apply(labels);
        labels.retain(|name| !name.starts_with(HIDDEN));
        is_kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(json: &str) -> Vec<RelabelConfig> {
        serde_json::from_str(json).expect(json)
    }

    /// `expected` is `None` for a dropped stream.
    fn check(json: &str, before: &[(&str, &str)], expected: Option<&[(&str, &str)]>) {
        let relabel = StreamRelabel::new(&rules(json)).expect(json);
        let mut after: LabelBuilder = before.iter().copied().collect();
        let is_kept = relabel.apply(&mut after);
        let expected = expected.map(|labels| labels.iter().copied().collect());
        assert_eq!(is_kept.then_some(after), expected, "{json} on {before:?}");
    }

    #[test]
    fn hidden_labels_are_inputs() {
        let json = r#"[{"source_labels":["__file__"],"regex":"/srv/([^/]+)/.*","target_label":"customer"},
                       {"source_labels":["customer"],"regex":"test","action":"drop"}]"#;
        let of_file = |file| [("host", "h"), ("__file__", file), ("__unit__", "x")];
        check(json, &of_file("/srv/acme/app.log"), Some(&[("host", "h"), ("customer", "acme")]));
        check(json, &of_file("/srv/test/app.log"), None);
        check("[]", &[("host", "h"), ("__file__", "/x")], Some(&[("host", "h")]));
    }

    #[test]
    fn other_names_than_legacy_ones_and_too_many_rules_are_told() {
        let told = |rules: &[RelabelConfig]| {
            let wrongs = StreamRelabel::new(rules).expect_err("wrong");
            wrongs.into_iter().map(|wrong| (wrong.key, wrong.value, wrong.wrong)).collect::<Vec<_>>()
        };
        let wrong = |key: &str, value: &str, wrong: &str| (key.to_owned(), value.to_owned(), wrong.to_owned());
        assert_eq!(
            told(&rules(r#"[{"source_labels":["a-b","c"],"target_label":"1x"}]"#)),
            [
                wrong("relabel[0].source_labels[0]", "a-b", "is no label name"),
                wrong("relabel[0].target_label", "1x", "is no label name"),
            ]
        );
        let many = vec![RelabelConfig { target_label: Some("t".to_owned()), ..RelabelConfig::default() }; 257];
        assert_eq!(told(&many), [wrong("relabel", "257", "are too many rules")]);
        assert!(StreamRelabel::new(many.get(1..).expect("256")).is_ok());
    }
}
