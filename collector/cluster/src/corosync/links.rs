//! `corosync-cfgtool -s` and `-n`: the links to the other nodes.
//!
//! knet and corosync 3's udp and udpu tell a state for each node, corosync 2's rings only one for all.

use super::{NodeId, ToolError, node_id};

const TOOL: &str = "corosync-cfgtool";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// `None` where it is not told.
    pub node_id: Option<NodeId>,
    /// `knet`, `udp`, `udpu`; empty in corosync 2.
    pub transport: String,
    pub links: Vec<Link>,
}

/// A link or, in corosync 2, a ring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    pub number: u32,
    /// Of this node.
    pub address: String,
    /// The others at its end.
    pub peers: Vec<Peer>,
    /// What corosync says of the link as a whole; empty where it tells of each node.
    pub status: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    pub id: NodeId,
    pub is_connected: bool,
}

impl Link {
    /// It is marked faulty, or a node can't be reached over it.
    pub fn is_faulty(&self) -> bool {
        self.status.contains("FAULTY") || self.peers.iter().any(|peer| !peer.is_connected)
    }
}

impl Links {
    /// Reads the answer to `-s`, also the short one of `-b`, or to `-n`, which leaves out nodes that are away.
    pub fn read(text: &str) -> Result<Self, ToolError> {
        let mut read = Self::default();
        let mut is_known = false;
        let mut peer = None;
        for line in text.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix("Local node ID ") {
                let (id, transport) = rest.split_once(", transport ").unwrap_or((rest, ""));
                read.node_id = node_id(id.trim());
                transport.clone_into(&mut read.transport);
                is_known = true;
            } else if let Some(number) = numbered(line, &["LINK ID ", "Link ID ", "RING ID "]) {
                read.links.push(Link { number, ..Link::default() });
            } else if let Some(rest) = line.strip_prefix("LINK: ") {
                read.node_link(rest, peer);
            } else if let Some(rest) = line.strip_prefix("nodeid").or_else(|| line.strip_prefix("node ")) {
                peer = rest.trim_start_matches([':', ' ']).split([':', ' ']).next().and_then(node_id);
                let link = read.links.last_mut().filter(|_| !rest.contains(" reachable"));
                if let (Some(link), Some(id)) = (link, peer)
                    && !rest.contains("localhost")
                {
                    link.peers.push(Peer { id, is_connected: is_connected(rest) });
                }
            } else if let (Some((name, value)), Some(link)) = (line.split_once('='), read.links.last_mut()) {
                match name.trim() {
                    "addr" | "id" => value.trim().clone_into(&mut link.address),
                    "status" => value.trim().clone_into(&mut link.status),
                    _ => {}
                }
            }
        }
        let own = read.node_id;
        for link in &mut read.links {
            link.peers.retain(|peer| Some(peer.id) != own);
        }
        if is_known || !read.links.is_empty() { Ok(read) } else { Err(ToolError::of(text, TOOL, "the links")) }
    }

    /// `0 udp (10.0.0.1->10.0.0.2) enabled connected mtu: 1397`, below the node that it leads to.
    fn node_link(&mut self, rest: &str, peer: Option<NodeId>) {
        let Some(number) = numbered(rest, &[""]) else { return };
        let inner = rest.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
        let (addresses, states) = inner.unwrap_or(("", rest));
        let address = addresses.split("->").next().unwrap_or_default();
        let place = self.links.iter().position(|link| link.number == number).unwrap_or_else(|| {
            self.links.push(Link { number, address: address.to_owned(), ..Link::default() });
            self.links.len() - 1
        });
        if let (Some(link), Some(id)) = (self.links.get_mut(place), peer) {
            let is_connected = states.split_whitespace().any(|word| word == "connected");
            link.peers.push(Peer { id, is_connected });
        }
    }
}

/// `connected`, or in corosync 3.0 `link enabled:1 link connected:1`.
fn is_connected(text: &str) -> bool {
    match text.split_once("connected:") {
        Some((_, state)) => state.trim_start().starts_with('1'),
        None => text.split_whitespace().any(|word| word == "connected"),
    }
}

