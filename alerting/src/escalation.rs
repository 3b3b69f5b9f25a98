//! Escalation policies: who is told, and who next if nobody acknowledges.

use std::time::Duration;

/// The most times that a policy starts over.
pub(crate) const REPEAT_MAX: u32 = 5;

/// Contacts that are told together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// After the start of the incident's notification, unless it was acknowledged by then.
    pub after: Duration,
    pub contacts: Vec<String>,
}

/// Steps in order of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub name: String,
    pub steps: Vec<Step>,
    /// How often all of it starts over, at most 5.
    pub repeat: u32,
    /// How long after the last step it starts over.
    pub repeat_after: Duration,
}

impl Policy {
    /// One step, at once.
    pub fn at_once(name: impl Into<String>, contacts: &[&str]) -> Self {
        let contacts = contacts.iter().map(|name| (*name).to_owned()).collect();
        let steps = vec![Step { after: Duration::ZERO, contacts }];
        Self { name: name.into(), steps, repeat: 0, repeat_after: Duration::ZERO }
    }

    /// When the step of this number comes, counted through all rounds, after the start; and who is told.
    pub(crate) fn step(&self, number: u64) -> Option<(Duration, &Step)> {
        let count = self.steps.len() as u64;
        let round = u32::try_from(number.checked_div(count)?).ok().filter(|round| *round <= self.repeat)?;
        let step = self.steps.get(usize::try_from(number % count).ok()?)?;
        let length = self.steps.last()?.after.saturating_add(self.repeat_after);
        Some((length.saturating_mul(round).saturating_add(step.after), step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_go_on_in_rounds() {
        let mut policy = Policy::at_once("db", &["eva"]);
        policy.steps.push(Step { after: Duration::from_secs(300), contacts: vec!["lead".to_owned()] });
        (policy.repeat, policy.repeat_after) = (1, Duration::from_secs(60));
        let times: Vec<u64> = (0..9).map_while(|number| policy.step(number)).map(|step| step.0.as_secs()).collect();
        assert_eq!(times, [0, 300, 360, 660]);
        policy.steps.clear();
        assert_eq!(policy.step(0), None);
    }
}
