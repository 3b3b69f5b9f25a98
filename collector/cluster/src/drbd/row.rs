//! What is known of the objects of DRBD on one host.

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub resource: String,
    pub part: Part,
}

/// Which part of a resource; peers go by the name of the connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    Resource,
    Device { volume: u32 },
    Connection { peer: String },
    PeerDevice { peer: String, volume: u32 },
    Path { peer: String, local: String, remote: String },
}

impl Part {
    /// Whether this goes when `parent` of the same resource goes.
    pub(crate) fn belongs_to(&self, parent: &Part) -> bool {
        match parent {
            Self::Resource => true,
            Self::Connection { peer: gone } => match self {
                Self::Connection { peer } | Self::PeerDevice { peer, .. } | Self::Path { peer, .. } => peer == gone,
                Self::Resource | Self::Device { .. } => false,
            },
            Self::Device { volume: gone } => match self {
                Self::Device { volume } | Self::PeerDevice { volume, .. } => volume == gone,
                Self::Resource | Self::Connection { .. } | Self::Path { .. } => false,
            },
            Self::PeerDevice { .. } | Self::Path { .. } => self == parent,
        }
    }
}

/// An object's state, or that part of it that a source tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Row {
    Resource(ResourceRow),
    Device(DeviceRow),
    Connection(ConnectionRow),
    PeerDevice(PeerDeviceRow),
    Path(PathRow),
}

macro_rules! rows {
    ($($(#[$doc:meta])* $row:ident { $($(#[$about:meta])* $field:ident: $kind:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $row { $($(#[$about])* pub $field: Option<$kind>,)* }

        impl $row {
            fn merge(&mut self, newer: Self) {
                $(if newer.$field.is_some() { self.$field = newer.$field; })*
            }
        }
    )*};
}

rows! {
    ResourceRow {
        role: String,
        /// Why input and output are suspended; empty when they are not.
        suspended: Vec<String>,
        has_forced_io_failures: bool,
        may_promote: bool,
        promotion_score: u64,
        write_ordering: String,
    }
    DeviceRow {
        minor: u32,
        /// Empty for none.
        backing_device: String,
        disk: String,
        is_client: bool,
        has_quorum: bool,
        is_open: bool,
        size_bytes: u64,
        read_bytes: u64,
        written_bytes: u64,
        al_writes: u64,
        bm_writes: u64,
        upper_pending: u64,
        lower_pending: u64,
        is_al_suspended: bool,
        /// `no`, `upper`, `lower`.
        blocked: String,
    }
    ConnectionRow {
        peer_node_id: u32,
        connection: String,
        peer_role: String,
        /// Of a connection that is `StandAlone`: `SplitBrain` or `Unrelated`, in the newest versions.
        sync_state: String,
        is_congested: bool,
        ap_in_flight_bytes: u64,
        rs_in_flight_bytes: u64,
    }
    PeerDeviceRow {
        replication: String,
        peer_disk: String,
        is_peer_client: bool,
        /// `user`, `peer`, `dependency`, …; empty when it is not.
        resync_suspended: Vec<String>,
        received_bytes: u64,
        sent_bytes: u64,
        out_of_sync_bytes: u64,
        pending: u64,
        unacked: u64,
        /// Hundredths of a percent.
        done: u32,
        eta_s: u64,
    }
    PathRow { is_established: bool, }
}

impl PeerDeviceRow {
    /// With statistics come the progress and the rest of a pass, or they are not known any more.
    fn merge_with_progress(&mut self, newer: Self) {
        if newer.out_of_sync_bytes.is_some() {
            (self.done, self.eta_s) = (None, None);
        }
        self.merge(newer);
    }
}

impl Row {
    /// Takes over what `newer` tells.
    pub(crate) fn merge_newer(&mut self, newer: Self) {
        match (self, newer) {
            (Self::Resource(row), Self::Resource(newer)) => row.merge(newer),
            (Self::Device(row), Self::Device(newer)) => row.merge(newer),
            (Self::Connection(row), Self::Connection(newer)) => {
                if newer.connection.is_some() {
                    row.sync_state = None;
                }
                row.merge(newer);
            }
            (Self::PeerDevice(row), Self::PeerDevice(newer)) => row.merge_with_progress(newer),
            (Self::Path(row), Self::Path(newer)) => row.merge(newer),
            // A key has one kind of row.
            (row, newer) => *row = newer,
        }
    }
}
