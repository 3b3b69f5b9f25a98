//! `orszem sql run`: runs the metrics of files once and prints their samples.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use orszem_model::Span;
use orszem_sql::{DatabaseConfig, Plan, RunOnce, TlsMode, run_once};

use crate::lines::harmless;

/// Run metrics of files once
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prints the samples as the Prometheus text format has them, and what failed on standard error. Exits 0 if all worked, 1
if a metric failed, 2 if the database can't be reached. The password stands in a file, never in the URL. A connection to
another host is encrypted unless --tls off is given.

EXAMPLES
  orszem sql run config/sql/postgresql.toml --url postgresql://orszem@127.0.0.1:5432/postgres
  orszem sql run config/sql/mariadb.toml --url mariadb://orszem@db1:3306 --password-file /etc/orszem/db1 --ca db-ca.pem
  orszem sql run config/sql/oracle.toml --url oracle://orszem@ora1:1521/FREEPDB1 --password-file pw --metric tablespace
  orszem sql run my.toml --url sqlite:///srv/shop.db")]
pub struct Args {
    /// The metric files
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The database: postgresql://, mariadb://, oracle:// or sqlite:///path
    #[arg(long)]
    pub url: String,
    /// A file that holds the password
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// The authorities (PEM) that the database's certificate must be of, instead of the system's
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// Whether the connection is encrypted [default: unless it is to this host]
    #[arg(long, value_parser = parse_tls)]
    pub tls: Option<TlsMode>,
    /// Only metrics of this context
    #[arg(long, value_name = "CONTEXT")]
    pub metric: Option<String>,
    /// The name by which files may choose databases
    #[arg(long, default_value = "default")]
    pub name: String,
    /// What names begin with [default: that of the kind, such as oracledb_]
    #[arg(long)]
    pub prefix: Option<String>,
    /// How long a query that says nothing else may take
    #[arg(long, default_value = "5s")]
    pub timeout: Span,
}

fn parse_tls(text: &str) -> Result<TlsMode, String> {
    match text {
        "off" => Ok(TlsMode::Off),
        "require" => Ok(TlsMode::Require),
        _ => Err("write off or require".to_owned()),
    }
}

pub(super) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args { files, url, password_file, ca, tls, metric, name, prefix, timeout } = args;
    let config =
        DatabaseConfig { name, url, password_file, ca_file: ca, tls, files, prefix, timeout, ..Default::default() };
    if let Some(wrong) = config.validate("").first() {
        bail!("{} {} {}; {}", wrong.key.trim_start_matches('.'), wrong.value, wrong.wrong, wrong.remedy);
    }
    let plan = match Plan::new(&config, BTreeMap::new(), BTreeMap::new(), &super::variable) {
        Ok(plan) => plan,
        Err(problems) => {
            super::tell(&mut std::io::stderr().lock(), &problems)?;
            return Ok(ExitCode::FAILURE);
        }
    };
    let ran = run_once(&plan, metric.as_deref()).await?;
    if let (true, Some(metric)) = (ran.is_empty(), &metric) {
        let contexts: Vec<&str> = plan.metrics().iter().map(|metric| metric.context.as_str()).collect();
        bail!("no metric has the context {metric:?}; there are {}", contexts.join(", "));
    }
    let is_well = ran.iter().all(|one| one.result.is_ok());
    show(&mut std::io::stdout().lock(), &mut std::io::stderr().lock(), &ran)?;
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn show(out: &mut impl Write, errors: &mut impl Write, ran: &[RunOnce]) -> std::io::Result<()> {
    for RunOnce { query, took, result } in ran {
        let yielded = match result {
            Ok(yielded) => yielded,
            Err(error) => {
                let told = error.to_string();
                writeln!(errors, "{query}: failed ({}) after {took:.1?}: {}", error.reason, harmless(&told))?;
                continue;
            }
        };
        for (reason, (count, example)) in &yielded.flaws {
            writeln!(errors, "{query}: {count} × {reason}: {}", harmless(example))?;
        }
        for family in &yielded.families {
            writeln!(out, "# HELP {} {}", family.name, harmless(&family.help.replace('\n', " ")))?;
            writeln!(out, "# TYPE {} {}", family.name, family.kind.name())?;
        }
        for sample in &yielded.samples {
            let label = |(name, value): &(String, String)| {
                let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                format!("{name}=\"{}\"", harmless(&value))
            };
            let labels: Vec<String> = sample.labels.iter().map(label).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let time = sample.time.map(|time| format!(" {time}")).unwrap_or_default();
            writeln!(out, "{}{labels} {}{time}", sample.name, sample.value)?;
        }
        writeln!(out, "# {query}: {} rows in {took:.1?}", yielded.rows)?;
    }
    Ok(())
}
