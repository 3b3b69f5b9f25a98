//! Metrics that others wrote to `*.prom` files of a directory, in Prometheus text.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use orszem_exposition::{Classic, Entry, Format, MetricType, Parser};
use orszem_model::chain;
use tracing::warn;

use crate::error::CollectError;
use crate::family::{Family, Sink};
use crate::files::{garbled, names};
use crate::pass::Pass;

const MTIME: Family<'static> =
    Family::gauge("node_textfile_mtime_seconds", "Unixtime mtime of textfiles successfully read.");
const ERROR: Family<'static> =
    Family::gauge("node_textfile_scrape_error", "1 if there was an error opening or reading a file, 0 otherwise");

/// What a file says of a family.
#[derive(Debug)]
struct Described {
    name: String,
    kind: MetricType,
    help: Option<String>,
}

/// A bad file is left out whole, and the others stand.
pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    if pass.config.textfile_directory.is_empty() {
        pass.sink.put(&ERROR, &[], 0.0);
        return Ok(());
    }
    let directory = pass.files.root(&pass.config.textfile_directory);
    let names = match names(&directory) {
        Ok(names) => names,
        Err(error) => {
            pass.sink.put(&ERROR, &[], 1.0);
            return Err(error);
        }
    };
    let mut failed = None;
    for name in names.iter().filter(|name| name.ends_with(".prom")) {
        let path = directory.join(name);
        if let Err(error) = put_file(pass, &path) {
            // One of them is the collector's error, which is logged; so are the others, on every pass.
            if let Some(other) = failed.replace(error) {
                warn!(error = %chain(&other), "text file left out");
            }
        }
    }
    pass.sink.put(&ERROR, &[], f64::from(u8::from(failed.is_some())));
    failed.map_or(Ok(()), Err)
}

fn put_file(pass: &mut Pass<'_>, path: &Path) -> Result<(), CollectError> {
    let of_file = |error| CollectError::of_file(path.to_owned(), error);
    let metadata = fs::metadata(path).map_err(of_file)?;
    // A pipe would be waited for.
    if !metadata.is_file() {
        return Err(garbled(path, "no regular file"));
    }
    let text = pass.page.read(path)?;
    let families = check(text).map_err(|what| garbled(path, what))?;
    let default_help = format!("Metric read from {}", path.display());
    put_samples(pass.sink, text, &families, &default_help).map_err(|what| garbled(path, what))?;
    let mtime = metadata.mtime() as f64 + metadata.mtime_nsec() as f64 / 1e9;
    pass.sink.put(&MTIME, &[("file", &path.display().to_string())], mtime);
    Ok(())
}

/// Reads the whole file before the first of its samples counts.
fn check(text: &str) -> Result<Vec<Described>, String> {
    let mut families: Vec<Described> = Vec::new();
    let mut parser = Parser::new(Format::Text, text.as_bytes(), Classic::Unless);
    while let Some(entry) = parser.next_entry() {
        match entry.map_err(|error| format!("a fault in {error}"))? {
            Entry::Type { family, kind } => described(&mut families, &family).kind = kind,
            Entry::Help { family, help } => described(&mut families, &family).help = Some(help.into_owned()),
            Entry::Sample(sample) if sample.time.is_some() => {
                return Err(format!("a timestamp, which is not supported, at {}", sample.series.name()));
            }
            Entry::Sample(sample) => drop(sample.series.labels().map_err(|error| error.to_string())?),
            Entry::Unit { .. } | Entry::Histogram(_) => {}
        }
    }
    Ok(families)
}

fn described<'f>(families: &'f mut Vec<Described>, name: &str) -> &'f mut Described {
    let at = families.iter().position(|family| family.name == name).unwrap_or_else(|| {
        families.push(Described { name: name.to_owned(), kind: MetricType::Unknown, help: None });
        families.len() - 1
    });
    &mut families[at]
}

fn put_samples(sink: &mut dyn Sink, text: &str, families: &[Described], default_help: &str) -> Result<(), String> {
    let mut parser = Parser::new(Format::Text, text.as_bytes(), Classic::Unless);
    while let Some(entry) = parser.next_entry() {
        let Entry::Sample(sample) = entry.map_err(|error| error.to_string())? else { continue };
        let name = sample.series.name();
        let described = families.iter().find(|family| family.kind.family(&name) == family.name);
        let family = Family {
            name: described.map_or(&*name, |family| &family.name),
            kind: described.map_or(MetricType::Unknown, |family| family.kind),
            help: described.and_then(|family| family.help.as_deref()).unwrap_or(default_help),
        };
        let labels = sample.series.labels().map_err(|error| error.to_string())?;
        let pairs: Vec<_> = labels.iter().filter(|(name, _)| *name != "__name__").collect();
        sink.sample(&family, &name, &pairs, sample.value);
    }
    Ok(())
}
