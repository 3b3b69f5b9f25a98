//! The regular expressions of the configuration, compiled.

use regex::Regex;

use crate::config::HostConfig;

/// Which things are measured.
#[derive(Clone, Debug)]
pub(crate) struct Filters {
    pub(crate) mount_points_exclude: Option<Regex>,
    pub(crate) fs_types_exclude: Option<Regex>,
    pub(crate) disks_exclude: Option<Regex>,
    pub(crate) netdev_exclude: Option<Regex>,
    pub(crate) netclass_exclude: Option<Regex>,
    pub(crate) netstat_fields: Option<Regex>,
    pub(crate) vmstat_fields: Option<Regex>,
}

impl Filters {
    pub(crate) fn new(config: &HostConfig) -> Result<Self, regex::Error> {
        Ok(Self {
            mount_points_exclude: compile(&config.mount_points_exclude)?,
            fs_types_exclude: compile(&config.fs_types_exclude)?,
            disks_exclude: compile(&config.disks_exclude)?,
            netdev_exclude: compile(&config.netdev_exclude)?,
            netclass_exclude: compile(&config.netclass_exclude)?,
            netstat_fields: compile(&config.netstat_fields)?,
            vmstat_fields: compile(&config.vmstat_fields)?,
        })
    }
}

/// The expression; `None` of an empty one.
pub(crate) fn compile(pattern: &str) -> Result<Option<Regex>, regex::Error> {
    if pattern.is_empty() { Ok(None) } else { Regex::new(pattern).map(Some) }
}

/// Whether an expression is there and finds something.
pub(crate) fn is_match(expression: &Option<Regex>, text: &str) -> bool {
    expression.as_ref().is_some_and(|expression| expression.is_match(text))
}
