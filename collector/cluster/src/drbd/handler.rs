//! The environment of a handler that `drbdadm` runs for the kernel, of 8.4 and 9.

use orszem_model::observation::{DrbdHelper, Origin};
use orszem_model::{Observation, Seen, Timestamp};

/// A handler's call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handler {
    pub helper: String,
    pub resource: String,
    /// The peer's name; empty where there is none, or more than one.
    pub peer: String,
    /// None for one that is about a whole connection.
    pub volume: Option<u32>,
    pub minor: Option<u32>,
    /// `/dev/sda`; empty if it is not told.
    pub backing_device: String,
    /// State of the connection, such as why it was lost; empty with 8.4.
    pub connection: String,
}

/// Why an environment is not a handler's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandlerError {
    #[error("name of the handler is empty")]
    NoHelper,
    #[error("DRBD_RESOURCE is not set")]
    NoResource,
}

impl Handler {
    /// Reads what `get` has for the names of variables; `helper` is the handler's name, which no variable tells.
    pub fn of(helper: &str, get: impl Fn(&str) -> Option<String>) -> Result<Self, HandlerError> {
        let get = |name: &str| get(name).map(|value| value.trim_ascii().to_owned()).filter(|value| !value.is_empty());
        let helper = helper.trim_ascii();
        if helper.is_empty() {
            return Err(HandlerError::NoHelper);
        }
        let resource = get("DRBD_RESOURCE").ok_or(HandlerError::NoResource)?;
        let volume: Option<u32> = get("DRBD_VOLUME").and_then(|volume| volume.parse().ok());
        // For a whole connection DRBD 9 tells the minors of all volumes by their numbers.
        let of_volume = |volume: &u32| get(&format!("DRBD_MINOR_{volume}")).is_none();
        let volume = volume.filter(of_volume);
        Ok(Self {
            helper: helper.to_owned(),
            resource,
            peer: peer(&get),
            volume,
            minor: volume.and_then(|_| get("DRBD_MINOR")?.parse().ok()),
            backing_device: get("DRBD_BACKING_DEV").or_else(|| get("DRBD_LL_DISK")).unwrap_or_default(),
            connection: get("DRBD_CSTATE").unwrap_or_default(),
        })
    }

    /// As an observation of `reporter`, a host.
    pub fn seen(&self, reporter: &str, at: Timestamp) -> Seen {
        let helper = DrbdHelper {
            resource: self.resource.clone(),
            peer: self.peer.clone(),
            volume: self.volume,
            helper: self.helper.clone(),
            exit: None,
        };
        let observation = Observation::DrbdHelper(helper);
        Seen { at, reporter: reporter.to_owned(), origin: Origin::Handler, is_initial: false, observation }
    }
}

/// 8.4 names it; 9 gives its number, and the names of all numbers.
fn peer(get: &impl Fn(&str) -> Option<String>) -> String {
    let by_number = || get(&format!("DRBD_NODE_ID_{}", get("DRBD_PEER_NODE_ID")?));
    let only_one = || get("DRBD_PEERS").filter(|peers| !peers.contains(char::is_whitespace));
    get("DRBD_PEER").or_else(by_number).or_else(only_one).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(helper: &str, environment: &[(&str, &str)]) -> Result<Handler, HandlerError> {
        let get = |name: &str| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Handler::of(helper, get)
    }

    #[test]
    fn of_8_4() {
        let environment = [
            ("DRBD_LL_DISK", "/dev/vg/data"),
            ("DRBD_MINOR", "3"),
            ("DRBD_PEER", "beta"),
            ("DRBD_PEERS", "beta"),
            ("DRBD_RESOURCE", "data"),
            ("DRBD_VOLUME", "1"),
        ];
        let expected = Handler {
            helper: "out-of-sync".into(),
            resource: "data".into(),
            peer: "beta".into(),
            volume: Some(1),
            minor: Some(3),
            backing_device: "/dev/vg/data".into(),
            connection: String::new(),
        };
        assert_eq!(of("out-of-sync", &environment), Ok(expected));
    }

    #[test]
    fn of_a_connection_of_9() {
        let environment = [
            ("DRBD_CSTATE", "NetworkFailure"),
            ("DRBD_MINOR", "5"),
            ("DRBD_MINOR_0", "5"),
            ("DRBD_BACKING_DEV_0", "/dev/sdb"),
            ("DRBD_LL_DISK", "/dev/sdb"),
            ("DRBD_NODE_ID_1", "alpha"),
            ("DRBD_NODE_ID_2", "beta"),
            ("DRBD_PEER_NODE_ID", "2"),
            ("DRBD_RESOURCE", "data"),
            ("DRBD_VOLUME", "0"),
        ];
        let handler = of(" disconnected\n", &environment).unwrap();
        let told = DrbdHelper {
            resource: "data".into(),
            peer: "beta".into(),
            volume: None,
            helper: "disconnected".into(),
            exit: None,
        };
        let seen = Seen {
            at: Timestamp(7),
            reporter: "alpha".into(),
            origin: Origin::Handler,
            is_initial: false,
            observation: Observation::DrbdHelper(told),
        };
        assert_eq!(handler.seen("alpha", Timestamp(7)), seen);
        assert_eq!((handler.connection.as_str(), handler.minor), ("NetworkFailure", None));
        // A volume's handler has no minors by number, and an unknown number no name.
        let environment =
            [("DRBD_MINOR", "5"), ("DRBD_PEER_NODE_ID", "9"), ("DRBD_RESOURCE", "data"), ("DRBD_VOLUME", "0")];
        let handler = of("quorum-lost", &environment).unwrap();
        assert_eq!((handler.volume, handler.minor, handler.peer.as_str()), (Some(0), Some(5), ""));
    }

    #[test]
    fn without_a_name_or_a_resource_it_is_none() {
        assert_eq!(of("", &[("DRBD_RESOURCE", "r0")]), Err(HandlerError::NoHelper));
        assert_eq!(of("split-brain", &[]), Err(HandlerError::NoResource));
        assert_eq!(of("split-brain", &[("DRBD_RESOURCE", " ")]), Err(HandlerError::NoResource));
    }

    #[test]
    fn of_several_peers_none_is_told() {
        let peer = |peers| of("fence-peer", &[("DRBD_RESOURCE", "r0"), ("DRBD_PEERS", peers)]).unwrap().peer;
        assert_eq!((peer("b").as_str(), peer("b c").as_str()), ("b", ""));
    }

    proptest! {
        #[test]
        fn any_values_do_no_harm(value in ".*") {
            let handler = Handler::of("split-brain", |_| Some(value.clone()));
            prop_assert_eq!(handler.is_err(), value.trim_ascii().is_empty());
        }
    }
}
