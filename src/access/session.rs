//! Logins: random names that stand for a token, kept in memory only.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::token::{self, TokenHash};

/// The logins that are open.
#[derive(Debug)]
pub(super) struct Sessions {
    max: usize,
    lifetime: Duration,
    /// By the hash of the name, so that neither memory nor timing gives a name away.
    open: Mutex<HashMap<TokenHash, Session>>,
}

#[derive(Debug)]
struct Session {
    token: TokenHash,
    ends: Instant,
}

impl Sessions {
    /// At most `max` logins at once, each for `lifetime`.
    pub(super) fn new(max: usize, lifetime: Duration) -> Self {
        Self { max, lifetime, open: Mutex::new(HashMap::new()) }
    }

    /// How long a login lasts.
    pub(super) fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Opens a login for the token with this hash; at the limit the one that would end first ends now.
    pub(super) fn open(&self, token: TokenHash) -> Result<String, getrandom::Error> {
        let name = token::random_secret()?;
        let now = Instant::now();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= self.max {
            open.retain(|_, session| session.ends > now);
        }
        if open.len() >= self.max {
            let first = open.iter().min_by_key(|(_, session)| session.ends).map(|(name, _)| *name);
            if let Some(first) = first {
                open.remove(&first);
            }
        }
        open.insert(token::hash(&name), Session { token, ends: now + self.lifetime });
        Ok(name)
    }

    /// The token that a login stands for, while it lasts.
    pub(super) fn token_of(&self, name: &str) -> Option<TokenHash> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&token::hash(name)).filter(|session| session.ends > Instant::now()).map(|session| session.token)
    }

    /// Ends a login.
    pub(super) fn close(&self, name: &str) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&token::hash(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_lasts_until_it_is_closed_pushed_out_or_over() {
        let sessions = Sessions::new(2, Duration::from_secs(60));
        let token = token::hash("t");
        let [first, second, third] = [0; 3].map(|_| sessions.open(token).expect("random"));
        let known = |name: &str| sessions.token_of(name).is_some();
        assert_eq!([known(&first), known(&second), known(&third)], [false, true, true]);
        sessions.close(&second);
        assert_eq!([known(&second), known(&third), known("other")], [false, true, false]);

        let brief = Sessions::new(2, Duration::ZERO);
        let name = brief.open(token).expect("random");
        assert_eq!(brief.token_of(&name), None);
    }
}
