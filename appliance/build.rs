//! Puts the build time into the program: a box without a clock battery knows at least that it is later than that.
//! Embeds the web pages (`build/pages.rs`).

#[path = "build/pages.rs"]
mod pages;

use std::time::{SystemTime, UNIX_EPOCH};

fn main() {
    build_time();
    pages::embed();
}

fn build_time() {
    println!("cargo:rerun-if-env-changed=SOURCE_DATE_EPOCH");
    println!("cargo:rerun-if-changed=build.rs");
    // Reproducible builds name the time themselves (reproducible-builds.org, SOURCE_DATE_EPOCH).
    let named = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.trim().parse::<u64>().ok());
    let seconds = named
        .unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()));
    println!("cargo:rustc-env=CALLBOX_BUILD_TIME={seconds}");
}
