//! Access and refresh tokens as a stranger may send them: without the key nothing passes, and nothing panics.

#![no_main]

use callbox_core::access::{RefreshToken, verify};
use callbox_core::unit::Timestamp;
use ed25519_dalek::SigningKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let key = SigningKey::from_bytes(&[9; 32]).verifying_key();
    let now = Timestamp::from_millis(1_800_000_000_000);
    assert!(verify(text, "box", |_| Some(key), now).is_err(), "a forged token passed");
    let _ = RefreshToken::open(text, |_| [7; 32]);
});
