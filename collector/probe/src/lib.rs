//! Probes: whether what others offer can be reached, and what it shows.
//!
//! [`Modules`] reads blackbox_exporter's configuration file; [`Prober`] probes a target as a module says, and gives a
//! [`Page`] of metrics under blackbox_exporter's names. [`keep_probing`] does it again and again.

pub mod conditions;
mod error;
mod facts;
mod heartbeat;
mod message;
mod modules;
mod page;
mod pattern;
mod probers;
mod report;
mod request;
mod resolve;
mod target;
mod tls;
mod watch;

pub use conditions::{Condition, ConditionError};
pub use error::Failure;
pub use facts::Facts;
pub use heartbeat::{Heartbeat, HeartbeatConfig, Held, Signal, validate_heartbeats};
pub use modules::{
    Compression, DnsProbe, ExpectLabel, HeaderCheck, HttpProbe, IcmpProbe, Kind, Module, Modules, QueryResponse,
    RecordsCheck, SqlProbe, TcpProbe, Transport,
};
pub use page::{Family, Gauge, Label, Page};
pub use pattern::{NoPattern, Pattern};
pub use probers::{Extras, Outcome, Prober};
pub use report::Report;
pub use request::{ProbeRequest, RequestError, probe_once};
pub use resolve::IpProtocol;
pub use target::of_target;
pub use tls::{Certificate, Problem, ProblemKind};
pub use watch::{Booth, Canaries, Canary, Plan, ProbeConfig, Watching, canaries, keep_probing, plans};
