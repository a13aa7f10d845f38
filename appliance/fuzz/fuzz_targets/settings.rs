//! The text of a configuration file: settings, or errors with a line that exists.

#![no_main]

use callbox_core::settings::Settings;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Err(errors) = Settings::parse(text) {
        assert!(!errors.is_empty(), "refused without a reason");
    }
});
