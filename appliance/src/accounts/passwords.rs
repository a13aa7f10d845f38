//! Password hashes: argon2id (RFC 9106) as PHC strings, as expensive as this machine can bear.
//!
//! At most [`AT_ONCE`] hashes run at once, on threads of their own, and at most [`WAITING`] requests wait for them;
//! one more is refused at once. An unknown user costs the same work as a known one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Hashes that run at the same time.
const AT_ONCE: usize = 2;
/// Requests that wait for a hash.
const WAITING: usize = 20;
/// Memory (KiB) and passes, from the least that is ever used (OWASP) to what a fast machine does; each costs
/// about twice the one before it, so that a noisy measurement seldom changes the step.
const STEPS: [(u32, u32); 5] =
    [(19 * 1024, 2), (38 * 1024, 2), (64 * 1024, 2), (64 * 1024, 4), (64 * 1024, 8)];
/// Two hashes at once share the memory bus: alone, one may take this part of the target.
const ALONE_PERCENT: u128 = 60;
const SALT: usize = 16;
const OUTPUT: usize = 32;
/// The allocator gives the memory of a hash back to the system a tenth of a second after it was freed, but only
/// when it next handles a large block. On an idle box that could be next week.
const SETTLE: Duration = Duration::from_millis(300);
/// Large in the allocator's eyes (over 16 MiB). Its pages are never touched, so it costs nothing.
const LARGE_BYTES: usize = 24 << 20;

/// Why there is no answer about a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashFault {
    /// Too many hashes wait already.
    #[error("too many sign-ins at once")]
    QueueFull,
    /// The machine could not do it: no memory or no random numbers. Or a stored hash is damaged.
    #[error("the password could not be hashed")]
    Failed,
}

/// What came out of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the password.
    Right,
    /// It is the password, and its hash has other parameters than new ones: store a new one.
    RightButDated,
    /// It is not the password, or there is no such user.
    Wrong,
}

