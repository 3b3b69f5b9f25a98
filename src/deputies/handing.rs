//! `POST /app/v1/deputies`: hands a collector what it needs to tell people when this server is gone.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::Bound::{Excluded, Unbounded};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use axum::Router;
use axum::extract::{ConnectInfo, Extension, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use orszem_collector::output::ASKED_BYTES_MAX;
use orszem_notify::NotifyConfig;
use tokio::sync::Mutex;
use tracing::{info, warn};

use super::PATH;
use super::wire::{Answered, Asked, Place, Setting};
use crate::access::Identity;
use crate::catalogue::refusal;
use crate::cli::chain;

/// Collectors that have a rank; further ones have the last, which tells nobody.
const COLLECTORS_MAX: usize = 10_000;
/// Other collectors that one is told of.
const PEERS_MAX: usize = 8;
/// Collectors among which these are looked for. Ranks end there, too: more than can tell.
const LOOKED_AT_MAX: usize = 64;
/// Who does not ask for so long has no rank any more. Collectors ask every 15 s or more often.
const SILENT: Duration = Duration::from_secs(90);
/// How often the files of channels are read again.
const READ_EVERY: Duration = Duration::from_secs(10);
/// The longest name of a collector, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// What of an answer is not the setting.
const FRAME_BYTES: usize = 4 << 10;

/// What collectors are handed. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Deputies(Arc<Mutex<Inner>>);

struct Inner {
    notify: NotifyConfig,
    /// The number that the next outage has.
    outage: u64,
    /// Counts the settings of this run, which has a number of its own.
    run: u64,
    revision: u64,
    setting: Option<Setting>,
    read: Option<Instant>,
    /// Whether it was told why there is no setting.
    is_failure_told: bool,
    seen: BTreeMap<String, Seen>,
}

struct Seen {
    at: Instant,
    page: Option<SocketAddr>,
}

impl Deputies {
    /// Of a configuration that was checked.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(crate) fn new(notify: &NotifyConfig) -> anyhow::Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).context("the system has no random numbers")?;
        let random = u128::from_le_bytes(random);
        // Above every incident's number, and exact as a number of JSON.
        let outage = (1 << 51) | (random as u64 & ((1 << 51) - 1));
        Ok(Self(Arc::new(Mutex::new(Inner {
            notify: notify.clone(),
            outage,
            run: (random >> 64) as u64,
            revision: 0,
            setting: None,
            read: None,
            is_failure_told: false,
            seen: BTreeMap::new(),
        }))))
    }

    /// Hands out another configuration from now on.
    pub(crate) async fn replace(&self, notify: &NotifyConfig) {
        let mut inner = self.0.lock().await;
        inner.notify = notify.clone();
        inner.read = None;
    }

    /// The route; each request needs an [`Identity`] in its extensions.
    pub(crate) fn routes(&self) -> Router {
        Router::new().route(PATH, post(answer)).with_state(self.clone())
    }
}

async fn answer(
    State(deputies): State<Deputies>,
    Extension(identity): Extension<Identity>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    body: Bytes,
) -> Response {
    if identity.tenant != Identity::local().tenant {
        return refusal(StatusCode::FORBIDDEN, "deputies.tenant", "deputies belong to another tenant than the token's");
    }
    let asked: Asked = match serde_json::from_slice(&body) {
        Ok(asked) => asked,
        Err(wrong) => {
            let told = format!("the body is not `{{\"collector\", \"page\", \"has\", \"outage\"}}`: {wrong}");
            return refusal(StatusCode::BAD_REQUEST, "deputies.wrong", &told);
        }
    };
    let name = &asked.collector;
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        let told = format!("collector: {name:?} must have 1 to {NAME_BYTES_MAX} bytes and no control characters");
        return refusal(StatusCode::BAD_REQUEST, "deputies.wrong", &told);
    }
    let from = peer.map(|Extension(ConnectInfo(address))| address.ip().to_canonical());
    let answered = deputies.0.lock().await.answer(&asked, from, Instant::now()).await;
    match serde_json::to_string(&answered) {
        Ok(text) => ([(CONTENT_TYPE, "application/json")], text).into_response(),
        Err(wrong) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "deputies.internal", &wrong.to_string()),
    }
}

