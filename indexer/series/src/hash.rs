//! The hash by which a series is known in every block.

use orszem_model::Labels;
use xxhash_rust::xxh3::xxh3_64;

/// XXH3 (64 bits) of names and values in order, each with a byte 0xff behind it, which UTF-8 never has. It is on disk
/// and must stay as it is.
pub fn labels_hash(labels: &Labels) -> u64 {
    const SHORT: usize = 512;
    let mut short = [0xff; SHORT];
    let mut at = 0;
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        let end = at + text.len();
        if end >= SHORT {
            return long_hash(labels);
        }
        short[at..end].copy_from_slice(text.as_bytes());
        at = end + 1;
    }
    xxh3_64(&short[..at])
}

#[cold]
fn long_hash(labels: &Labels) -> u64 {
    let mut bytes = Vec::new();
    for text in labels.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0xff);
    }
    xxh3_64(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_one_on_disk_and_short_and_long_agree() {
        let labels = Labels::from([("__name__", "up"), ("job", "node")]);
        assert_eq!(labels_hash(&labels), xxh3_64(b"__name__\xffup\xffjob\xffnode\xff"));
        assert_eq!(labels_hash(&labels), long_hash(&labels));
        assert_ne!(labels_hash(&Labels::from([("a", "bc")])), labels_hash(&Labels::from([("ab", "c")])));
        let long = "x".repeat(600);
        let hash = labels_hash(&Labels::from([("a", long.as_str())]));
        assert_eq!(
            hash,
            xxh3_64(
                format!("a!{long}!")
                    .replace('!', "\u{1}")
                    .bytes()
                    .map(|b| if b == 1 { 0xff } else { b })
                    .collect::<Vec<_>>()
                    .as_slice()
            )
        );
    }
}
