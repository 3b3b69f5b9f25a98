//! What looks like trouble and is none.

use crate::calendar::{apache, catalina};
use crate::hosts::{APP, CATALINA, ERROR, Node};
use crate::item::Item;
use crate::plan::Plan;
use crate::script::Script;
use crate::truth::{Story, Truth};

/// A backup reads the whole database: disks are busy, and slower than usual.
pub(super) fn backup(mut script: Script<'_>, active: Node) -> Plan {
    let s = &mut script;
    let name = active.name();
    let until = s.random.between(120.0, 160.0);
    s.syslog(0.0, name, "CRON", "(oracle) CMD (/u01/app/oracle/bin/rman_level1.sh >> /var/log/rman.log 2>&1)");
    s.alert_log(3.0, active, "Starting control autobackup");
    for step in 1..5 {
        let second = until / 5.0 * f64::from(step);
        let sequence = 410 + step;
        s.alert_log(second, active, &format!("Thread 1 advanced to log sequence {sequence} (LGWR switch)\n  Current log# {} seq# {sequence} mem# 0: /u02/oradata/ERP/redo0{}.log", step % 3 + 1, step % 3 + 1));
        s.alert_log(
            second + 1.0,
            active,
            &format!("ARC1: Archived Log entry {} added for T-1.S-{} ID 0x3c71a9e4 LAD:1", 900 + step, sequence - 1),
        );
    }
    s.alert_log(until, active, "Control autobackup written to DISK device\n\thandle '/backup/ERP/c-1013840868-00'");
    s.syslog(until + 1.0, name, "rman_level1.sh", "backup finished, 41.2 GiB read, 3.8 GiB written");
    let span = s.span(0.0, until);
    let text = format!("a backup of the database on {name} loaded its disk for {until:.0} s; nothing was wrong");
    let truth = harmless(s, Story::Backup, until, text);
    Plan { backup: Some((active, span)), items: script.finish(), ..Plan::quiet(truth) }
}

/// Cron rotates logs and restarts what writes them.
pub(super) fn cron(mut script: Script<'_>) -> Plan {
    let s = &mut script;
    s.syslog(0.0, APP, "CRON", "(root) CMD (test -x /usr/sbin/logrotate && /usr/sbin/logrotate /etc/logrotate.conf)");
    s.syslog(0.8, APP, "systemd", "Reloading The Apache HTTP Server...");
    let at = s.at(0.9);
    let text = format!(
        "[{}] [mpm_event:notice] [pid 22508:tid 22508] AH00493: SIGUSR1 received.  Doing graceful restart",
        apache(at)
    );
    s.items.push(Item::Line { at, host: APP, file: ERROR, text });
    let at = s.at(1.1);
    let text = format!(
        "[{}] [mpm_event:notice] [pid 22508:tid 22508] AH00489: Apache/2.4.62 (Debian) OpenSSL/3.0.15 configured -- resuming normal operations",
        apache(at)
    );
    s.items.push(Item::Line { at, host: APP, file: ERROR, text });
    s.syslog(1.2, APP, "systemd", "Reloaded The Apache HTTP Server.");
    s.syslog(5.0, APP, "CRON", "(report) CMD (systemctl restart erp-report.service)");
    s.syslog(5.1, APP, "systemd", "Stopping ERP report writer...");
    s.syslog(5.9, APP, "systemd", "erp-report.service: Deactivated successfully.");
    s.syslog(6.2, APP, "systemd", "Started ERP report writer.");
    let at = s.at(8.0);
    let text =
        format!("{} INFO [report-1] com.example.erp.report.Scheduler.start 14 reports are scheduled", catalina(at));
    s.items.push(Item::Line { at, host: APP, file: CATALINA, text });
    let truth = harmless(
        s,
        Story::CronRestart,
        8.0,
        "cron rotated logs and restarted the report writer of app1; nothing was wrong".to_owned(),
    );
    Plan { items: script.finish(), ..Plan::quiet(truth) }
}

fn harmless(s: &Script<'_>, story: Story, until: f64, text: String) -> Truth {
    Truth {
        story,
        from: s.at(0.0),
        until: s.at(until),
        root_cause: String::new(),
        outage: None,
        service_away_ms: None,
        moved: None,
        expected: Vec::new(),
        text,
    }
}
