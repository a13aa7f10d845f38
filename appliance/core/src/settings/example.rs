//! The example configuration file, made from the description of the settings so that it cannot lie.

use super::Settings;

impl Settings {
    /// A file that lists every setting with its default, each one commented out.
    #[must_use]
    pub fn example() -> String {
        let mut out = String::from(
            "# Callbox configuration: every setting with its default.\n\
             # A box starts without this file. Take away the \"# \" before a setting to change it,\n\
             # then check the file with: callbox check-config FILE\n",
        );
        for section in Self::describe() {
            out.push('\n');
            for line in section.doc {
                out.push_str(&format!("#{line}\n"));
            }
            out.push_str(&format!("[{}]\n", section.name));
            for setting in section.settings {
                out.push('\n');
                for line in setting.doc {
                    out.push_str(&format!("#{line}\n"));
                }
                if let Some(range) = setting.range {
                    out.push_str(&format!("# From {} to {}.\n", range.start(), range.end()));
                }
                out.push_str(&format!("# {} = {}\n", setting.key, setting.default));
            }
        }
        out
    }
}
