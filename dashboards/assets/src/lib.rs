//! The files of the web page, compressed when this crate is compiled.

/// One file as it is served.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Without a leading slash: `index.html`, `assets/index-1a2b3c.js`.
    pub path: &'static str,
    /// Its `Content-Type`.
    pub kind: &'static str,
    /// The begin of the content's SHA-256, in hexadecimal.
    pub tag: &'static str,
    /// The name changes with the content.
    pub is_immutable: bool,
    pub brotli: &'static [u8],
    pub gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The file at `path`, which has no leading slash.
pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::io::Read;
    use std::path::{Path, PathBuf};

    use sha2::{Digest, Sha256};

    use super::*;

    fn ui() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui")
    }

    #[test]
    fn both_encodings_hold_the_file() {
        assert!(find("index.html").is_some() && find("nothing.html").is_none());
        for asset in ASSETS {
            let wanted = fs::read(ui().join("dist").join(asset.path)).expect("is built");
            let (mut plain, mut unzipped) = (Vec::new(), Vec::new());
            brotli_decompressor::Decompressor::new(asset.brotli, 4096).read_to_end(&mut plain).expect("is brotli");
            flate2::read::GzDecoder::new(asset.gzip).read_to_end(&mut unzipped).expect("is gzip");
            assert!(plain == wanted && unzipped == wanted, "{}", asset.path);
        }
    }

    fn walk(folder: &Path, below: &str, into: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder.join(below)).expect("is there") {
            let entry = entry.expect("is read");
            let path = format!("{below}/{}", entry.file_name().to_str().expect("a plain name"));
            if entry.file_type().expect("is known").is_dir() {
                walk(folder, &path, into);
            } else {
                into.insert(path);
            }
        }
    }

    /// The hash that `ui/scripts/stamp.mjs` writes.
    #[test]
    fn the_page_is_built_from_these_sources() {
        let mut names: BTreeSet<String> =
            ["index.html", "package-lock.json", "vite.config.ts"].map(str::to_owned).into();
        for folder in ["src", "public"] {
            walk(&ui(), folder, &mut names);
        }
        let mut hash = Sha256::new();
        for name in names {
            hash.update(format!("{name}\0"));
            hash.update(fs::read(ui().join(&name)).expect("is read"));
            hash.update("\0");
        }
        let made: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let stamped = fs::read_to_string(ui().join("dist/.srchash")).expect("is built");
        assert_eq!(stamped.trim(), made, "dashboards/ui/dist is not built from dashboards/ui/src: run `make ui`");
    }
}
