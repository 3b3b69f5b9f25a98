//! The layers of a site, from the hardware up.

/// Where a record belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    Kernel,
    Storage,
    Cluster,
    Network,
    Database,
    App,
    Web,
    Probe,
    Host,
}

impl Layer {
    /// All layers.
    pub const ALL: [Self; 9] = [
        Self::Kernel,
        Self::Storage,
        Self::Cluster,
        Self::Network,
        Self::Database,
        Self::App,
        Self::Web,
        Self::Probe,
        Self::Host,
    ];

    /// Its name in the label `layer`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Storage => "storage",
            Self::Cluster => "cluster",
            Self::Network => "network",
            Self::Database => "database",
            Self::App => "app",
            Self::Web => "web",
            Self::Probe => "probe",
            Self::Host => "host",
        }
    }

    /// The layer of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layer| layer.name() == name)
    }
}
