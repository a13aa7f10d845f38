//! Rate limits of every route: per address (/64) before anything else is done, per user once the caller is known.
//! Failed sign-ins have a throttle of their own (`core::access`).

use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use callbox_core::access::Source;
use callbox_core::id::UserId;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use http::Extensions;

use super::peer::source_of;
use super::problem::Problem;

/// Senders that one limiter remembers. When that many are busy at once, the others share one allowance.
const REMEMBERED: usize = 16_384;
/// Signing in is worth this part of other requests: it costs a hash.
const SIGN_IN_PART: u32 = 4;

/// Where signaling sends a handshake that comes too often, to be answered like any other request that does.
pub const SOCKET_REFUSED: &str = "/api/socket-refused";

/// Allowances of addresses and users. Cheap to clone.
#[derive(Clone)]
pub struct Gate(Arc<Limiters>);

struct Limiters {
    sign_in: Limiter<Source>,
    address: Limiter<Source>,
    user: Limiter<UserId>,
    socket: Limiter<Source>,
}

/// `None` is the allowance that is shared when too many senders are busy.
struct Limiter<K: Hash + Eq + Clone>(DefaultKeyedRateLimiter<Option<K>>);

impl Gate {
    /// `per_second` for long and `burst` at once after a quiet time, for each address and for each user; a quarter
    /// of both for signing in.
    #[must_use]
    pub fn new(per_second: u32, burst: u32) -> Self {
        let quota = |part: u32| {
            let at_least_one = |n: u32| NonZeroU32::new(n / part).unwrap_or(NonZeroU32::MIN);
            Quota::per_second(at_least_one(per_second)).allow_burst(at_least_one(burst))
        };
        Self(Arc::new(Limiters {
            sign_in: Limiter::new(quota(SIGN_IN_PART)),
            address: Limiter::new(quota(1)),
            user: Limiter::new(quota(1)),
            socket: Limiter::new(quota(1)),
        }))
    }

    /// Takes one new Socket.IO connection from the allowance of the address that a request came from.
    #[must_use]
    pub fn socket(&self, request: &Extensions) -> bool {
        self.0.socket.take(source_of(request)).is_ok()
    }

    /// Takes one from a user's allowance.
    pub(super) fn user(&self, user: UserId) -> Result<(), Problem> {
        self.0.user.take(user).map_err(Problem::wait)
    }

    /// Forgets senders that have been quiet long enough to have their full allowance again. To be called now and
    /// then, such as once a minute.
    pub fn prune(&self) {
        self.0.sign_in.0.retain_recent();
        self.0.address.0.retain_recent();
        self.0.user.0.retain_recent();
        self.0.socket.0.retain_recent();
    }
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    fn new(quota: Quota) -> Self {
        Self(RateLimiter::keyed(quota))
    }

    fn take(&self, key: K) -> Result<(), Duration> {
        let mut key = Some(key);
        if self.0.len() >= REMEMBERED {
            self.0.retain_recent();
            if self.0.len() >= REMEMBERED {
                key = None;
            }
        }
        self.0.check_key(&key).map_err(|refused| refused.wait_time_from(DefaultClock::default().now()))
    }
}

/// The first thing that happens to a request.
pub(super) async fn limit(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    if request.uri().path() == SOCKET_REFUSED {
        return Problem::wait(Duration::from_secs(1)).into_response();
    }
    let source = source_of(request.extensions());
    let limits = &gate.0;
    let sign_in = request.method() == http::Method::POST && is_sign_in(request.uri().path());
    let taken = if sign_in { limits.sign_in.take(source) } else { limits.address.take(source) };
    match taken {
        Ok(()) => next.run(request).await,
        Err(wait) => Problem::wait(wait).into_response(),
    }
}

fn is_sign_in(path: &str) -> bool {
    path == "/api/setup" || path.starts_with("/api/auth/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_and_then_a_wait() {
        let gate = Gate::new(1, 3);
        let user = UserId::from_random([1; 16]);
        for _ in 0..3 {
            assert!(gate.user(user).is_ok());
        }
        assert!(gate.user(user).is_err());
        assert!(gate.user(UserId::from_random([2; 16])).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let limiter = Limiter::<u64>::new(Quota::per_hour(NonZeroU32::new(1000).unwrap()));
        for n in 0..(REMEMBERED as u64 + 50) {
            let _ = limiter.take(n);
        }
        assert!(limiter.0.len() <= REMEMBERED + 1);
    }
}
