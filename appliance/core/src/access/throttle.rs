//! Counts failed attempts to sign in, per account and per address, in a sliding window. Successes never count.
//!
//! An attempt is asked about twice: before its password is hashed ([`Throttle::check`]) and after
//! ([`Throttle::check`] again for a right one, [`Throttle::failed`] for a wrong one). So a burst of attempts that
//! all began before the first one failed learns no more than ten answers.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use crate::unit::Instant;

/// Failures of one account within [`WINDOW`] until it is refused.
pub const ACCOUNT_FAILURES: usize = 10;
/// Failures from one address within [`WINDOW`] until it is refused.
pub const ADDRESS_FAILURES: usize = 50;
/// How long a failure counts.
pub const WINDOW: Duration = Duration::from_secs(15 * 60);
/// Accounts and addresses that are remembered; the one whose last failure is oldest makes room.
const REMEMBERED: usize = 4096;

/// Too many failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many failed attempts")]
pub struct Throttled {
    /// After this the oldest failure no longer counts; at least a second.
    pub retry_after: Duration,
}

/// Where attempts come from: an IPv4 address, or the /64 of an IPv6 address, which is one subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source([u8; 8]);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        let mut key = [0_u8; 8];
        match address.to_canonical() {
            // No subscriber has a network in 0000::/8 (RFC 4291 §2.4), so the two kinds never meet.
            IpAddr::V4(v4) => key[4..].copy_from_slice(&v4.octets()),
            IpAddr::V6(v6) => key.copy_from_slice(&v6.octets()[..8]),
        }
        Self(key)
    }
}

/// Failed attempts of the last 15 minutes. Bounded: [`REMEMBERED`] accounts and addresses.
#[derive(Debug, Default)]
pub struct Throttle {
    accounts: Failures<String>,
    addresses: Failures<Source>,
}

impl Throttle {
    /// Whether an attempt may be made, or a right password may be let in. `account` is the folded user name, known
    /// or not; `None` where there is only an address to blame.
    ///
    /// # Errors
    /// [`Throttled`]
    pub fn check(&self, account: Option<&str>, source: Source, now: Instant) -> Result<(), Throttled> {
        let account = account.and_then(|account| self.accounts.wait(account, ACCOUNT_FAILURES, now));
        let address = self.addresses.wait(&source, ADDRESS_FAILURES, now);
        match account.max(address) {
            Some(wait) => Err(Throttled { retry_after: wait.max(Duration::from_secs(1)) }),
            None => Ok(()),
        }
    }

    /// An attempt was wrong.
    ///
    /// # Errors
    /// [`Throttled`] when the limit was reached meanwhile: the answer must then not say that it was wrong.
    pub fn failed(&mut self, account: Option<&str>, source: Source, now: Instant) -> Result<(), Throttled> {
        self.check(account, source, now)?;
        if let Some(account) = account {
            self.accounts.add(account.to_owned(), ACCOUNT_FAILURES, now);
        }
        self.addresses.add(source, ADDRESS_FAILURES, now);
        Ok(())
    }
}

#[derive(Debug)]
struct Failures<K>(BTreeMap<K, VecDeque<Instant>>);

impl<K> Default for Failures<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone> Failures<K> {
    fn wait<Q: Ord + ?Sized>(&self, key: &Q, limit: usize, now: Instant) -> Option<Duration>
    where
        K: std::borrow::Borrow<Q>,
    {
        let times = self.0.get(key)?;
        // At most `limit` times are kept, so the oldest is the one that has to go.
        let oldest = times.front().filter(|_| times.len() >= limit)?;
        let age = now.since(*oldest);
        (age < WINDOW).then(|| WINDOW.saturating_sub(age))
    }

    fn add(&mut self, key: K, limit: usize, now: Instant) {
        if !self.0.contains_key(&key) && self.0.len() >= REMEMBERED {
            self.make_room(now);
        }
        let times = self.0.entry(key).or_default();
        times.retain(|at| now.since(*at) < WINDOW);
        if times.len() >= limit {
            times.pop_front();
        }
        times.push_back(now);
    }

