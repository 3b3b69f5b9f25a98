//! Which series of the head satisfy matchers.

use orszem_model::{MatchOp, Matcher};
use roaring::RoaringBitmap;

use super::table::Table;

/// The series of `tenant` that satisfy all matchers.
pub(crate) fn matching(table: &Table, tenant: u32, matchers: &[Matcher]) -> RoaringBitmap {
    let mut found: Option<RoaringBitmap> = (!table.is_of_one_tenant()).then(|| table.tenant_set(tenant));
    if tenant != 0 && found.is_none() {
        return RoaringBitmap::new();
    }
    // Cheap and narrow ones first.
    let (equal, others): (Vec<&Matcher>, Vec<&Matcher>) =
        matchers.iter().partition(|matcher| matcher.op == MatchOp::Equal && !matcher.value.is_empty());
    for matcher in equal {
        let pair = table.pairs.name(&matcher.name).and_then(|name| table.pairs.pair(name, &matcher.value));
        let Some(pair) = pair else { return RoaringBitmap::new() };
        let series = &table.pairs.at(pair).series;
        match &mut found {
            Some(found) => series.intersect(found),
            None => found = Some(series.to_set()),
        }
    }
    let (absent, present): (Vec<&Matcher>, Vec<&Matcher>) =
        others.into_iter().partition(|matcher| matcher.matches_absent());
    for matcher in present {
        let with = with_value(table, matcher, true);
        found = Some(match found {
            Some(found) => found & with,
            None => with,
        });
    }
    let mut found = found.unwrap_or_else(|| table.all().clone());
    for matcher in absent {
        if found.is_empty() {
            break;
        }
        found -= with_value(table, matcher, false);
    }
    found
}

/// The series that have the label, with a value that matches or one that does not.
fn with_value(table: &Table, matcher: &Matcher, is_wanted: bool) -> RoaringBitmap {
    let Some(name) = table.pairs.name(&matcher.name) else { return RoaringBitmap::new() };
    let name = table.pairs.name_at(name);
    let takes_all = match (matcher.op, matcher.value.as_str()) {
        (MatchOp::NotEqual | MatchOp::Equal, "") => true,
        (MatchOp::Regex, ".+") => is_wanted,
        (MatchOp::NotRegex, ".+") => !is_wanted,
        (MatchOp::Regex, ".*") => return RoaringBitmap::new(),
        _ => false,
    };
    if takes_all {
        return name.series.clone();
    }
    let mut found = RoaringBitmap::new();
    for &at in &name.pairs {
        let pair = table.pairs.at(at);
        if matcher.matches(&pair.value) == is_wanted {
            pair.series.add_to(&mut found);
        }
    }
    found
}
