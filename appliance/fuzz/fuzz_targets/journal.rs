//! The bytes of a journal event, as a damaged disk may hold them: read or refused, and what is read says the same again.

#![no_main]

use callbox_core::journal::codec::{decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(event) = decode(bytes) {
        assert_eq!(decode(&encode(&event)).ok(), Some(event));
    }
});
