//! Any story of connects, calls, reports and pauses, played to the exchange and to its reference model: the same
//! answers, the same states, one record of every call.

#![no_main]

use callbox_core::sim::model::Step;
use callbox_core::sim::replay;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // Three bytes are a step; longer stories find nothing that a thousand steps do not.
    let _ = replay(&Step::story(&bytes[..bytes.len().min(3_000)]));
});
