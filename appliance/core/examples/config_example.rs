//! Prints the example configuration file: `cargo run -p callbox-core --example config_example > appliance/config.example.toml`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(callbox_core::settings::Settings::example().as_bytes())
}
