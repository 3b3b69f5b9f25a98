//! The decisions that are made once, before a record is written: its time's bounds, its labels' limits, its class.

use orszem_model::time::NANOS_PER_SECOND;
use orszem_model::{Labels, Timestamp};

use super::limits::{CLASS_DEFAULT, Limits};
use super::rejection::{Reason, Rejected};

/// Whether a time lies further in the future than is taken in.
pub(super) fn is_too_far_ahead(timestamp: Timestamp, now: Timestamp, limits: &Limits) -> bool {
    limits.future_max_s != 0 && timestamp.0 > now.0.saturating_add(nanos(limits.future_max_s))
}

fn nanos(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(NANOS_PER_SECOND)
}

/// Refuses a time too far from `now`.
#[inline]
pub(super) fn check_time(timestamp: Timestamp, now: Timestamp, limits: &Limits) -> Result<(), Rejected> {
    if is_too_far_ahead(timestamp, now, limits) {
        let detail = format!("{timestamp} is more than {} s ahead of {now}", limits.future_max_s);
        return Err(Rejected::new(Reason::TooFarInFuture, detail));
    }
    if limits.age_max_s != 0 && timestamp.0 < now.0.saturating_sub(nanos(limits.age_max_s)) {
        let detail = format!("{timestamp} is more than {} s before {now}", limits.age_max_s);
        return Err(Rejected::new(Reason::TooOld, detail));
    }
    Ok(())
}

/// Refuses a label set over a limit.
pub(super) fn check_labels(labels: &[(String, String)], limits: &Limits) -> Result<(), Rejected> {
    if labels.len() > limits.labels_max {
        let detail = format!("{} labels are more than {}", labels.len(), limits.labels_max);
        return Err(Rejected::new(Reason::TooManyLabels, detail));
    }
    for (name, value) in labels {
        if name.len() > limits.name_bytes_max {
            let start: String = name.chars().take(32).collect();
            let detail = format!("label name {start}… is longer than {} bytes", limits.name_bytes_max);
            return Err(Rejected::new(Reason::LabelNameTooLong, detail));
        }
        if value.len() > limits.label_value_bytes_max {
            let detail = format!("the value of label {name} is longer than {} bytes", limits.label_value_bytes_max);
            return Err(Rejected::new(Reason::LabelValueTooLong, detail));
        }
    }
    Ok(())
}

/// The retention class of a stream.
pub(super) fn class_of<'a>(labels: &Labels, limits: &'a Limits) -> &'a str {
    limits
        .classes
        .iter()
        .find(|rule| rule.labels.iter().all(|(name, value)| labels.get(name) == Some(value)))
        .map_or(CLASS_DEFAULT, |rule| &rule.class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::limits::ClassRule;

    #[test]
    fn times_are_bounded_on_both_sides() {
        let limits = Limits { future_max_s: 10, age_max_s: 100, ..Limits::default() };
        let at = |seconds: i64| Timestamp(seconds * NANOS_PER_SECOND);
        for (seconds, reason) in
            [(1010, None), (1011, Some(Reason::TooFarInFuture)), (900, None), (899, Some(Reason::TooOld))]
        {
            assert_eq!(check_time(at(seconds), at(1000), &limits).err().map(|r| r.reason), reason, "{seconds}");
        }
        assert_eq!(check_time(at(-9000), at(1000), &Limits::default()), Ok(()));
    }

    #[test]
    fn the_first_rule_that_matches_gives_the_class() {
        let rule = |class: &str, pairs: &[(&str, &str)]| ClassRule {
            class: class.into(),
            labels: pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
        };
        let limits = Limits {
            classes: vec![rule("short", &[("env", "test"), ("app", "x")]), rule("audit", &[("env", "test")])],
            ..Limits::default()
        };
        assert_eq!(class_of(&Labels::from([("env", "test"), ("app", "x")]), &limits), "short");
        assert_eq!(class_of(&Labels::from([("env", "test")]), &limits), "audit");
        assert_eq!(class_of(&Labels::from([("env", "prod")]), &limits), "default");
    }
}
