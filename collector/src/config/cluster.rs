//! `[collector.cluster]`: what is asked of Pacemaker, corosync and DRBD.

use std::path::{Path, PathBuf};

use orszem_model::Span;
use serde::{Deserialize, Serialize};

use crate::Wrong;
use crate::source::corosync::CorosyncConfig;
use crate::source::drbd::DrbdConfig;
use crate::source::pacemaker::PacemakerConfig;

/// Where udev names DRBD's devices by their resources.
const DRBD_BY_RESOURCE: &str = "/dev/drbd/by-res";

/// The cluster that this host is a node of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterConfig {
    /// Whether the cluster's tools are asked.
    pub enabled: ClusterMode,
    /// How often `crm_mon` is asked. At least 1 s.
    pub pacemaker_interval: Span,
    /// How often corosync's tools are asked. At least 1 s.
    pub corosync_interval: Span,
    /// How often DRBD's counters are asked for; its states come by themselves. At least 1 s.
    pub drbd_interval: Span,
    /// A tool that takes longer is ended. At least 1 s.
    pub timeout: Span,
    /// Where `orszem event` leaves events. Another one takes effect at the next start.
    pub spool: PathBuf,
    /// Names or paths of the tools.
    pub commands: ClusterCommands,
}

/// Whether the cluster's tools are asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClusterMode {
    /// Those that are installed.
    #[default]
    Auto,
    /// As auto, and what is missing is told.
    On,
    Off,
}

/// Names or paths of the tools; one without `/` is looked for where tools are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterCommands {
    pub crm_mon: String,
    pub cibadmin: String,
    pub corosync_quorumtool: String,
    pub corosync_cfgtool: String,
    pub corosync_cmapctl: String,
    pub corosync_qdevice_tool: String,
    pub drbdsetup: String,
    /// The kernel's own word of DRBD; without this file DRBD is not there.
    pub proc_drbd: PathBuf,
}

impl Default for ClusterConfig {
    fn default() -> Self {
        Self {
            enabled: ClusterMode::Auto,
            pacemaker_interval: Span::secs(5),
            corosync_interval: Span::secs(10),
            drbd_interval: Span::secs(3),
            timeout: Span::secs(10),
            spool: PathBuf::from(crate::spool::DIRECTORY),
            commands: ClusterCommands::default(),
        }
    }
}

impl Default for ClusterCommands {
    fn default() -> Self {
        Self {
            crm_mon: "crm_mon".to_owned(),
            cibadmin: "cibadmin".to_owned(),
            corosync_quorumtool: "corosync-quorumtool".to_owned(),
            corosync_cfgtool: "corosync-cfgtool".to_owned(),
            corosync_cmapctl: "corosync-cmapctl".to_owned(),
            corosync_qdevice_tool: "corosync-qdevice-tool".to_owned(),
            drbdsetup: "drbdsetup".to_owned(),
            proc_drbd: PathBuf::from("/proc/drbd"),
        }
    }
}

impl ClusterConfig {
    pub(super) fn validate(&self) -> Vec<Wrong> {
        let Self { enabled: _, pacemaker_interval, corosync_interval, drbd_interval, timeout, spool, commands } = self;
        let spans = [
            ("pacemaker_interval", pacemaker_interval),
            ("corosync_interval", corosync_interval),
            ("drbd_interval", drbd_interval),
            ("timeout", timeout),
        ];
        let mut wrong: Vec<Wrong> = spans
            .into_iter()
            .filter(|(_, span)| **span < Span::secs(1))
            .map(|(key, span)| Wrong::new(format!("cluster.{key}"), span, "is too short", "write at least \"1s\""))
            .collect();
        let absolute = |key: &str, path: &Path| {
            (!path.is_absolute()).then(|| {
                let value = format!("{:?}", path.display().to_string());
                Wrong::new(format!("cluster.{key}"), value, "is no absolute path", "begin it with `/`")
            })
        };
        wrong.extend(absolute("spool", spool));
        let ClusterCommands {
            crm_mon,
            cibadmin,
            corosync_quorumtool,
            corosync_cfgtool,
            corosync_cmapctl,
            corosync_qdevice_tool,
            drbdsetup,
            proc_drbd,
        } = commands;
        wrong.extend(absolute("commands.proc_drbd", proc_drbd));
        let programs = [
            ("crm_mon", crm_mon),
            ("cibadmin", cibadmin),
            ("corosync_quorumtool", corosync_quorumtool),
            ("corosync_cfgtool", corosync_cfgtool),
            ("corosync_cmapctl", corosync_cmapctl),
            ("corosync_qdevice_tool", corosync_qdevice_tool),
            ("drbdsetup", drbdsetup),
        ];
        let is_wrong = |program: &str| program.is_empty() || (program.contains('/') && !program.starts_with('/'));
        wrong.extend(programs.into_iter().filter(|(_, program)| is_wrong(program)).map(|(key, program)| {
            let remedy = "write a program's name, or its path from `/` on, without arguments";
            Wrong::new(format!("cluster.commands.{key}"), format!("{program:?}"), "names no program", remedy)
        }));
        wrong
    }

