//! The journal's identity of a submission: the sender's own, told apart by tenant.

use orszem_journal::{IDENTITY_TEXT_BYTES_MAX, Identity, Signal};
use xxhash_rust::xxh3::xxh3_128;

use crate::ingest::http;

/// The identity that repeats of a submission will have too; `None` when its sender gives none. A sequence number counts
/// before an idempotency key.
pub(crate) fn of(
    tenant: u32,
    signal: Signal,
    identity: Option<&http::Identity>,
    idempotency_key: Option<&str>,
) -> Option<Identity> {
    if let Some(http::Identity { source, epoch, seq, skipped }) = identity {
        let source = within_tenant(tenant, source);
        return Some(Identity::Sequenced { source, epoch: *epoch, signal, seq: *seq, skipped: *skipped });
    }
    Some(Identity::Idempotent { key: within_tenant(tenant, idempotency_key?) })
}

/// The text with its tenant in front; one that gets too long for the journal by that is hashed.
fn within_tenant(tenant: u32, text: &str) -> String {
    let joined = format!("{tenant}/{text}");
    if joined.len() <= IDENTITY_TEXT_BYTES_MAX {
        joined
    } else {
        format!("{tenant}#{:032x}", xxh3_128(text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_with_the_same_names_are_told_apart() {
        let of = |tenant, source: Option<&str>, key: Option<&str>| {
            let identity = source.map(|source| http::Identity { source: source.into(), epoch: 7, seq: 9, skipped: 4 });
            of(tenant, Signal::Logs, identity.as_ref(), key)
        };
        let sequenced = |source: &str| {
            Some(Identity::Sequenced { source: source.into(), epoch: 7, signal: Signal::Logs, seq: 9, skipped: 4 })
        };
        assert_eq!(of(0, None, None), None);
        assert_eq!(of(0, Some("1/n"), Some("k")), sequenced("0/1/n"));
        assert_eq!(of(1, Some("n"), None), sequenced("1/n"));
        assert_eq!(of(2, None, Some("k")), Some(Identity::Idempotent { key: "2/k".into() }));
    }

    #[test]
    fn the_longest_names_still_fit_and_differ() {
        let names: Vec<String> =
            ["a", "b"].iter().map(|end| within_tenant(u32::MAX, &("k".repeat(255) + end))).collect();
        assert!(names.iter().all(|name| name.len() <= IDENTITY_TEXT_BYTES_MAX));
        assert_ne!(names[0], names[1]);
        assert_eq!(within_tenant(0, &"k".repeat(254)).len(), IDENTITY_TEXT_BYTES_MAX);
    }
}
