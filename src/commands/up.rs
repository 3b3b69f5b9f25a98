//! `orszem up`: a server that follows this host's logs, with no configuration.

mod mail;

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use orszem_collector::{FileState, FileStatus};

use super::server::{Listen, Signals, options};
use crate::app::{App, host_name};
use crate::cli::{DEFAULT_SERVER, Global};
use crate::lines::harmless;

/// How long the first look at the files may take before the welcome is printed without them.
const FIRST_LOOK: Duration = Duration::from_millis(1_500);
/// Files named in the welcome; more are counted.
const FILES_SHOWN: usize = 20;

/// Follow this host's logs and search them
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Needs no configuration. Follows text logs under /var/log, the systemd journal, and what the programs that run here
write elsewhere (`orszem collector --discover` shows it), keeps 14 days or 20 % of the file system, whichever is less,
and serves the page at http://127.0.0.1:7450/. The rules that the program brings watch this host (docs/rules.md); with
--mail what they find is mailed.

EXAMPLES
  orszem up
  orszem up --mail you@example.com --smtp smtp.example.com
  orszem up --mail you@example.com --smtp smtp.example.com:465 --smtp-user you@example.com --smtp-password-file /root/smtp
  orszem up --data-dir /srv/orszem --listen 127.0.0.1:8080
  orszem up --config orszem.toml")]
pub struct Args {
    #[command(flatten)]
    pub listen: Listen,
    #[command(flatten, next_help_heading = "Alerts by mail")]
    pub mail: mail::MailArgs,
}

/// Runs until a signal stops it.
pub async fn run(global: &Global, args: Args) -> anyhow::Result<ExitCode> {
    let signals = Signals::new()?;
    let Args { listen, mail } = args;
    let mailing = mail.mailing()?;
    let mut options = options(global, listen, true)?;
    options.overrides.mailing.clone_from(&mailing);
    let app = App::start(options).await?;
    let files = first_look(&app).await;
    welcome(&mut std::io::stdout().lock(), &app, &files)?;
    if let Some(mailing) = &mailing {
        mail::test(&mut std::io::stdout(), &app, mailing, mail.mail_test).await?;
    }
    Ok(signals.serve(app).await)
}

/// The files once the collector has seen them.
async fn first_look(app: &App) -> Vec<FileStatus> {
    let seen = async {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        while app.files().is_empty() {
            tick.tick().await;
        }
    };
    if app.follows() && tokio::time::timeout(FIRST_LOOK, seen).await.is_err() {
        tracing::warn!("the collector has found no file yet");
    }
    app.files()
}

fn welcome(out: &mut impl Write, app: &App, files: &[FileStatus]) -> std::io::Result<()> {
    writeln!(out, "Őrszem is at {}", app.url())?;
    if let Some(ca) = app.ca() {
        writeln!(out, "its certificate authority is {}, SHA-256 {}", ca.certificate.display(), ca.fingerprint)?;
    }
    write_files(out, files)?;
    writeln!(out, "\ntry")?;
    let elsewhere = match app.url().trim_end_matches('/') {
        DEFAULT_SERVER => String::new(),
        url => format!(" --server {url}"),
    };
    for query in queries(&host_name(), files) {
        writeln!(out, "  orszem search {query}{elsewhere}")?;
    }
    if app.has_built_in_rules() {
        writeln!(out, "\nrules of the program watch this host; `orszem alerts list{elsewhere}` shows what they find")?;
    }
    out.flush()
}

fn write_files(out: &mut impl Write, files: &[FileStatus]) -> std::io::Result<()> {
    let following: Vec<&FileStatus> = files.iter().filter(|file| file.state == FileState::Following).collect();
    let noun = if following.len() == 1 { "file" } else { "files" };
    writeln!(out, "\nfollowing {} {noun}", following.len())?;
    for file in following.iter().take(FILES_SHOWN) {
        writeln!(out, "  {}", harmless(&file.path.to_string_lossy()))?;
    }
    if following.len() > FILES_SHOWN {
        writeln!(out, "  and {} more", following.len() - FILES_SHOWN)?;
    }
    for file in files {
        if let FileState::Unreadable { reason, fix } = &file.state {
            writeln!(out, "can't read {}: {reason}\n  fix: {fix}", harmless(&file.path.to_string_lossy()))?;
        }
    }
    Ok(())
}

/// Three queries that find something on this host.
fn queries(host: &str, files: &[FileStatus]) -> [String; 3] {
    let biggest = files.iter().filter(|file| file.state == FileState::Following).max_by_key(|file| file.size);
    let by_file = match biggest.and_then(|file| file.path.file_name()).and_then(|name| name.to_str()) {
        Some(name) if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) => {
            format!("'file:*{name}' --limit 20")
        }
        _ => "'file:*' --limit 20".to_owned(),
    };
    [format!("'host:{host}' --since 1h"), "'severity:>=warn' --since 24h --top service".to_owned(), by_file]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, size: u64, state: FileState) -> FileStatus {
        FileStatus { path: path.into(), state, size, position: 0, lag: size }
    }

    #[test]
    fn unreadable_files_come_with_their_fix() {
        let reason = "Permission denied".to_owned();
        let fix = "sudo usermod -aG adm ann".to_owned();
        let files = [
            file("/var/log/a.log", 5, FileState::Following),
            file("/var/log/b.log", 9, FileState::Unreadable { reason, fix }),
        ];
        let mut out = Vec::new();
        write_files(&mut out, &files).expect("writes");
        assert_eq!(
            String::from_utf8(out).expect("text"),
            "\nfollowing 1 file\n  /var/log/a.log\ncan't read /var/log/b.log: Permission denied\n  fix: sudo usermod -aG adm ann\n"
        );
        let [by_host, _, by_file] = queries("db1", &files);
        assert_eq!((by_host.as_str(), by_file.as_str()), ("'host:db1' --since 1h", "'file:*a.log' --limit 20"));
    }
}