/// The hashing service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Passwords(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    params: Params,
    /// A hash of nothing that anybody can type: what an unknown user's password is compared with.
    nobody: String,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Passwords {
    /// Measures this machine (two hashes of the cheapest step, some 0.1 s; blocks) and takes the most expensive step
    /// that stays within `target` even when two run at once. `present` is any hash that is in use: its parameters
    /// are kept as long as they fit, because a step that changes with every start would tell by its timing who has
    /// not signed in since.
    ///
    /// # Errors
    /// [`HashFault::Failed`]: not even the cheapest step works here.
    pub fn calibrate(target: Duration, present: Option<&str>) -> Result<Self, HashFault> {
        let cheapest = params(STEPS[0])?;
        let mut least = Duration::MAX;
        for _ in 0..2 {
            let start = Instant::now();
            let mut out = [0; OUTPUT];
            digest(&cheapest, b"measure", &[0; SALT], &mut out)?;
            least = least.min(start.elapsed());
            if least > target {
                break;
            }
        }
        let fits = |step: (u32, u32)| {
            cost(step) * least.as_micros() * 100 <= cost(STEPS[0]) * target.as_micros() * ALONE_PERCENT
        };
        let kept = present.and_then(step_of).filter(|step| STEPS.contains(step) && fits(*step));
        let chosen = kept.or_else(|| STEPS.into_iter().rev().find(|step| fits(*step))).unwrap_or(STEPS[0]);
        tracing::info!(
            memory_kib = chosen.0,
            passes = chosen.1,
            cheapest_us = u64::try_from(least.as_micros()).unwrap_or(u64::MAX),
            "measured password hashing"
        );
        Self::with_params(params(chosen)?)
    }

    fn with_params(params: Params) -> Result<Self, HashFault> {
        // Its output is random, so no password has this hash; only the work of comparing matters.
        let salt = super::random::<SALT>().map_err(|_| HashFault::Failed)?;
        let output = super::random::<OUTPUT>().map_err(|_| HashFault::Failed)?;
        let nobody = phc(&params, &salt, &output);
        let running = Arc::new(Semaphore::new(AT_ONCE));
        let admitted = Arc::new(Semaphore::new(AT_ONCE + WAITING));
        Ok(Self(Arc::new(Inner { params, nobody, running, admitted })))
    }

    /// Far too cheap: tests only.
    #[cfg(test)]
    pub(crate) fn feeble() -> Self {
        Self::with_params(Params::new(64, 1, 1, Some(OUTPUT)).unwrap()).unwrap()
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// [`HashFault`]
    pub async fn hash(&self, password: &str) -> Result<String, HashFault> {
        let permits = self.permits().await?;
        let (params, password) = (self.0.params.clone(), password.to_owned());
        blocking(permits, move || {
            let salt = super::random::<SALT>().map_err(|_| HashFault::Failed)?;
            let mut out = [0; OUTPUT];
            digest(&params, password.as_bytes(), &salt, &mut out)?;
            Ok(phc(&params, &salt, &out))
        })
        .await
    }

    /// Compares a password with a stored hash; with `None`, does the same work and finds it wrong.
    ///
    /// # Errors
    /// [`HashFault`]
    pub async fn verify(&self, password: &str, stored: Option<&str>) -> Result<Verdict, HashFault> {
        let permits = self.permits().await?;
        let known = stored.is_some();
        let stored = stored.unwrap_or(&self.0.nobody).to_owned();
        let (present, password) = (self.0.params.clone(), password.to_owned());
        blocking(permits, move || {
            let hash = PasswordHash::new(&stored).map_err(|_| HashFault::Failed)?;
            let params = Params::try_from(&hash).map_err(|_| HashFault::Failed)?;
            let (Some(salt), Some(expected)) = (hash.salt.as_ref(), hash.hash.as_ref()) else {
                return Err(HashFault::Failed);
            };
            let mut out = vec![0; expected.as_ref().len()];
            digest(&params, password.as_bytes(), salt.as_ref(), &mut out)?;
            // Both sides are hashes: how long they are alike tells nothing about the password.
            let differences = out.iter().zip(expected.as_ref()).fold(0, |found, (a, b)| found | (a ^ b));
            Ok(match (known && differences == 0, step(&params) == step(&present)) {
                (false, _) => Verdict::Wrong,
                (true, true) => Verdict::Right,
                (true, false) => Verdict::RightButDated,
            })
        })
        .await
    }

    /// A place in the queue, and then a slot.
    async fn permits(&self) -> Result<(OwnedSemaphorePermit, OwnedSemaphorePermit), HashFault> {
        // Overflow: refused, the client tries again later.
        let place = Arc::clone(&self.0.admitted).try_acquire_owned().map_err(|_| HashFault::QueueFull)?;
        let slot = Arc::clone(&self.0.running).acquire_owned().await.map_err(|_| HashFault::Failed)?;
        Ok((place, slot))
    }
}

/// Runs on a thread that may block. The permits go along: a client that goes away frees no slot that is in use.
async fn blocking<T: Send + 'static>(
    permits: (OwnedSemaphorePermit, OwnedSemaphorePermit),
    work: impl FnOnce() -> Result<T, HashFault> + Send + 'static,
) -> Result<T, HashFault> {
    let task = tokio::task::spawn_blocking(move || {
        let _held = permits;
        work()
    });
    let done = task.await.map_err(|_| HashFault::Failed)?;
    tokio::spawn(settle());
    done
}

/// Makes the allocator return what the last hash used: without it, a box that had hashed once would never be small
/// again.
pub async fn settle() {
    tokio::time::sleep(SETTLE).await;
    drop(std::hint::black_box(Vec::<u8>::with_capacity(LARGE_BYTES)));
}

