//! Compresses the built page in `../ui/dist` and names each file by its hash. Nothing is built here: `make ui` does that.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

/// The largest brotli quality, and a window that holds any of our files.
const BROTLI_QUALITY: i32 = 11;
const BROTLI_WINDOW: i32 = 22;
/// Names in here change with the content, so that browsers may keep them for ever.
const HASHED: &str = "assets/";

fn main() -> io::Result<()> {
    let dist = Path::new(&env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../ui/dist");
    println!("cargo:rerun-if-changed={}", dist.display());
    if !dist.join("index.html").is_file() {
        return Err(io::Error::other("dashboards/ui/dist/index.html is missing: check it out, or run `make ui`"));
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let mut table = String::from("pub static ASSETS: &[Asset] = &[\n");
    for (number, path) in files(&dist, "")?.iter().enumerate() {
        let bytes = fs::read(dist.join(path))?;
        fs::write(out.join(format!("{number}.br")), brotli(&bytes)?)?;
        fs::write(out.join(format!("{number}.gz")), gzip(&bytes)?)?;
        let hash = Sha256::digest(&bytes);
        let tag = hash.iter().take(12).fold(String::new(), |mut tag, byte| {
            write!(tag, "{byte:02x}").unwrap_or_default();
            tag
        });
        writeln!(
            table,
            "    Asset {{ path: {path:?}, kind: {:?}, tag: {tag:?}, is_immutable: {}, \
             brotli: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{number}.br\")), \
             gzip: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{number}.gz\")) }},",
            kind(path)?,
            path.starts_with(HASHED),
        )
        .map_err(io::Error::other)?;
    }
    table.push_str("];\n");
    fs::write(out.join("assets.rs"), table)
}

/// All files below `folder`, by name; hidden ones are not served.
fn files(root: &Path, folder: &str) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let name = entry.file_name().into_string().map_err(|name| io::Error::other(format!("{name:?} is no UTF-8")))?;
        let path = format!("{folder}{name}");
        if name.starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            found.extend(files(root, &format!("{path}/"))?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn kind(path: &str) -> io::Result<&'static str> {
    Ok(match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        _ => return Err(io::Error::other(format!("what is {path}? name its type in dashboards/assets/build.rs"))),
    })
}

fn brotli(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let params = brotli::enc::BrotliEncoderParams {
        quality: BROTLI_QUALITY,
        lgwin: BROTLI_WINDOW,
        size_hint: bytes.len(),
        ..Default::default()
    };
    let mut packed = Vec::new();
    brotli::BrotliCompress(&mut io::Cursor::new(bytes), &mut packed, &params)?;
    Ok(packed)
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    encoder.finish()
}
