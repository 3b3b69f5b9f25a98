//! A task that takes samples until it is told to stop.

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A task that runs. Dropped, it is not told to stop.
#[derive(Debug)]
pub struct Running {
    name: String,
    cancel: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    /// Starts `task`, which ends its series, and then itself, when `cancel` is cancelled; `name` says in the log what it
    /// takes samples of. Must be called within a tokio runtime.
    pub fn start(name: &str, cancel: CancellationToken, task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { name: name.to_owned(), cancel, task: tokio::spawn(task) }
    }

    /// Tells it to end.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Waits until it has ended.
    pub async fn stopped(self) {
        let Self { name, cancel: _, task } = self;
        if let Err(error) = task.await {
            tracing::error!(name, %error, "taking samples broke off; their series stay open");
        }
    }
}