fn digest(params: &Params, password: &[u8], salt: &[u8], out: &mut [u8]) -> Result<(), HashFault> {
    let mut memory: Vec<Block> = Vec::new();
    memory.try_reserve_exact(params.block_count()).map_err(|_| HashFault::Failed)?;
    memory.resize(params.block_count(), Block::default());
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into_with_memory(password, salt, out, &mut memory)
        .map_err(|_| HashFault::Failed)
}

fn params((memory_kib, passes): (u32, u32)) -> Result<Params, HashFault> {
    Params::new(memory_kib, passes, 1, Some(OUTPUT)).map_err(|_| HashFault::Failed)
}

fn step(params: &Params) -> (u32, u32) {
    (params.m_cost(), params.t_cost())
}

fn step_of(phc: &str) -> Option<(u32, u32)> {
    let hash = PasswordHash::new(phc).ok()?;
    Params::try_from(&hash).ok().map(|params| step(&params))
}

fn cost((memory_kib, passes): (u32, u32)) -> u128 {
    u128::from(memory_kib) * u128::from(passes)
}

/// `$argon2id$v=19$m=…,t=…,p=1$salt$hash`: unpadded base64, as the PHC string format has it.
fn phc(params: &Params, salt: &[u8], output: &[u8]) -> String {
    format!(
        "$argon2id$v=19$m={},t={},p={}${}${}",
        params.m_cost(),
        params.t_cost(),
        params.p_cost(),
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(output)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn right_wrong_and_nobody() {
        let passwords = Passwords::feeble();
        let stored = passwords.hash("correct horse").await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        assert_ne!(stored, passwords.hash("correct horse").await.unwrap(), "salted");
        assert_eq!(passwords.verify("correct horse", Some(&stored)).await, Ok(Verdict::Right));
        assert_eq!(passwords.verify("correct hors", Some(&stored)).await, Ok(Verdict::Wrong));
        assert_eq!(passwords.verify("correct horse", None).await, Ok(Verdict::Wrong));
        assert_eq!(passwords.verify("x", Some("nonsense")).await, Err(HashFault::Failed));
    }

    /// The reference implementation's own check reads our strings, so another program could.
    #[tokio::test]
    async fn the_strings_are_phc_strings() {
        use argon2::PasswordVerifier;
        let stored = Passwords::feeble().hash("correct horse").await.unwrap();
        assert!(Argon2::default().verify_password(b"correct horse", stored.as_str()).is_ok());
    }

    #[tokio::test]
    async fn other_parameters_are_noticed() {
        let old = Passwords::with_params(Params::new(32, 2, 1, Some(OUTPUT)).unwrap()).unwrap();
        let stored = old.hash("correct horse").await.unwrap();
        assert_eq!(
            Passwords::feeble().verify("correct horse", Some(&stored)).await,
            Ok(Verdict::RightButDated)
        );
    }

    #[test]
    fn never_cheaper_than_the_least_and_stable() {
        let hurried = Passwords::calibrate(Duration::from_millis(1), None).unwrap();
        assert_eq!(step(&hurried.0.params), STEPS[0]);
        let patient = Passwords::calibrate(Duration::from_secs(3600), None).unwrap();
        assert_eq!(step(&patient.0.params), STEPS[4]);
        let kept = phc(&params(STEPS[1]).unwrap(), &[0; SALT], &[0; OUTPUT]);
        let again = Passwords::calibrate(Duration::from_secs(3600), Some(&kept)).unwrap();
        assert_eq!(step(&again.0.params), STEPS[1]);
    }

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let passwords = Passwords::feeble();
        let slots: Vec<_> =
            (0..AT_ONCE).map(|_| Arc::clone(&passwords.0.running).try_acquire_owned().unwrap()).collect();
        let places: Vec<_> = (0..AT_ONCE + WAITING)
            .map(|_| Arc::clone(&passwords.0.admitted).try_acquire_owned().unwrap())
            .collect();
        assert_eq!(passwords.hash("correct horse").await, Err(HashFault::QueueFull));
        drop((slots, places));
        assert!(passwords.hash("correct horse").await.is_ok());
    }
}
