//! The site: lets time pass, story after story, and hands out what happens.

use std::collections::VecDeque;

use orszem_model::Timestamp;

use crate::gauges::{EVERY_S, Gauges, Measuring};
use crate::hosts::Node;
use crate::item::Item;
use crate::plan::Plan;
use crate::random::Random;
use crate::script::Script;
use crate::story::{self, LONGEST_S};
use crate::traffic::Second;
use crate::truth::Truth;

const NS: i64 = 1_000_000_000;
/// A turn has room for the longest story.
pub const EVERY_MIN_S: u64 = LONGEST_S + 10;
/// With every second story a failover, the last ten minutes still have one that is complete.
pub const EVERY_MAX_S: u64 = 600;
/// Truths that wait to be taken; beyond it the oldest is forgotten.
const TRUTHS_MAX: usize = 1_024;

/// A living site.
#[derive(Clone, Debug)]
pub struct Site {
    seed: u64,
    start: Timestamp,
    every: i64,
    /// Up to here everything was handed out; a whole second.
    now: Timestamp,
    active: Node,
    booted: [Timestamp; 2],
    turn: u64,
    plan: Plan,
    /// Items of the story that are still to come.
    coming: VecDeque<Item>,
    gauges: Gauges,
    truths: VecDeque<Truth>,
}

impl Site {
    /// A site that is seen from `start` on, cut to a second, with a story every `every_s` seconds, which is taken to be at
    /// least [`EVERY_MIN_S`] and at most [`EVERY_MAX_S`]. Every second story is a failover, and a story is over before the
    /// next one's turn begins.
    pub fn new(seed: u64, start: Timestamp, every_s: u64) -> Self {
        let start = Timestamp(start.0.div_euclid(NS) * NS);
        let every = every_s.clamp(EVERY_MIN_S, EVERY_MAX_S) as i64;
        let active = if seed.is_multiple_of(2) { Node::Db1 } else { Node::Db2 };
        let booted = [Timestamp(start.0 - 1_904_377 * NS), Timestamp(start.0 - 911_020 * NS)];
        let mut random = Random::new(seed, 0);
        let mut script = Script { begun: start, random: &mut random, booted, items: Vec::new() };
        story::known(&mut script, active);
        let known = script.finish();
        let plan = story::plan(seed, 0, start, active, booted);
        let coming = known.into_iter().chain(plan.items.iter().cloned()).collect();
        let truths = VecDeque::from([plan.truth.clone()]);
        Self {
            seed,
            start,
            every: every * NS,
            now: start,
            active,
            booted,
            turn: 0,
            plan,
            coming,
            gauges: Gauges::default(),
            truths,
        }
    }

    /// Everything of the whole seconds that are over at `until` and were not handed out yet, by time.
    pub fn advance(&mut self, until: Timestamp) -> Vec<Item> {
        let mut items = Vec::new();
        while self.now.0 + NS <= until.0 {
            self.second(&mut items);
        }
        items
    }

    /// Until when everything was handed out.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The beginning of the first turn at or after a moment: no story is under way there.
    pub fn turn_after(&self, at: Timestamp) -> Timestamp {
        let since = (at.0 - self.start.0).max(0);
        Timestamp(self.start.0 + (since + self.every - 1) / self.every * self.every)
    }

    /// What the stories that were begun since the last call really are, also of what is still to come of the last one.
    pub fn truths(&mut self) -> Vec<Truth> {
        self.truths.drain(..).collect()
    }

    fn second(&mut self, items: &mut Vec<Item>) {
        let at = self.now;
        let turn = ((at.0 - self.start.0) / self.every) as u64;
        if turn != self.turn {
            self.next_story(turn);
        }
        let number = at.0 / NS;
        let first = items.len();
        if let Some((moment, node)) = self.plan.moves
            && moment <= at
        {
            self.active = node;
        }
        let random = Random::new(self.seed, (number as u64) << 1);
        Second { at, plan: &self.plan, active: self.active, random, out: items }.write();
        if number % EVERY_S == 0 {
            let random = Random::new(self.seed, (number as u64) << 1 | 1);
            let (plan, active, booted) = (&self.plan, self.active, self.booted);
            self.gauges.measure(Measuring { at, plan, active, booted, random, out: items });
        }
        self.now = Timestamp(at.0 + NS);
        while self.coming.front().is_some_and(|item| item.at() < self.now)
            && let Some(item) = self.coming.pop_front()
        {
            items.push(item);
        }
        if let Some(of_second) = items.get_mut(first..) {
            of_second.sort_by_key(Item::at);
        }
        if let Some((node, span)) = self.plan.down
            && span.until <= self.now
        {
            self.booted[node as usize] = span.until;
        }
    }

    fn next_story(&mut self, turn: u64) {
        self.turn = turn;
        let at = Timestamp(self.start.0 + turn as i64 * self.every);
        self.plan = story::plan(self.seed, turn, at, self.active, self.booted);
        self.coming = self.plan.items.iter().cloned().collect();
        if self.truths.len() == TRUTHS_MAX {
            self.truths.pop_front();
        }
        self.truths.push_back(self.plan.truth.clone());
    }
}
