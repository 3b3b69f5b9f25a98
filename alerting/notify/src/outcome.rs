//! What became of one attempt to tell somebody something.

use std::time::Duration;

use orszem_model::prefix;

/// The longest text of an outcome, in bytes.
const TEXT_BYTES_MAX: usize = 512;

/// How an attempt ended, in words that can be kept: no secret is in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other side took it.
    Delivered {
        /// What it said.
        detail: String,
        /// What it calls the message; empty where it has no name.
        remote_id: String,
    },
    /// It may work later, under the same key.
    Retry {
        /// How long the other side asked to be left alone; `None`: the outbox knows its own pauses.
        after: Option<Duration>,
        reason: String,
    },
    /// It won't work, however often it is tried.
    Refused {
        reason: String,
        /// The address itself is dead and should be forgotten: a push subscription that was given up.
        is_gone: bool,
    },
}

impl Outcome {
    pub(crate) fn delivered(detail: &str, remote_id: impl Into<String>) -> Self {
        Self::Delivered { detail: tidy(detail), remote_id: remote_id.into() }
    }

    pub(crate) fn retry(reason: &str) -> Self {
        Self::Retry { after: None, reason: tidy(reason) }
    }

    pub(crate) fn retry_after(after: Option<Duration>, reason: &str) -> Self {
        Self::Retry { after, reason: tidy(reason) }
    }

    pub(crate) fn refused(reason: &str) -> Self {
        Self::Refused { reason: tidy(reason), is_gone: false }
    }

    pub(crate) fn gone(reason: &str) -> Self {
        Self::Refused { reason: tidy(reason), is_gone: true }
    }

    /// The outcome with something that the delivery log should say, too: that a template had to be replaced.
    pub(crate) fn with_note(mut self, note: &str) -> Self {
        let (Self::Delivered { detail: text, .. }
        | Self::Retry { reason: text, .. }
        | Self::Refused { reason: text, .. }) = &mut self;
        *text = tidy(&format!("{text}; {note}"));
        self
    }

    /// The outcome with `secret` taken out of its words.
    pub(crate) fn without(mut self, secret: &str) -> Self {
        if secret.len() >= 4 {
            let (Self::Delivered { detail: text, .. }
            | Self::Retry { reason: text, .. }
            | Self::Refused { reason: text, .. }) = &mut self;
            *text = text.replace(secret, "***");
        }
        self
    }
}

/// One line without control characters, cut where it is too long.
fn tidy(text: &str) -> String {
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    prefix(&words.join(" "), TEXT_BYTES_MAX).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_one_line_and_hold_no_secret() {
        let outcome = Outcome::refused("no\r\n  such\u{7} s3cret-ő thing").without("s3cret-ő");
        assert_eq!(outcome, Outcome::Refused { reason: "no such *** thing".to_owned(), is_gone: false });
        let Outcome::Retry { reason, .. } = Outcome::retry(&"ő".repeat(400)) else { panic!("a retry") };
        assert_eq!(reason.len(), TEXT_BYTES_MAX);
        let noted = Outcome::delivered("250 ok", "x").with_note("the template is wrong");
        let detail = "250 ok; the template is wrong".to_owned();
        assert_eq!(noted, Outcome::Delivered { detail, remote_id: "x".to_owned() });
    }
}
