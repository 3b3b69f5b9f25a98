//! What Alertmanager loses, doubles or forgets when it is killed, silenced or inhibited, and that it is kept here: the
//! same steps against both in one run. Debian's Alertmanager is reported on; this program must keep everything.

mod party;
mod scenarios;
mod stage;

use std::fmt::{self, Write};
use std::thread;

use crate::tools::program;
use party::Party;
use scenarios::SCENARIOS;
use stage::{Outcome, Stage};

/// How a scenario went, as the table has it.
struct Shown<'a>(Option<&'a Outcome>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.pad("not installed"),
            Some(Ok(kept)) => f.pad(&kept.to_string()),
            Some(Err(harm)) => f.pad(&harm.to_string()),
        }
    }
}

#[test]
fn all_is_kept_beside_alertmanager() {
    let peer = program("prometheus-alertmanager").map(Party::Alertmanager);
    let version = peer.as_ref().map_or_else(String::new, Party::version);
    let played = thread::scope(|scope| {
        // Nearly all of the time is waiting, most of it for what Alertmanager never sends.
        let playing = SCENARIOS.each_ref().map(|scenario| {
            let play = |party| move || (scenario.play)(&mut Stage::new(party, scenario.waits));
            let own = scope.spawn(play(&Party::Orszem));
            (peer.as_ref().map(|peer| scope.spawn(play(peer))), own)
        });
        playing.map(|(peer, own)| (peer.map(|peer| peer.join().expect("plays")), own.join().expect("plays")))
    });
    let mut table = String::new();
    let mut row = |name: &str, peer: &dyn fmt::Display, own: &dyn fmt::Display| {
        writeln!(table, "{name:72} | {peer:44} | {own}").expect("writes");
    };
    row("scenario", &format!("Alertmanager {version}"), &"Őrszem");
    for (scenario, (peer, own)) in SCENARIOS.iter().zip(&played) {
        row(scenario.name, &Shown(peer.as_ref()), &Shown(Some(own)));
    }
    eprintln!("\n{table}");
    let harmed: Vec<&str> =
        SCENARIOS.iter().zip(&played).filter(|(_, (_, own))| own.is_err()).map(|(s, _)| s.name).collect();
    assert_eq!(harmed, Vec::<&str>::new(), "\n{table}");
}
