//! The allocator's settings: memory that was freed goes back to the system.

/// Blocks of this size and more get pages of their own, which go back when they are freed. Left to itself, glibc raises
/// the bound with each such block that is freed, up to 32 MiB, and batches and memtables then fragment its heaps: twice
/// the resident memory after an hour of ingest.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const OWN_PAGES_BYTES: i32 = 384 << 10;
/// Free bytes at the end of a heap that are kept.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT_BYTES: i32 = 4 << 20;

/// Sets them. Called once, before any thread is started.
pub fn set_up() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[expect(unsafe_code, reason = "mallopt has no safe form; it only stores two numbers")]
    // SAFETY: no other thread runs yet, and both parameters are documented ones.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, OWN_PAGES_BYTES);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES);
    }
}
