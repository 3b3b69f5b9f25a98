//! Archives come back as they were, and what is damaged is named.

use super::*;

/// Some files; the second is large enough to fill many blocks of the compression.
fn source() -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name);
    fs::create_dir_all(path("logs/empty")).expect("made");
    fs::write(path("logs/a \"quoted\" näme"), "records").expect("written");
    let mut state = 1u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    });
    fs::write(path("logs/noise"), noise.take(1 << 20).collect::<Vec<u8>>()).expect("written");
    fs::write(path("series"), [7; 1000]).expect("written");
    fs::write(path("lock"), "held").expect("written");
    directory
}

fn archived(root: &Path) -> Vec<u8> {
    let mut archive = ArchiveWriter::new(Vec::new()).expect("begins");
    archive.add(root, &["lock"]).expect("archived");
    archive.finish().expect("ends")
}

fn told(bytes: &[u8]) -> Result<Contents, String> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), bytes).expect("written");
    check(file.path()).map_err(|error| format!("{error:#}").replace(&file.path().display().to_string(), "FILE"))
}

#[test]
fn what_was_archived_comes_back() {
    let (source, target) = (source(), tempfile::tempdir().expect("a directory"));
    let bytes = archived(source.path());
    assert_eq!(bytes, archived(source.path()));
    let contents = Contents { files: 3, bytes: 7 + (1 << 20) + 1000 };
    assert_eq!(told(&bytes), Ok(contents));
    let file = source.path().join("lock");
    fs::write(&file, &bytes).expect("written");
    assert_eq!(unpack(&file, target.path()).expect("unpacked"), contents);
    for name in ["logs/a \"quoted\" näme", "logs/noise", "series"] {
        let [old, new] = [&source, &target].map(|root| fs::read(root.path().join(name)).expect("read"));
        assert_eq!(old, new, "{name}");
    }
    assert!(target.path().join("logs/empty").is_dir());
    assert!(!target.path().join("lock").try_exists().expect("looked"));
    assert!(!target.path().join(LIST_NAME).try_exists().expect("looked"));
}

#[test]
fn every_flipped_byte_is_found_and_one_in_a_file_names_it() {
    let whole = archived(source().path());
    let last = whole.len() - 1;
    for at in (0..whole.len()).step_by(9_973).chain([last]) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        let error = told(&bytes).expect_err("damaged");
        assert!(error.starts_with("FILE is no whole backup: "), "{at}: {error}");
        if (whole.len() / 4..whole.len() / 4 * 3).contains(&at) {
            assert!(error.starts_with("FILE is no whole backup: logs/noise, before byte "), "{at}: {error}");
        }
    }
    for length in [0, 1, whole.len() / 2, last] {
        told(&whole[..length]).expect_err("cut short");
    }
    told(&[&whole[..], b"more"].concat()).expect_err("something stands behind it");
}

/// An archive of ours whose content does not fit its list, though zstd is content.
fn forged(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL).expect("begins");
    encoder.include_checksum(true).expect("takes it");
    let mut archive = tar::Builder::new(encoder);
    for (name, content) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        header.as_gnu_mut().expect("is one").name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_cksum();
        archive.append(&header, content.as_bytes()).expect("archived");
    }
    archive.into_inner().expect("ends").finish().expect("ends")
}

#[test]
fn an_archive_that_does_not_fit_its_list_is_refused() {
    let a = line(crc32c::crc32c(b"one"), 3, Path::new("a"));
    let list = format!("{LIST_HEAD}{a}");
    assert_eq!(told(&forged(&[("a", "one"), ("BACKUP", &list)])), Ok(Contents { files: 1, bytes: 3 }));
    let with_b = format!("{list}00000000 0 b\n");
    for (entries, expected) in [
        (&[("a", "two"), ("BACKUP", &list)][..], "a, before byte N: its content is not what was backed up"),
        (&[("b", "one"), ("BACKUP", &list)], "b, before byte N: its content is not what was backed up"),
        (&[("a", "one"), ("BACKUP", &with_b)], "its list of checksums, before byte N: 00000000 0 b is missing"),
        (&[("a", "one")], "its list of checksums, before byte N: it is missing"),
        (
            &[("a", "one"), ("BACKUP", "orszem backup 3\n")],
            "its list of checksums, before byte N: this version can't read it",
        ),
        (&[("BACKUP", LIST_HEAD), ("a", "one")], "a, before byte N: it stands behind the list of checksums"),
        (&[("../a", "one"), ("BACKUP", &list)], "../a, before byte N: the path lies outside"),
        (&[("/a", "one"), ("BACKUP", &list)], "/a, before byte N: the path lies outside"),
    ] {
        let error = self::told(&forged(entries)).expect_err("refused");
        let parts = error.split("before byte ").map(|part| part.trim_start_matches(|char: char| char.is_ascii_digit()));
        let told = parts.collect::<Vec<_>>().join("before byte N");
        assert_eq!(told, format!("FILE is no whole backup: {expected}"));
    }
}
