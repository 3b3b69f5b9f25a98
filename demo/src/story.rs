//! The stories, and which one is told when.

mod failover;
mod quiet;
mod redundancy;
mod standby;
mod starts;

use orszem_model::Timestamp;

use crate::hosts::Node;
use crate::plan::Plan;
use crate::random::Random;
use crate::script::Script;
use crate::truth::Story;

/// A story has ended so many seconds after the beginning of its turn.
pub(crate) const LONGEST_S: u64 = 230;

pub(crate) use starts::known;

/// Which story has turn `number`: every second one is a failover, and every fourth one for a failed disk, so that ten
/// minutes always have one.
fn choose(number: u64, random: &mut Random) -> Story {
    if number % 4 == 3 {
        return Story::DiskFailover;
    }
    if number % 2 == 1 {
        return *random.pick(&[Story::PowerLoss, Story::PowerLoss, Story::DiskFailover]);
    }
    *random.pick(&[Story::DiskDetach, Story::DiskDetach, Story::Standby, Story::Backup, Story::CronRestart])
}

/// The story of turn `number`, which begins at `at`.
pub(crate) fn plan(seed: u64, number: u64, at: Timestamp, active: Node, booted: [Timestamp; 2]) -> Plan {
    let mut random = Random::new(seed, 0x5702_0000_0000 + number);
    let story = choose(number, &mut random);
    let begun = Timestamp(at.0 + (random.between(20.0, 40.0) * 1e9) as i64);
    let script = Script { begun, random: &mut random, booted, items: Vec::new() };
    match story {
        Story::DiskFailover => failover::disk(script, active),
        Story::PowerLoss => failover::power(script, active),
        Story::DiskDetach => redundancy::detach(script, active),
        Story::Standby => standby::standby(script, active),
        Story::Backup => quiet::backup(script, active),
        Story::CronRestart => quiet::cron(script),
    }
}
