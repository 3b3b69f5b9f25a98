//! What is known of the cluster now: samples, edges, names. Whoever polls writes, whoever asks reads.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use orszem_cluster::drbd;
use orszem_cluster::metrics::Sample;
use orszem_cluster::pacemaker::cib::Configuration;
use orszem_model::topology::Edge;

/// A source of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Pacemaker,
    Corosync,
    Drbd,
}

impl Part {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pacemaker => "pacemaker",
            Self::Corosync => "corosync",
            Self::Drbd => "drbd",
        }
    }
}

/// The answer to the last question of a part.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Measured {
    pub(crate) is_well: bool,
    pub(crate) took: Duration,
    pub(crate) samples: Vec<Sample>,
    pub(crate) drbd: Vec<drbd::metrics::Sample>,
}

/// A handle; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Latest(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    measured: BTreeMap<Part, Arc<Measured>>,
    configuration: Option<Arc<Configuration>>,
    /// DRBD's resources by their minors.
    minors: BTreeMap<u32, String>,
    edges: Arc<Vec<Edge>>,
    cluster: String,
}

impl Latest {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_measured(&self, part: Part, measured: Measured) {
        self.inner().measured.insert(part, Arc::new(measured));
    }

    /// The part is not there, or not any more.
    pub(crate) fn forget_measured(&self, part: Part) {
        self.inner().measured.remove(&part);
    }

    /// By part.
    pub(crate) fn measured(&self) -> Vec<(Part, Arc<Measured>)> {
        self.inner().measured.iter().map(|(part, measured)| (*part, Arc::clone(measured))).collect()
    }

    pub(crate) fn set_configuration(&self, configuration: Arc<Configuration>) {
        let mut inner = self.inner();
        if !configuration.cluster_name.is_empty() {
            inner.cluster.clone_from(&configuration.cluster_name);
        }
        inner.configuration = Some(configuration);
        inner.draw();
    }

    /// The resource of each minor of DRBD.
    pub(crate) fn set_minors(&self, minors: BTreeMap<u32, String>) {
        let mut inner = self.inner();
        if inner.minors != minors {
            inner.minors = minors;
            inner.draw();
        }
    }

    /// The cluster's name as corosync has it, where Pacemaker has not told it.
    pub(crate) fn set_cluster(&self, name: &str) {
        let mut inner = self.inner();
        if inner.cluster.is_empty() {
            name.clone_into(&mut inner.cluster);
        }
    }

    /// Empty where it is not known.
    pub(crate) fn cluster(&self) -> String {
        self.inner().cluster.clone()
    }

    /// What the configuration of Pacemaker says of how entities depend on each other. It is another list when it changes.
    pub(crate) fn edges(&self) -> Arc<Vec<Edge>> {
        Arc::clone(&self.inner().edges)
    }
}

impl Inner {
    fn draw(&mut self) {
        let Some(configuration) = &self.configuration else { return };
        let edges = configuration.edges(&self.minors);
        if *self.edges != edges {
            self.edges = Arc::new(edges);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CIB: &str = r#"<cib admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config>
        <cluster_property_set id="o"><nvpair id="n" name="cluster-name" value="prod"/></cluster_property_set>
        </crm_config><nodes><node id="1" uname="n1"/></nodes><resources>
        <primitive id="fs" class="ocf" provider="heartbeat" type="Filesystem"><instance_attributes id="i">
        <nvpair id="d" name="device" value="/dev/drbd3"/></instance_attributes></primitive>
        </resources><constraints/></configuration></cib>"#;

    #[test]
    fn edges_follow_the_configuration_and_the_minors() {
        let latest = Latest::default();
        latest.set_cluster("other");
        let shown = || -> Vec<String> {
            latest.edges().iter().map(|edge| format!("{} {:?} {}", edge.from, edge.relation, edge.to)).collect()
        };
        assert_eq!(shown(), Vec::<String>::new());
        latest.set_configuration(Arc::new(Configuration::read(CIB).expect("a configuration")));
        assert_eq!(latest.cluster(), "prod");
        let part = "host/n1 PartOf cluster/prod";
        assert_eq!(shown(), [part, "resource/fs DependsOn device/drbd3"]);
        let before = latest.edges();
        latest.set_minors(BTreeMap::from([(3, "r3".to_owned())]));
        assert_eq!(shown(), [part, "resource/fs DependsOn drbd/r3"]);
        let now = latest.edges();
        latest.set_minors(BTreeMap::from([(3, "r3".to_owned()), (4, "r4".to_owned())]));
        assert!(!Arc::ptr_eq(&before, &now) && Arc::ptr_eq(&now, &latest.edges()), "only what changes is another list");
    }
}
