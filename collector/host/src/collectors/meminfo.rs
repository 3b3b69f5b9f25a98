//! Memory, from `/proc/meminfo`: every field under the name it has there.

use std::fmt::Write;

use crate::error::CollectError;
use crate::family::Family;
use crate::fields::number;
use crate::files::garbled;
use crate::pass::Pass;

const BYTES_PER_KIB: f64 = 1024.0;

pub(super) fn collect(pass: &mut Pass<'_>) -> Result<(), CollectError> {
    let path = pass.files.proc("meminfo");
    let text = pass.page.read(&path)?;
    let (mut name, mut help) = (String::new(), String::new());
    let mut count = 0;
    for line in text.lines() {
        let parts = line.split_once(':').and_then(|(field, rest)| {
            let mut words = rest.split_ascii_whitespace();
            Some((field, number(words.next()?)?, words.next()))
        });
        let (field, value, unit) = parts.ok_or_else(|| garbled(&path, format!("no field: {line:?}")))?;
        name.clear();
        name.push_str("node_memory_");
        // `Active(anon)` is `Active_anon`.
        name.extend(
            field.chars().filter(|letter| *letter != ')').map(|letter| if letter == '(' { '_' } else { letter }),
        );
        if name.bytes().any(|byte| !byte.is_ascii_alphanumeric() && byte != b'_') {
            return Err(garbled(&path, format!("no field: {line:?}")));
        }
        let factor = if unit == Some("kB") { BYTES_PER_KIB } else { 1.0 };
        if unit == Some("kB") {
            name.push_str("_bytes");
        }
        help.clear();
        let field = name.strip_prefix("node_memory_").unwrap_or(&name);
        if write!(help, "Memory information field {field}.").is_ok() {
            pass.sink.put(&Family::gauge(&name, &help), &[], value * factor);
        }
        count += 1;
    }
    if count == 0 { Err(garbled(&path, "no field")) } else { Ok(()) }
}
