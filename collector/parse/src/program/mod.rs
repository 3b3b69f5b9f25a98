//! What a program says inside a line that syslog or the journal wrapped.

mod cron;
mod sshd;
mod sudo;
mod systemd;

use std::sync::LazyLock;

use orszem_model::{Severity, Timestamp};

use super::found::{at_least, between, entity};
use super::{
    Layer, Moment, Parsed, Zone, corosync, exception, java, java_catalina, kernel, mariadb, pacemaker, postgres,
};

/// Adds to `parsed` what the message of `service` says of itself; `parsed.message` moves on where the message has
/// a header of its own. `message` begins where `parsed.message` points to, or one blank behind.
pub(crate) fn refine<'a>(service: &str, message: &'a [u8], parsed: &mut Parsed<'a>) {
    let said = message.trim_ascii_start();
    parsed.message += message.len() - said.len();
    // `/usr/sbin/cron` and `postgres@15-main` go by their last name.
    let name = service.rsplit('/').next().unwrap_or(service).as_bytes();
    match name {
        b"kernel" => kernel::refine(said, parsed),
        b"corosync" | b"corosync-qdevice" | b"corosync-qnetd" => corosync::refine(said, parsed),
        b"postgres" | b"postgresql" => postgres::refine(said, parsed),
        b"mysqld" | b"mariadbd" | b"mysqld_safe" | b"mariadb" | b"mysql" => mariadb::refine(said, parsed),
        b"sshd" | b"sshd-session" => sshd::refine(said, parsed),
        b"systemd" => systemd::refine(said, parsed),
        b"sudo" => sudo::refine(said, parsed),
        b"cron" | b"CRON" | b"crond" | b"CROND" => cron::refine(said, parsed),
        b"java" | b"catalina" => self::java(said, parsed),
        _ if pacemaker::is_daemon(name) => pacemaker::refine(said, parsed),
        _ if name.starts_with(b"tomcat") => self::java(said, parsed),
        _ if name.contains(&b'(') => agent(name, parsed),
        _ => {}
    }
}

/// The zone of stamps whose time is not wanted.
static ANY_ZONE: LazyLock<Zone> = LazyLock::new(Zone::utc);

/// What Java wrote to standard output; its time is the header's.
fn java<'a>(said: &'a [u8], parsed: &mut Parsed<'a>) {
    let moment = Moment { now: Timestamp(0), zone: &ANY_ZONE };
    let inner = java::parse(said, &moment).or_else(|| java_catalina::parse(said, &moment));
    match inner {
        Some(inner) => {
            parsed.severity = inner.severity;
            parsed.severity_text = inner.severity_text;
            parsed.message += inner.message;
            parsed.trace_id = inner.trace_id.or(parsed.trace_id);
            parsed.span_id = inner.span_id.or(parsed.span_id);
            parsed.attributes.extend(inner.attributes);
        }
        None if exception::describe(said, parsed) => at_least(parsed, Severity::ERROR),
        None => {}
    }
}

/// `IPaddr2(vip)`: a resource agent and the resource it runs for.
fn agent(name: &[u8], parsed: &mut Parsed<'_>) {
    if let Some(resource) = between(name, b"(", b")") {
        parsed.layer = Some(Layer::Cluster);
        entity(parsed, "resource", resource);
    }
}

#[cfg(test)]
mod tests;
