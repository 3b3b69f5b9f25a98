//! Where records come from, one kind a file.

pub(crate) mod cluster;
pub(crate) mod command;
pub(crate) mod corosync;
pub(crate) mod drbd;
pub(crate) mod exec;
pub(crate) mod files;
pub(crate) mod journald;
pub(crate) mod pacemaker;
pub(crate) mod poller;
pub(crate) mod spool;
pub(crate) mod stdin;
