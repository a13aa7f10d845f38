//! The text of a Socket.IO event, as any stranger on the network may send it: read or refused, never a panic.

#![no_main]

use callbox_core::wire::{ClientEvent, MAX_MESSAGE_BYTES};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let read = ClientEvent::parse(text);
    if text.len() > MAX_MESSAGE_BYTES {
        assert!(read.is_err(), "an oversize message was read");
    }
});