impl Inner {
    async fn answer(&mut self, asked: &Asked, from: Option<IpAddr>, now: Instant) -> Answered {
        self.read(now).await;
        if let Some(outage) = asked.outage {
            info!(collector = asked.collector, outage, "a collector has told people that this server was gone");
            if outage == self.outage {
                self.outage += 1;
            }
        }
        let place = self.place(asked, from, now);
        if self.setting.is_none() {
            // One that can't be read now is not taken back from those who have it.
            let revision = if self.is_failure_told { asked.has.clone() } else { String::new() };
            return Answered { revision, setting: None, place };
        }
        let revision = format!("{:016x}-{}", self.run, self.revision);
        let setting = self.setting.clone().filter(|_| asked.has != revision);
        Answered { revision, setting, place }
    }

    /// The rank by name among those who have asked of late, so that all who ask know the same one.
    fn place(&mut self, asked: &Asked, from: Option<IpAddr>, now: Instant) -> Place {
        let is_known = self.seen.contains_key(&asked.collector);
        let outage = self.outage;
        if !is_known && self.seen.len() >= COLLECTORS_MAX {
            return Place { outage, rank: u32::MAX, peers: Vec::new() };
        }
        let page = asked.page.and_then(|page| reachable(page, from));
        self.seen.insert(asked.collector.clone(), Seen { at: now, page });
        let before = self.seen.range::<str, _>((Unbounded, Excluded(asked.collector.as_str())));
        let rank = before.take(LOOKED_AT_MAX).count();
        let others = self.seen.iter().filter(|(name, _)| **name != asked.collector).take(LOOKED_AT_MAX);
        let peers = others.filter_map(|(_, seen)| seen.page).take(PEERS_MAX).collect();
        Place { outage, rank: u32::try_from(rank).unwrap_or(u32::MAX), peers }
    }

    /// Reads the files of the channels again, and forgets collectors that are silent, when it is time.
    async fn read(&mut self, now: Instant) {
        if self.read.is_some_and(|read| now.duration_since(read) < READ_EVERY) {
            return;
        }
        self.read = Some(now);
        self.seen.retain(|_, seen| now.duration_since(seen.at) < SILENT);
        let setting = match self.notify.of_collectors() {
            None => Ok(None),
            Some(notify) => setting(notify).await.map(Some),
        };
        match setting {
            Ok(setting) => {
                self.is_failure_told = false;
                if self.setting != setting {
                    self.setting = setting;
                    self.revision += 1;
                }
            }
            Err(error) => {
                self.setting = None;
                if !std::mem::replace(&mut self.is_failure_told, true) {
                    warn!(error = chain(&error), "collectors are not handed what they need to tell people");
                }
            }
        }
    }
}

/// What collectors need of this configuration, with what its files hold.
async fn setting(mut notify: NotifyConfig) -> anyhow::Result<Setting> {
    let mut files = BTreeMap::new();
    let paths: Vec<PathBuf> = notify.files_mut().into_iter().map(|path| path.clone()).collect();
    for path in paths {
        let held = tokio::fs::read_to_string(&path).await;
        let held = held.with_context(|| format!("can't read {}", path.display()))?;
        files.insert(path, held);
    }
    let setting = Setting::new(&notify, files).context("a path is no text")?;
    let bytes = serde_json::to_vec(&setting).context("it is no JSON")?.len();
    ensure!(
        bytes + FRAME_BYTES <= ASKED_BYTES_MAX,
        "with its files it has {bytes} bytes, and collectors take {}; name a smaller ca_file",
        ASKED_BYTES_MAX - FRAME_BYTES
    );
    Ok(setting)
}

