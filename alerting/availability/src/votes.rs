//! What a collector tells of the targets that it probes, and what it is answered: the JSON of `POST /app/v1/probes/votes`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::verdict::Vote;

/// Votes of one request, at most.
pub const VOTES_MAX: usize = 1_000;
/// Targets that one answer asks for, at most; further ones are in the next.
pub const ASKS_MAX: usize = 200;
/// How long a request may wait until there is something to ask.
pub const WAIT_MS_MAX: u64 = 25_000;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The host that votes.
    pub collector: String,
    /// One for each run of it: numbers of votes begin anew.
    pub epoch: u64,
    /// Why it has no vote at all now: its own canaries fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolated: Option<String>,
    #[serde(default)]
    pub votes: Vec<ToldVote>,
    /// Answer when there is something to ask, or after this; at most [`WAIT_MS_MAX`].
    #[serde(default)]
    pub wait_ms: u64,
}

/// One vote. Spans are milliseconds, so that nobody's clock matters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldVote {
    /// Counts up within the epoch; what was taken before is not taken again.
    pub n: u64,
    pub probe: String,
    pub instance: String,
    pub vote: Vote,
    /// Of a vote that is not for it.
    #[serde(default)]
    pub reason: String,
    /// How long ago the probe has ended.
    #[serde(default)]
    pub age_ms: u64,
    /// How often it is probed, and how long a probe may take.
    pub interval_ms: u64,
    pub timeout_ms: u64,
    /// What the target's series are labelled with beside `job`, `probe` and `instance`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// The answer: what was told is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reply {
    /// Targets that the collector is to probe at once, as another has failed to reach them.
    pub asked: Vec<Asked>,
}

/// A target that is to be probed at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub probe: String,
    pub instance: String,
    /// How long the answer is waited for.
    pub within_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_have_the_documented_form() {
        let told = Told {
            collector: "db1".to_owned(),
            epoch: 7,
            isolated: None,
            votes: vec![ToldVote {
                n: 1,
                probe: "shop".to_owned(),
                instance: "https://shop.example/".to_owned(),
                vote: Vote::Down,
                reason: "status 503".to_owned(),
                age_ms: 12,
                interval_ms: 10_000,
                timeout_ms: 5_000,
                labels: BTreeMap::from([("team".to_owned(), "shop".to_owned())]),
            }],
            wait_ms: 0,
        };
        let text = r#"{"collector":"db1","epoch":7,"votes":[{"n":1,"probe":"shop","instance":"https://shop.example/","vote":"down","reason":"status 503","age_ms":12,"interval_ms":10000,"timeout_ms":5000,"labels":{"team":"shop"}}],"wait_ms":0}"#;
        assert_eq!(serde_json::to_string(&told).expect("encodes"), text);
        assert_eq!(serde_json::from_str::<Told>(text).expect("decodes"), told);
        let least = r#"{"collector":"db1","epoch":7,"isolated":"no way out"}"#;
        let expected = Told { isolated: Some("no way out".to_owned()), votes: Vec::new(), ..told };
        assert_eq!(serde_json::from_str::<Told>(least).expect("decodes"), expected);
        assert!(serde_json::from_str::<Told>(r#"{"epoch":7}"#).is_err(), "somebody has to vote");
    }
}