    fn make_room(&mut self, now: Instant) {
        self.0.retain(|_, times| times.back().is_some_and(|at| now.since(*at) < WINDOW));
        if self.0.len() >= REMEMBERED {
            let oldest =
                self.0.iter().min_by_key(|(_, times)| times.back().copied()).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                self.0.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Instant {
        Instant::from_start(Duration::from_secs(seconds))
    }

    fn source(n: u8) -> Source {
        Source::from(IpAddr::from([192, 0, 2, n]))
    }

    #[test]
    fn the_eleventh_failure_of_an_account_waits_for_the_first_to_age() {
        let mut throttle = Throttle::default();
        for n in 0..10 {
            throttle.check(Some("anna"), source(n), at(u64::from(n))).unwrap();
            throttle.failed(Some("anna"), source(n), at(u64::from(n))).unwrap();
        }
        let refused = throttle.check(Some("anna"), source(99), at(10)).unwrap_err();
        assert_eq!(refused.retry_after, WINDOW - Duration::from_secs(10));
        assert_eq!(throttle.failed(Some("anna"), source(99), at(10)), Err(refused));
        assert!(throttle.check(Some("bert"), source(1), at(10)).is_ok());
        assert!(throttle.check(Some("anna"), source(99), at(15 * 60)).is_ok());
        assert!(throttle.failed(Some("anna"), source(99), at(15 * 60)).is_ok());
        assert!(throttle.check(Some("anna"), source(99), at(15 * 60)).is_err(), "the second is a second old");
    }

    #[test]
    fn an_address_has_fifty() {
        let mut throttle = Throttle::default();
        for n in 0..50 {
            throttle.failed(Some(&format!("user{n}")), source(1), at(0)).unwrap();
        }
        assert!(throttle.check(Some("fresh"), source(1), at(1)).is_err());
        assert!(throttle.check(None, source(1), at(1)).is_err());
        assert!(throttle.check(Some("fresh"), source(2), at(1)).is_ok());
    }

    #[test]
    fn a_subscriber_is_a_64() {
        let a = Source::from("2001:db8:1:2::1".parse::<IpAddr>().unwrap());
        let b = Source::from("2001:db8:1:2:ffff::9".parse::<IpAddr>().unwrap());
        let c = Source::from("2001:db8:1:3::1".parse::<IpAddr>().unwrap());
        assert_eq!(a, b);
        assert_ne!(a, c);
        assert_eq!(Source::from("::ffff:192.0.2.1".parse::<IpAddr>().unwrap()), source(1));
        assert_ne!(source(1), source(2));
    }

    #[test]
    fn memory_is_bounded() {
        let mut throttle = Throttle::default();
        for n in 0..2 * REMEMBERED {
            let address = IpAddr::from(u32::try_from(n).unwrap().to_be_bytes());
            throttle.failed(Some(&n.to_string()), Source::from(address), at(0)).unwrap();
        }
        assert!(throttle.accounts.0.len() <= REMEMBERED && throttle.addresses.0.len() <= REMEMBERED);
    }

    proptest! {
        /// Against the plain rule: refused when ten failures lie within the last 15 minutes.
        #[test]
        fn as_the_rule_says(steps in proptest::collection::vec((0_u64..400, any::<bool>()), 1..120)) {
            let mut throttle = Throttle::default();
            let mut failures: Vec<u64> = Vec::new();
            let mut now = 0;
            for (n, (pause, fails)) in steps.into_iter().enumerate() {
                now += pause;
                let recent = failures.iter().filter(|at| now - **at < WINDOW.as_secs()).count();
                let from = source(u8::try_from(n).unwrap());
                prop_assert_eq!(throttle.check(Some("anna"), from, at(now)).is_ok(), recent < ACCOUNT_FAILURES);
                if fails && throttle.failed(Some("anna"), from, at(now)).is_ok() {
                    failures.push(now);
                }
            }
        }
    }
}