    /// What is asked of Pacemaker; `None` where nothing is.
    pub(crate) fn pacemaker(&self, reporter: &str) -> Option<PacemakerConfig> {
        (self.enabled != ClusterMode::Off).then(|| PacemakerConfig {
            reporter: reporter.to_owned(),
            crm_mon: self.commands.crm_mon.clone(),
            cibadmin: self.commands.cibadmin.clone(),
            interval: self.pacemaker_interval.duration(),
            timeout: self.timeout.duration(),
            is_required: self.enabled == ClusterMode::On,
        })
    }

    /// What is asked of corosync; `None` where nothing is.
    pub(crate) fn corosync(&self, reporter: &str) -> Option<CorosyncConfig> {
        (self.enabled != ClusterMode::Off).then(|| CorosyncConfig {
            reporter: reporter.to_owned(),
            quorumtool: self.commands.corosync_quorumtool.clone(),
            cfgtool: self.commands.corosync_cfgtool.clone(),
            cmapctl: self.commands.corosync_cmapctl.clone(),
            qdevice_tool: self.commands.corosync_qdevice_tool.clone(),
            interval: self.corosync_interval.duration(),
            timeout: self.timeout.duration(),
            is_required: self.enabled == ClusterMode::On,
        })
    }

    /// What is asked of DRBD; `None` where nothing is.
    pub(crate) fn drbd(&self, reporter: &str) -> Option<DrbdConfig> {
        (self.enabled != ClusterMode::Off).then(|| DrbdConfig {
            reporter: reporter.to_owned(),
            drbdsetup: self.commands.drbdsetup.clone(),
            proc_drbd: self.commands.proc_drbd.clone(),
            by_resource: PathBuf::from(DRBD_BY_RESOURCE),
            interval: self.drbd_interval.duration(),
            timeout: self.timeout.duration(),
            is_required: self.enabled == ClusterMode::On,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_problem_has_its_key() {
        let commands = ClusterCommands { crm_mon: String::new(), cibadmin: "./c".into(), ..ClusterCommands::default() };
        let bad = ClusterConfig {
            pacemaker_interval: Span::secs(0),
            timeout: Span::secs(0),
            spool: "here".into(),
            commands,
            ..ClusterConfig::default()
        };
        let told: Vec<String> =
            bad.validate().into_iter().map(|w| format!("{} = {}: {}", w.key, w.value, w.wrong)).collect();
        assert_eq!(
            told,
            [
                "cluster.pacemaker_interval = 0s: is too short",
                "cluster.timeout = 0s: is too short",
                "cluster.spool = \"here\": is no absolute path",
                "cluster.commands.crm_mon = \"\": names no program",
                "cluster.commands.cibadmin = \"./c\": names no program",
            ]
        );
        assert_eq!(ClusterConfig::default().validate(), []);
        let off = ClusterConfig { enabled: ClusterMode::Off, ..ClusterConfig::default() };
        assert_eq!((off.pacemaker("n"), off.corosync("n"), off.drbd("n")), (None, None, None));
    }
}
