//! Accounts at work: password hashing with its own slots and queue, the texts of tokens, and the one check that
//! turns an access token into a caller. Used by REST and by signaling. Not here: rules (`core::access`), rows
//! (`store`) and the HTTP around them (`api`).

mod authenticator;
mod clock;
mod passwords;
mod token_desk;

pub use authenticator::Authenticator;
pub use clock::Clock;
pub use passwords::{HashFault, Passwords, Verdict, settle};
pub use token_desk::TokenDesk;

/// The system's random numbers failed: nothing can be made that must not be guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random numbers")]
pub struct NoRandomness;

/// Fresh random bytes of the system.
///
/// # Errors
/// [`NoRandomness`]
pub fn random<const N: usize>() -> Result<[u8; N], NoRandomness> {
    use ring::rand::SecureRandom;
    let mut bytes = [0; N];
    ring::rand::SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}
