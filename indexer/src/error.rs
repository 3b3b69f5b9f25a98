//! What can go wrong in the indexer beside taking records in, one variant per operation.

use std::io;
use std::path::PathBuf;

pub(crate) use orszem_model::chain;

use crate::options::OptionsError;

/// A failed operation of the indexer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the configuration can't be used")]
    Options(#[from] OptionsError),
    #[error("cannot create the directory {path}")]
    CreateDirectory { path: PathBuf, source: io::Error },
    #[error("cannot open the log store in {path}")]
    OpenStore { path: PathBuf, source: orszem_logs::Error },
    #[error("cannot open the journal in {path}")]
    OpenJournal { path: PathBuf, source: orszem_journal::Error },
    #[error("cannot replay the journal")]
    Replay { source: orszem_journal::Error },
    #[error("cannot start the thread {name}")]
    StartThread { name: &'static str, source: io::Error },
    /// A bug: what is journaled was encoded by this program.
    #[error("cannot apply a group of the journal")]
    Apply { source: orszem_logs::Error },
    #[error("cannot write records out into segments")]
    Flush { source: orszem_logs::Error },
    #[error("cannot merge or seal segments")]
    Rewrite { source: orszem_logs::Error },
    #[error("cannot remove expired segments")]
    Evict { source: orszem_logs::Error },
    #[error("cannot read the free space of {path}")]
    FreeSpace { path: PathBuf, source: io::Error },
    #[error("cannot save the deduplication checkpoint")]
    Checkpoint { source: orszem_journal::Error },
    #[error("cannot save what is known of collectors in {path}")]
    SaveCollectors { path: PathBuf, source: io::Error },
    #[error("cannot trim the journal")]
    Trim { source: orszem_journal::Error },
    /// Nothing was deleted.
    #[error("cannot write the deletion to the journal")]
    JournalDeletion { source: orszem_journal::Error },
    /// Some records may be gone already; the same deletion can be asked for again.
    #[error("cannot carry out the deletion to its end; ask for it again")]
    Delete { source: orszem_logs::Error },
    #[error("the command at journal position {position} is not known to this build")]
    UnknownCommand { position: u64 },
    #[error("the query of the deletion at journal position {position} does not parse")]
    CommandQuery { position: u64, source: orszem_search::ParseError },
    #[error("cannot read the journal for the subscriber {name}")]
    ReadJournal { name: String, source: orszem_journal::Error },
    #[error("cannot move the cursor of the subscriber {name}")]
    Cursor { name: String, source: orszem_journal::Error },
    #[error("cannot read the state of facts in {path}")]
    ReadFacts { path: PathBuf, source: io::Error },
    #[error("cannot save the state of facts in {path}")]
    SaveFacts { path: PathBuf, source: io::Error },
    #[error("cannot read the state of own rules in {path}")]
    ReadRules { path: PathBuf, source: io::Error },
    #[error("cannot save the state of own rules in {path}")]
    SaveRules { path: PathBuf, source: io::Error },
    #[error("cannot submit facts")]
    SubmitFacts { source: crate::ingest::http::SubmitError },
    #[error("cannot open the database {path}")]
    OpenDatabase { path: PathBuf, source: rusqlite::Error },
    #[error("{path} has version {found}, and this build knows up to {known}")]
    DatabaseVersion { path: PathBuf, found: i64, known: i64 },
    #[error("cannot set the damaged database {path} aside")]
    SetDatabaseAside { path: PathBuf, source: io::Error },
    #[error("cannot copy the database {path}")]
    CopyDatabase { path: PathBuf, source: rusqlite::Error },
    #[error("cannot {operation}")]
    Topology { operation: &'static str, source: rusqlite::Error },
    /// Nothing of it was journaled.
    #[error("a tenant's topology has at most {limit} edges, and with these it would have more")]
    TooManyEdges { limit: usize },
    #[error("cannot {operation}")]
    Alerting { operation: &'static str, source: rusqlite::Error },
    #[error("the state of alerting can't be taken up")]
    RestoreAlerting { source: orszem_alerting::RestoreError },
    #[error("at most {limit} inputs at once")]
    TooManyInputs { limit: usize },
    /// Nothing of it holds.
    #[error("it could not be written; the server's log says why, and it is to be given again")]
    NotWritten,
    #[error("cannot {operation}")]
    Probes { operation: &'static str, source: rusqlite::Error },
    #[error("cannot write edges to the journal")]
    JournalEdges { source: orszem_journal::Error },
    #[error("cannot open the series store in {path}")]
    OpenSeries { path: PathBuf, source: orszem_series::Error },
    #[error("the samples at journal position {position} do not decode")]
    DecodeSamples { position: u64, source: orszem_series::DecodeError },
    #[error("the frame at journal position {position} belongs into another journal")]
    ForeignFrame { position: u64 },
    #[error("cannot write samples out")]
    FlushSamples { source: orszem_series::Error },
    #[error("cannot cut or merge blocks of samples")]
    Compact { source: orszem_series::Error },
    #[error("cannot remove expired samples")]
    ExpireSamples { source: orszem_series::Error },
    /// Some samples may be gone already; the same deletion can be asked for again.
    #[error("cannot carry out the deletion of samples to its end; ask for it again")]
    DeleteSamples { source: orszem_series::Error },
    #[error("the section [metrics] can't be used")]
    SamplesOptions(#[from] crate::samples::SamplesOptionsError),
    #[error("a blocking task ended without an answer")]
    Blocking { source: tokio::task::JoinError },
    #[error("the indexer is shutting down")]
    ShuttingDown,
    #[error("{path} is not empty; name a new directory")]
    NotEmpty { path: PathBuf },
    #[error("cannot copy the log store into the backup")]
    BackupStore { source: orszem_logs::Error },
    #[error("cannot copy the series store into the backup")]
    BackupSeries { source: orszem_series::Error },
    #[error("cannot copy the journal into the backup")]
    BackupJournal { source: orszem_journal::Error },
    #[error("cannot copy {path}")]
    Copy { path: PathBuf, source: io::Error },
    #[error("{path} is no finished backup: it has no file BACKUP of a version that this build knows")]
    NoBackup { path: PathBuf },
    #[error("a restore into {path} was cut short; empty the directory and restore again")]
    UnfinishedRestore { path: PathBuf },
}
