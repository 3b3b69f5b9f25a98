//! What is told of one view after another.

use proptest::prelude::*;

use super::*;
use crate::corosync::quorum::{DeviceFlags, Member};

fn quorum(members: &[(u32, &str)], is_quorate: bool, device: Option<DeviceFlags>) -> Quorum {
    let member =
        |(id, name): &(u32, &str)| Member { id: *id, name: (*name).to_owned(), votes: 1, is_local: *id == 1, device };
    Quorum {
        node_id: 1,
        ring: "1.9".into(),
        is_quorate,
        total_votes: u32::try_from(members.len()).expect("few"),
        expected_votes: 2,
        quorum: 2,
        members: members.iter().map(member).collect(),
        ..Quorum::default()
    }
}

fn links(text: &str) -> Links {
    Links::read(text).expect("reads")
}

fn knet(state: &str) -> Links {
    links(&format!(
        "Local node ID 1, transport knet\nLINK ID 0 udp\n\tstatus:\n\t\tnodeid: 1:\tlocalhost\n\t\tnodeid: 2:\t{state}\n"
    ))
}

/// Whether it is initial, and what was seen.
fn step(watch: &mut Watch, view: &View) -> Vec<(bool, Observation)> {
    let seen = watch.step(view, Timestamp(7));
    assert!(seen.iter().all(|s| s.at == Timestamp(7) && s.reporter == "a1" && s.origin == Origin::Corosync));
    seen.into_iter().map(|seen| (seen.is_initial, seen.observation)).collect()
}

fn state(members: &[&str], is_quorate: bool) -> Observation {
    Observation::QuorumState(QuorumState {
        is_quorate,
        votes: u32::try_from(members.len()).expect("few"),
        expected_votes: 2,
        quorum: 2,
        ring: "1.9".into(),
        members: members.iter().map(|name| (*name).to_owned()).collect(),
    })
}

fn link(peer: &str, is_connected: bool, is_gone: bool) -> Observation {
    Observation::LinkState(LinkState { peer: peer.into(), link: 0, is_connected, is_gone })
}

#[test]
fn quorum_and_links_are_told_when_they_change() {
    let mut watch = Watch::new("a1");
    let both = View {
        quorum: Some(quorum(&[(2, "a2"), (1, "a1")], true, None)),
        links: Some(knet("connected")),
        ..View::default()
    };
    assert_eq!(step(&mut watch, &both), [(true, state(&["a1", "a2"], true)), (true, link("a2", true, false))]);
    assert_eq!(step(&mut watch, &both), []);
    // A part that was not asked changes nothing.
    assert_eq!(step(&mut watch, &View::default()), []);
    // The name of a node that is away is still known.
    let alone =
        View { quorum: Some(quorum(&[(1, "a1")], false, None)), links: Some(knet("disconnected")), ..View::default() };
    assert_eq!(step(&mut watch, &alone), [(false, state(&["a1"], false)), (false, link("a2", false, false))]);
    let removed = View { links: Some(links("Local node ID 1, transport knet\n")), ..View::default() };
    assert_eq!(step(&mut watch, &removed), [(false, link("a2", false, true))]);
}

#[test]
fn rings_as_a_whole_have_no_peer() {
    let ring = |status: &str| View {
        links: Some(links(&format!("RING ID 0\n\tid\t= 10.0.0.1\n\tstatus\t= {status}\n"))),
        ..View::default()
    };
    let mut watch = Watch::new("a1");
    assert_eq!(step(&mut watch, &ring("ring 0 active with no faults")), [(true, link("", true, false))]);
    assert_eq!(step(&mut watch, &ring("Marking ringid 0 interface FAULTY")), [(false, link("", false, false))]);
}

#[test]
fn the_witness_is_told_if_there_is_one() {
    let flags = |is_alive, is_voting| Some(DeviceFlags { is_alive, is_voting, is_master_wins: false });
    let view = |flags| View { quorum: Some(quorum(&[(1, "a1")], true, flags)), ..View::default() };
    let witness = |is_configured, is_connected, is_voting| {
        Observation::WitnessState(WitnessState { is_configured, is_connected, is_voting })
    };
    let told = |watch: &mut Watch, view: &View| {
        let seen = step(watch, view).into_iter();
        seen.filter(|(_, seen)| matches!(seen, Observation::WitnessState(_))).collect::<Vec<_>>()
    };
    let mut none = Watch::new("a1");
    assert_eq!(told(&mut none, &view(None)), []);
    assert_eq!(told(&mut none, &view(flags(true, true))), [(false, witness(true, true, true))]);
    let mut watch = Watch::new("a1");
    assert_eq!(told(&mut watch, &view(flags(true, true))), [(true, witness(true, true, true))]);
    assert_eq!(told(&mut watch, &view(flags(true, false))), [(false, witness(true, true, false))]);
    let away = DeviceStatus { state: "Connect failed".into(), ..DeviceStatus::default() };
    let asked = View { device: Some(away), ..view(flags(true, false)) };
    assert_eq!(told(&mut watch, &asked), [(false, witness(true, false, false))]);
    let configured = View { map: Some(Map { device_model: "net".into(), ..Map::default() }), ..view(None) };
    assert_eq!(told(&mut Watch::new("a1"), &configured), [(true, witness(true, false, false))]);
    assert_eq!(told(&mut watch, &view(None)), [(false, witness(false, false, false))]);
}

#[test]
fn a_name_of_the_node_list_counts_more_than_an_address() {
    let map = Map::read("nodelist.node.0.nodeid (u32) = 1\nnodelist.node.0.name (str) = a1\n").expect("reads");
    let view = View { quorum: Some(quorum(&[(1, "10.0.0.1")], true, None)), map: Some(map), ..View::default() };
    let mut watch = Watch::new("a1");
    assert_eq!(step(&mut watch, &view), [(true, state(&["a1"], true))]);
    assert_eq!((watch.names().of(1), watch.names().of(9)), ("a1".to_owned(), "9".to_owned()));
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*|((Local node ID |LINK ID |LINK: |nodeid|Node ID:|Quorate:|Nodeid Votes Qdevice Name|Quorum:|stats\\.knet\\.node|runtime\\.members\\.|[0-9.,:=() ]{1,6}|\\n){0,30})") {
        let view = View {
            quorum: Quorum::read(&text).ok(),
            links: Links::read(&text).ok(),
            map: Map::read(&text).ok(),
            device: DeviceStatus::read(&text).ok(),
        };
        let mut watch = Watch::new("a1");
        let first = watch.step(&view, Timestamp(0));
        prop_assert!(first.iter().all(|seen| seen.is_initial));
        prop_assert_eq!(watch.step(&view, Timestamp(1)), vec![]);
        prop_assert!(crate::corosync::map::Statistics::read(&text).is_ok() == view.map.is_some());
    }
}
