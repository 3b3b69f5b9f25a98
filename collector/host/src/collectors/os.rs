//! The distribution and its version, from `/etc/os-release` (os-release(5)).

use crate::error::CollectError;
use crate::family::Family;
use crate::pass::Pass;

const INFO: Family<'static> = Family::gauge(
    "node_os_info",
    concat!(
        "A metric with a constant '1' value labeled by build_id, id, id_like, image_id, image_version, name, ",
        "pretty_name, variant, variant_id, version, version_codename, version_id."
    ),
);
const VERSION: Family<'static> =
    Family::gauge("node_os_version", "Metric containing the major.minor part of the OS version.");

/// Labels, which are the variables in small letters.
const LABELS: [&str; 12] = [
    "build_id",
    "id",
    "id_like",
    "image_id",
    "image_version",
    "name",
    "pretty_name",
    "variant",
    "variant_id",
    "version",
    "version_codename",
    "version_id",
];

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let (etc, usr) = (pass.files.root("etc/os-release"), pass.files.root("usr/lib/os-release"));
    let text = match pass.page.read_if_there(&etc)? {
        Some(text) => text.to_owned(),
        None => pass.page.read(&usr)?.to_owned(),
    };
    let mut values = [const { String::new() }; LABELS.len()];
    for (variable, value) in text.lines().filter_map(|line| line.trim().split_once('=')) {
        let place = LABELS.iter().position(|label| label.eq_ignore_ascii_case(variable));
        if let Some(place) = place.and_then(|at| values.get_mut(at)) {
            *place = unquote(value);
        }
    }
    let mut labels = [("", ""); LABELS.len()];
    for ((place, label), value) in labels.iter_mut().zip(LABELS).zip(&values) {
        *place = (label, value);
    }
    pass.sink.put(&INFO, &labels, 1.0);
    let of = |name: &str| labels.iter().find(|(label, _)| *label == name).map_or("", |(_, value)| value);
    if let Some(version) = major_minor(of("version_id")) {
        let labels = [("id", of("id")), ("id_like", of("id_like")), ("name", of("name"))];
        pass.sink.put(&VERSION, &labels, version);
    }
    Ok(())
}

/// The value as a shell would read it: without its quotes and backslashes.
fn unquote(value: &str) -> String {
    let inside = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    if let Some(value) = inside('\'') {
        return value.to_owned();
    }
    let mut letters = inside('"').unwrap_or(value).chars();
    let mut out = String::with_capacity(value.len());
    while let Some(letter) = letters.next() {
        out.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    out
}

/// `12` of `12`, `22.04` of `22.04.3`.
fn major_minor(version: &str) -> Option<f64> {
    let end = version.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(version.len());
    let (digits, _) = version.split_at(end);
    let mut parts = digits.splitn(3, '.');
    let (major, minor) = (parts.next()?, parts.next().unwrap_or_default());
    format!("{major}.{minor}").trim_end_matches('.').parse().ok()
}
