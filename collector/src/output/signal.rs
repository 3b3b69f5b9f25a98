//! What a batch holds, and what follows from it for its way to the server.

/// What is sent: each has a queue, a sender and dead letters of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Signal {
    /// An OTLP `ExportLogsServiceRequest`.
    #[default]
    Logs,
    /// A Prometheus remote write 2.0 `io.prometheus.write.v2.Request`.
    Metrics,
}

impl Signal {
    /// Where the server takes it.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Logs => "/v1/logs",
            Self::Metrics => "/api/v1/write",
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Logs => "application/x-protobuf",
            Self::Metrics => "application/x-protobuf;proto=io.prometheus.write.v2.Request",
        }
    }

    /// The directory of its queue in the state directory.
    pub fn queue(self) -> &'static str {
        match self {
            Self::Logs => "queue",
            Self::Metrics => "queue-metrics",
        }
    }

    /// The directory of dead letters in the state directory.
    pub(super) fn dead_letters(self) -> &'static str {
        match self {
            Self::Logs => "dead-letter",
            Self::Metrics => "dead-letter-metrics",
        }
    }

    /// How the payload of a dead letter ends: its message and compression.
    pub(super) fn payload_ending(self) -> &'static str {
        match self {
            Self::Logs => "otlp.zst",
            Self::Metrics => "write.zst",
        }
    }

    /// What its batches consist of.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Logs => "records",
            Self::Metrics => "samples",
        }
    }

    /// What to do about an answer that no repeat will change.
    pub(super) fn remedy(self, status: u16) -> &'static str {
        match (status, self) {
            (0, _) => "mend the file that is named",
            (401, _) => "the server does not know the token: put one that it knows in output.token_file",
            (403, _) => "the token may not send: give it the role ingest on the server",
            (404 | 405, Self::Logs) => "there is no /v1/logs: check that output.endpoints leads to the server itself",
            (404 | 405, Self::Metrics) => {
                "there is no /api/v1/write: check that output.endpoints leads to the server itself"
            }
            (300..=399, _) => "the server points elsewhere: write that address in output.endpoints",
            (_, _) => "see the server's own log, and check output.endpoints",
        }
    }
}