/// Where others reach what listens at `page` on the host that asks from `from`; `None` where they don't.
fn reachable(page: SocketAddr, from: Option<IpAddr>) -> Option<SocketAddr> {
    let from = from?;
    let ip = if page.ip().is_unspecified() { from } else { page.ip() };
    (from.is_loopback() || !ip.is_loopback()).then(|| SocketAddr::new(ip, page.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notify(password_file: &std::path::Path) -> NotifyConfig {
        let text = format!(
            "[[email]]\nname = \"mail\"\nhost = \"a\"\nfrom = \"a@b.hu\"\nuser = \"a\"\npassword_file = {password_file:?}\n\
             [collectors]\naddresses = [{{ channel = \"mail\", to = \"ops@b.hu\" }}]\n"
        );
        toml::from_str(&text).expect("a configuration")
    }

    fn asked(collector: &str, has: &str) -> Asked {
        Asked { collector: collector.to_owned(), has: has.to_owned(), ..Asked::default() }
    }

    #[tokio::test]
    async fn a_setting_is_handed_once_and_again_when_it_changes() {
        let folder = tempfile::tempdir().expect("a folder");
        let password = folder.path().join("password");
        std::fs::write(&password, "one").expect("writes");
        let deputies = Deputies::new(&notify(&password)).expect("random numbers");
        let mut inner = deputies.0.lock().await;
        let begun = Instant::now();
        let first = inner.answer(&asked("b", ""), None, begun).await;
        assert!(first.setting.is_some());
        let again = inner.answer(&asked("b", &first.revision), None, begun).await;
        assert_eq!((again.setting.is_some(), &again.revision), (false, &first.revision));
        std::fs::write(&password, "two").expect("writes");
        let other = inner.answer(&asked("b", &first.revision), None, begun + READ_EVERY).await;
        assert_eq!((other.setting.is_some(), other.revision != first.revision), (true, true));
        // What can't be read now stays with those who have it.
        std::fs::remove_file(&password).expect("is there");
        let kept = inner.answer(&asked("b", &other.revision), None, begun + 2 * READ_EVERY).await;
        assert_eq!((kept.setting.is_some(), &kept.revision), (false, &other.revision));
        inner.notify.collectors = None;
        let none = inner.answer(&asked("b", &other.revision), None, begun + 3 * READ_EVERY).await;
        assert_eq!((none.setting.is_some(), none.revision.as_str()), (false, ""));
    }

    #[tokio::test]
    async fn ranks_are_by_name_among_those_who_ask_and_outages_are_told_apart() {
        let deputies = Deputies::new(&NotifyConfig::default()).expect("random numbers");
        let mut inner = deputies.0.lock().await;
        let (begun, from) = (Instant::now(), Some(IpAddr::from([10, 0, 0, 7])));
        let page = |text: &str| Some(text.parse().expect("an address"));
        let b = Asked { page: page("0.0.0.0:7451"), ..asked("b", "") };
        let first = inner.answer(&b, from, begun).await.place;
        assert_eq!((first.rank, first.peers.len()), (0, 0));
        let a = inner.answer(&Asked { page: page("127.0.0.1:1"), ..asked("a", "") }, from, begun).await.place;
        let peers = vec!["10.0.0.7:7451".parse().expect("an address")];
        assert_eq!(a, Place { rank: 0, peers, ..first.clone() });
        let told = Asked { outage: Some(first.outage), ..b };
        let second = inner.answer(&told, from, begun).await.place;
        assert_eq!(second, Place { outage: first.outage + 1, rank: 1, peers: Vec::new() });
        assert_eq!(inner.answer(&told, from, begun).await.place, second, "it is the same outage");
        let alone = inner.answer(&told, from, begun + SILENT).await.place;
        assert_eq!(alone.rank, 0, "who does not ask has no rank");
    }

    #[test]
    fn a_page_is_told_only_to_those_who_reach_it() {
        let of = |page: &str, from: &str| {
            let from = Some(from).filter(|from| !from.is_empty()).map(|from| from.parse().expect("an address"));
            reachable(page.parse().expect("an address"), from).map(|address| address.to_string())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of("0.0.0.0:1", "10.0.0.1"), some("10.0.0.1:1"));
        assert_eq!(of("10.0.0.2:1", "10.0.0.1"), some("10.0.0.2:1"));
        assert_eq!(of("127.0.0.1:1", "127.0.0.1"), some("127.0.0.1:1"));
        assert_eq!(of("127.0.0.1:1", "10.0.0.1"), None);
        assert_eq!(of("0.0.0.0:1", ""), None);
    }
}