/// The number behind one of the words.
fn numbered(line: &str, words: &[&str]) -> Option<u32> {
    words.iter().find_map(|word| line.strip_prefix(word))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(id: NodeId, is_connected: bool) -> Peer {
        Peer { id, is_connected }
    }

    fn link(number: u32, address: &str, peers: &[Peer], status: &str) -> Link {
        Link { number, address: address.into(), peers: peers.to_vec(), status: status.into() }
    }

    #[test]
    fn knet_tells_of_each_node() {
        let text = "Local node ID 1, transport knet\nLINK ID 0 udp\n\taddr\t= 10.0.0.1\n\tstatus:\n\t\tnodeid:          1:\tlocalhost\n\t\tnodeid:          2:\tdisconnected\nLINK ID 1 sctp\n\taddr\t= 10.1.0.1\n\tstatus:\n\t\tnodeid:          1:\tlocalhost\n\t\tnodeid:          2:\tconnected\n";
        let expected = Links {
            node_id: Some(1),
            transport: "knet".into(),
            links: vec![link(0, "10.0.0.1", &[peer(2, false)], ""), link(1, "10.1.0.1", &[peer(2, true)], "")],
        };
        assert_eq!(Links::read(text).as_ref(), Ok(&expected));
        assert_eq!(expected.links.iter().map(Link::is_faulty).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn nodes_with_their_links() {
        let text = "Local node ID 1, transport knet\nnodeid: 2 reachable   onwire (min/max/cur): 0, 1, 1\n   LINK: 0 udp (10.0.0.1->10.0.0.2) enabled connected mtu: 1397\n   LINK: 1 udp (10.1.0.1->10.1.0.2) enabled mtu: 1397\n\nnodeid: 3 reachable\n   LINK: 0 udp (10.0.0.1->10.0.0.3) enabled connected mtu: 1397\n";
        let expected = Links {
            node_id: Some(1),
            transport: "knet".into(),
            links: vec![
                link(0, "10.0.0.1", &[peer(2, true), peer(3, true)], ""),
                link(1, "10.1.0.1", &[peer(2, false)], ""),
            ],
        };
        assert_eq!(Links::read(text), Ok(expected));
    }

    #[test]
    fn rings_of_corosync_2_and_links_of_3_0() {
        let rings = "Printing ring status.\nLocal node ID 16777226\nRING ID 0\n\tid\t= 10.0.0.1\n\tstatus\t= Marking ringid 0 interface 10.0.0.1 FAULTY\nRING ID 1\n\tid\t= 10.1.0.1\n\tstatus\t= ring 1 active with no faults\n";
        let read = Links::read(rings).expect("reads");
        assert_eq!(
            read.links,
            [
                link(0, "10.0.0.1", &[], "Marking ringid 0 interface 10.0.0.1 FAULTY"),
                link(1, "10.1.0.1", &[], "ring 1 active with no faults"),
            ]
        );
        assert_eq!(read.links.iter().map(Link::is_faulty).collect::<Vec<_>>(), [true, false]);
        let early = "Printing link status.\nLocal node ID 1\nLINK ID 0\n\taddr\t= 10.0.0.1\n\tstatus:\n\t\tnodeid  1:\tlink enabled:1\tlink connected:1\n\t\tnodeid  2:\tlink enabled:1\tlink connected:0\n";
        assert_eq!(Links::read(early).expect("reads").links, [link(0, "10.0.0.1", &[peer(2, false)], "")]);
    }

    #[test]
    fn no_answer_is_no_link() {
        let message = "Could not initialize corosync configuration API error 2".to_owned();
        assert_eq!(Links::read(&message.clone()), Err(ToolError::NotRunning { message }));
        assert_eq!(Links::read("hello"), Err(ToolError::Lacks { tool: TOOL, what: "the links" }));
    }
}
