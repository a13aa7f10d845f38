//! Puts the build time and the web pages into the program. A box without a clock battery knows at least that it is
//! later than its build.

#[path = "build/pages.rs"]
mod pages;

use std::time::{SystemTime, UNIX_EPOCH};

fn main() {
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo:rerun-if-changed=build.rs");
    // Reproducible builds name the time themselves (reproducible-builds.org, SOURCE_DATE_EPOCH).
    let named = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.trim().parse::<u64>().ok());
    let seconds = named
        .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()));
    println!("cargo:rustc-env=CALLBOX_BUILD_TIME={seconds}");
    pages::embed();
}
