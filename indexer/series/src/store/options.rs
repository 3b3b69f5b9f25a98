//! Limits of the store; each says what happens at it.

/// What a series store is opened with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes of samples in memory after which [`SeriesStore::wants_flush`](super::SeriesStore::wants_flush). At twice as
    /// many [`SeriesStore::has_room`](super::SeriesStore::has_room) says no.
    pub flush_bytes: usize,
    /// Series of one tenant in the head; new ones are rejected beyond.
    pub series_max: u64,
    /// Series of one metric and tenant in the head; new ones are rejected beyond.
    pub metric_series_max: u64,
    /// New series of one batch; more are rejected.
    pub batch_series_max: usize,
    /// Series whose sender's bytes are remembered, about 36 bytes each; beyond, some are forgotten and looked up by
    /// their labels.
    pub keys_max: usize,
    /// Exemplars; the oldest go.
    pub exemplars_max: usize,
    /// Metrics whose metadata is kept, for each tenant; that of others is dropped and counted.
    pub metadata_max: usize,
    /// How long a window of two hours waits for late samples before it is written as a block, in milliseconds.
    pub cut_after_ms: i64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            flush_bytes: 128 << 20,
            series_max: 5_000_000,
            metric_series_max: 2_000_000,
            batch_series_max: 200_000,
            keys_max: 4_000_000,
            exemplars_max: 100_000,
            metadata_max: 50_000,
            cut_after_ms: 3_600_000,
        }
    }
}
