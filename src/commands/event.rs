//! `orszem event`: takes an event from Pacemaker or DRBD and leaves it for the collector.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use orszem_collector::spool::{self, Event, SpoolError};
use orszem_model::chain;

use crate::collecting::now;

/// Where syslog takes messages.
const SYSLOG: &str = "/dev/log";
/// `daemon.err`
const PRIORITY: u32 = 3 * 8 + 3;
/// The longest message that every syslog takes.
const SYSLOG_BYTES_MAX: usize = 1024;

/// Take an event from Pacemaker or DRBD and leave it for the collector
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Started by the cluster, not by people: reads CRM_alert_*, CRM_notify_* or DRBD_* of its environment, leaves one small
file in the spool directory, and ends, in well under a second. Neither the collector nor the server need run. Once the
cluster has started it, it ends with 0 whatever happens, so that nothing in the cluster depends on it; what goes wrong is
told on standard error and to syslog. `orszem collector install` makes the directory and the link orszem-event, which is
the same as `orszem event`, for those who start a program without arguments.

PACEMAKER ALERTS (config/alerts/pacemaker.xml)
  pcs alert create path=/usr/bin/orszem-event id=orszem
  crm configure alert orszem /usr/bin/orszem-event
  cibadmin --modify --allow-create -o configuration -x /usr/share/doc/orszem/alerts/pacemaker.xml

CLUSTERMON, where there are no alerts (Pacemaker before 1.1.15)
  crm configure primitive orszem-mon ocf:pacemaker:ClusterMon params extra_options='-E /usr/bin/orszem-event -W'
  crm configure clone cl-orszem-mon orszem-mon

DRBD (config/alerts/drbd.conf), in `common` or a resource
  handlers {
    split-brain        \"/usr/bin/orszem event --drbd-handler split-brain\";
    local-io-error     \"/usr/bin/orszem event --drbd-handler local-io-error\";
    pri-lost-after-sb  \"/usr/bin/orszem event --drbd-handler pri-lost-after-sb\";
    quorum-lost        \"/usr/bin/orszem event --drbd-handler quorum-lost\";
  }
  A handler that has to answer DRBD, as fence-peer has, stays what it is. The collector sees every call of a handler
  even where none is configured.

EXAMPLES
  orszem event
  orszem event --drbd-handler split-brain
  orszem event split-brain --spool /var/spool/orszem/events")]
pub struct Args {
    /// The DRBD handler that it is run as, such as split-brain
    #[arg(value_name = "HANDLER", conflicts_with = "drbd_handler")]
    pub handler: Option<String>,
    /// The same, as an option
    #[arg(long, value_name = "NAME")]
    pub drbd_handler: Option<String>,
    /// Where the event is left; the collector's `cluster.spool`
    #[arg(long, env = "ORSZEM_SPOOL", value_name = "DIR", default_value = spool::DIRECTORY)]
    pub spool: PathBuf,
}

/// Runs the command.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { handler, drbd_handler, spool } = args;
    let helper = handler.or(drbd_handler).unwrap_or_default();
    let environment = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
    let event = Event::new(now(), &helper, environment);
    if !event.is_of_cluster() {
        bail!(
            "neither CRM_alert_*, CRM_notify_* nor DRBD_* is set: it is started by Pacemaker or DRBD, see `orszem event \
             --help`"
        );
    }
    match event.check() {
        Ok(true) => {}
        Ok(false) => return Ok(ExitCode::SUCCESS),
        // It is left all the same, so that it is told that there was one.
        Err(error) => tell(&format!("{} ({})", chain(&error), event.summary())),
    }
    if let Err(error) = event.leave(&spool) {
        tell(&format!("an event is lost: {}; {}; {}", chain(&error), remedy(&error), event.summary()));
    }
    Ok(ExitCode::SUCCESS)
}

fn remedy(error: &SpoolError) -> &'static str {
    match error {
        SpoolError::List { .. } | SpoolError::Write { .. } => {
            "the directory has to be there, with room on its disk, and be written by root and hacluster: `orszem \
             collector install` makes it, or `install -d -o orszem -g haclient -m 2770`"
        }
        SpoolError::Full { .. } => "start the collector, or remove files that nobody needs",
        SpoolError::TooLong { .. } | SpoolError::NotEvent(_) | SpoolError::Version { .. } | SpoolError::Random(_) => {
            "see the cause"
        }
    }
}

/// To standard error, and to syslog where there is one: the cluster's daemons may keep neither.
fn tell(text: &str) {
    eprintln!("orszem event: {text}");
    let line = format!("<{PRIORITY}>orszem-event[{}]: {text}", std::process::id());
    let line = line.as_bytes().get(..SYSLOG_BYTES_MAX).unwrap_or(line.as_bytes());
    let sent = UnixDatagram::unbound().and_then(|socket| {
        socket.set_nonblocking(true)?;
        socket.send_to(line, SYSLOG)
    });
    // Not every host has one.
    if let Err(error) = sent
        && error.kind() != ErrorKind::NotFound
    {
        eprintln!("orszem event: nor does syslog take it: {error}");
    }
}
