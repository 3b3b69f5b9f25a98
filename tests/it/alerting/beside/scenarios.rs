//! The scenarios, each as the steps that are played against both.

use std::time::Duration;

use serde_json::{Value, json};

use super::stage::{Harm, Kept, Outcome, Stage, pause};
use crate::alerting::Waits;

const HOUR: Duration = Duration::from_secs(3_600);
const HALF_A_SECOND: Duration = Duration::from_millis(500);

const WAITS: Waits = Waits { group: "1s", interval: "3s", hold: "2s" };
/// Time to be killed in before a group is told, or for what inhibits to come.
const LONG: Waits = Waits { group: "5s", ..WAITS };
const FLAPPING: Waits = Waits { interval: "1s", ..WAITS };

const FLIPS: usize = 20;
/// More messages of them are noise.
const MESSAGES_MAX: usize = 6;

pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) waits: Waits,
    pub(super) play: fn(&mut Stage<'_>) -> Outcome,
}

const fn scenario(name: &'static str, waits: Waits, play: fn(&mut Stage<'_>) -> Outcome) -> Scenario {
    Scenario { name, waits, play }
}

pub(super) const SCENARIOS: [Scenario; 13] = [
    scenario("silence made, SIGTERM", WAITS, |stage| silence_then(stage, "TERM")),
    scenario("silence made, SIGKILL", WAITS, |stage| silence_then(stage, "KILL")),
    scenario("page sent, SIGKILL, sender repeats the alert", WAITS, page_sent),
    scenario("SIGKILL between the page and its answer, sender repeats the alert", WAITS, page_unanswered),
    scenario("alert accepted, SIGKILL while its group waits, sender gone", LONG, alert_accepted),
    scenario("page sent, SIGKILL, the end comes after the restart", WAITS, end_after_restart),
    scenario("page sent, end accepted, SIGKILL, sender gone", WAITS, end_accepted),
    scenario("receiver answers 503 three times", WAITS, receiver_down),
    scenario("page sent, silenced, over, the silence ends: is the end told?", WAITS, end_while_silenced),
    scenario("warning paged, a critical one inhibits it, both end: are both ends told?", WAITS, end_while_inhibited),
    scenario("old warning 0.5 s before the critical one that inhibits it", LONG, inhibited_too_late),
    scenario("the same after SIGKILL, both known before", WAITS, inhibited_after_restart),
    scenario("20 flips in 20 s", FLAPPING, flapping),
];

fn silence_then(stage: &mut Stage<'_>, signal: &str) -> Outcome {
    stage.silences("Silenced", HOUR);
    stage.restart(signal);
    let silences = stage.count_silences();
    stage.fires("Silenced");
    stage.fires("Other");
    stage.tells("Other", "firing")?;
    pause(HALF_A_SECOND);
    match (silences, stage.does_not_tell("Silenced", "firing")) {
        (1, told) => told.map(|()| Kept::Once),
        (_, Ok(())) => Err(Harm::Lost("the silence".to_owned())),
        (_, Err(_)) => Err(Harm::Lost("the silence; what it silenced pages".to_owned())),
    }
}

fn page_sent(stage: &mut Stage<'_>) -> Outcome {
    stage.fires("Disk");
    stage.tells("Disk", "firing")?;
    stage.restart("KILL");
    repeated(stage)
}

fn page_unanswered(stage: &mut Stage<'_>) -> Outcome {
    stage.sink.hold();
    stage.fires("Disk");
    stage.tells("Disk", "firing")?;
    stage.restart("KILL");
    repeated(stage)
}

/// How often a page came, when its sender has repeated it and another one came after it.
fn repeated(stage: &Stage<'_>) -> Outcome {
    stage.fires("Disk");
    pause(HALF_A_SECOND);
    stage.fires("Other");
    stage.tells("Other", "firing")?;
    stage.times("Disk", "firing")
}

fn alert_accepted(stage: &mut Stage<'_>) -> Outcome {
    stage.fires("Disk");
    stage.restart("KILL");
    stage.tells("Disk", "firing")?;
    stage.times("Disk", "firing")
}

fn end_after_restart(stage: &mut Stage<'_>) -> Outcome {
    stage.fires("Disk");
    stage.tells("Disk", "firing")?;
    stage.restart("KILL");
    stage.is_over("Disk");
    stage.tells("Disk", "resolved")?;
    stage.times("Disk", "resolved")
}

fn end_accepted(stage: &mut Stage<'_>) -> Outcome {
    stage.fires("Disk");
    stage.tells("Disk", "firing")?;
    stage.is_over("Disk");
    stage.restart("KILL");
    stage.tells("Disk", "resolved")?;
    stage.times("Disk", "resolved")
}

fn receiver_down(stage: &mut Stage<'_>) -> Outcome {
    stage.sink.fail(3);
    stage.fires("Disk");
    stage.tells("Disk", "firing")?;
    stage.times("Disk", "firing")
}

fn end_while_silenced(stage: &mut Stage<'_>) -> Outcome {
    stage.fires("Disk");
    stage.tells("Disk", "firing")?;
    stage.silences("Disk", Duration::from_secs(8));
    stage.is_over("Disk");
    stage.tells("Disk", "resolved")?;
    stage.times("Disk", "resolved")
}

fn warning() -> Value {
    json!({ "alertname": "Slow", "severity": "warning", "host": "h" })
}

fn critical() -> Value {
    json!({ "alertname": "Down", "severity": "critical", "host": "h" })
}

fn end_while_inhibited(stage: &mut Stage<'_>) -> Outcome {
    stage.says(&warning(), true, 1);
    stage.tells("Slow", "firing")?;
    stage.says(&critical(), true, 1);
    stage.tells("Down", "firing")?;
    stage.says(&warning(), false, 10);
    // As long as it takes for a group to be told of a change.
    pause(Duration::from_secs(5));
    stage.says(&critical(), false, 10);
    stage.tells("Down", "resolved")?;
    stage.tells("Slow", "resolved")?;
    stage.times("Slow", "resolved")
}

fn inhibited_too_late(stage: &mut Stage<'_>) -> Outcome {
    warning_before_critical(stage)
}

fn inhibited_after_restart(stage: &mut Stage<'_>) -> Outcome {
    stage.says(&critical(), true, 600);
    stage.tells("Down", "firing")?;
    stage.says(&warning(), true, 600);
    stage.restart("KILL");
    warning_before_critical(stage)
}

fn warning_before_critical(stage: &Stage<'_>) -> Outcome {
    stage.says(&warning(), true, 600);
    pause(HALF_A_SECOND);
    stage.says(&critical(), true, 600);
    stage.fires("Other");
    stage.tells("Down", "firing")?;
    stage.tells("Other", "firing")?;
    stage.does_not_tell("Slow", "firing")?;
    Ok(Kept::Once)
}

fn flapping(stage: &mut Stage<'_>) -> Outcome {
    for _ in 0..FLIPS {
        stage.fires("Disk");
        pause(HALF_A_SECOND);
        stage.is_over("Disk");
        pause(HALF_A_SECOND);
    }
    stage.tells("Disk", "firing")?;
    match stage.sink.hits().len() {
        messages @ ..=MESSAGES_MAX => Ok(Kept::In(messages)),
        messages => Err(Harm::Doubled("Disk".to_owned(), messages)),
    }
}
