//! A page of metrics, taken apart.

use std::collections::BTreeMap;

/// By name: type and help; by series: the value, as one spelling of the number.
pub(crate) struct Page {
    pub(crate) families: BTreeMap<String, (String, String)>,
    pub(crate) samples: BTreeMap<String, String>,
}

impl Page {
    pub(crate) fn parse(text: &str) -> Self {
        let mut page = Self { families: BTreeMap::new(), samples: BTreeMap::new() };
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("help");
                page.families.entry(name.to_owned()).or_default().1 = help.to_owned();
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                page.families.entry(name.to_owned()).or_default().0 = kind.to_owned();
            } else {
                let (series, value) = line.rsplit_once(' ').expect("a sample");
                let value: f64 = value.parse().expect("a number");
                page.samples.insert(without_serial(series), format!("{value}"));
            }
        }
        page
    }
}

/// The serial number is a label since a later version than Debian's.
fn without_serial(series: &str) -> String {
    match series.split_once("serialnumber=\"") {
        Some((before, rest)) => {
            let (_, behind) = rest.split_once("\",").expect("an end");
            format!("{before}{behind}")
        }
        None => series.to_owned(),
    }
}
