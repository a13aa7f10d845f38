//! Looks at the machine: which commands run, which installations are up to date. It changes nothing.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::Profile;
use super::plan::{CargoTool, Facts, NodeVersion, Privilege, Stamp, TOOLS, npm_stamp, python_stamp};

/// How the presence of a Debian package shows. Files and commands, not dpkg's list: a compiler from elsewhere is as good.
enum Sign {
    Command(&'static str),
    File(&'static str),
    PythonModules(&'static str),
}

/// A Debian package with the sign of its presence.
struct Package {
    name: &'static str,
    sign: Sign,
}

const BUILD: &[Package] = &[
    Package { name: "gcc", sign: Sign::Command("cc") },
    Package { name: "libc6-dev", sign: Sign::File("/usr/include/stdio.h") },
];

const TEST: &[Package] = &[
    Package { name: "ca-certificates", sign: Sign::File("/etc/ssl/certs/ca-certificates.crt") },
    // libFuzzer is C++.
    Package { name: "g++", sign: Sign::Command("c++") },
    Package { name: "chromium", sign: Sign::Command("chromium") },
    // The pictures of the Korean pages.
    Package {
        name: "fonts-noto-cjk",
        sign: Sign::File("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"),
    },
    Package { name: "libnss3-tools", sign: Sign::Command("certutil") },
    Package { name: "python3", sign: Sign::Command("python3") },
    Package { name: "python3-venv", sign: Sign::PythonModules("venv, ensurepip") },
];

const TOOLS_OF_TEST: &[CargoTool] = &[
    CargoTool { name: "cargo-deny", version: "0.20.2" },
    CargoTool { name: "cargo-fuzz", version: "0.13.2" },
];

/// Folders with npm packages that `profile` needs.
fn npm_folders(profile: Profile) -> &'static [&'static str] {
    match profile {
        Profile::Run => &["web-admin"],
        Profile::Bench => &["web-admin", "appliance/benches/peer"],
        Profile::Test => &["web-admin", "hil-tests", "appliance/benches/peer"],
    }
}

/// Everything `plan` needs to know about this machine for `profile`.
pub(crate) fn look(profile: Profile, checkout: &Path) -> Facts {
    let test = profile == Profile::Test;
    let packages = BUILD.iter().chain(if test { TEST } else { &[] });
    let stale = |stamp: &Stamp| is_stale(checkout, stamp);
    let tools = if test { TOOLS_OF_TEST } else { &[] };
    Facts {
        apt: runs("apt-get", &["--version"]),
        privilege: privilege(),
        missing_packages: packages
            .filter(|package| !is_present(&package.sign))
            .map(|package| package.name)
            .collect(),
        node: node_version(),
        npm: runs("npm", &["--version"]),
        stale_npm: npm_folders(profile).iter().copied().filter(|folder| stale(&npm_stamp(folder))).collect(),
        stale_python: test && stale(&python_stamp()),
        missing_tools: tools.iter().copied().filter(|tool| !has_tool(checkout, *tool)).collect(),
    }
}

/// The version of the `node` that runs here, if one does.
pub(crate) fn node_version() -> Option<NodeVersion> {
    NodeVersion::parse(&output("node", &["--version"])?)
}

fn privilege() -> Privilege {
    if output("id", &["-u"]).is_some_and(|uid| uid.trim() == "0") {
        Privilege::Root
    } else if runs("sudo", &["--version"]) {
        Privilege::Sudo
    } else {
        Privilege::None
    }
}

fn is_present(sign: &Sign) -> bool {
    match sign {
        Sign::Command(command) => is_on_path(command),
        Sign::File(path) => Path::new(path).exists(),
        Sign::PythonModules(modules) => runs("python3", &["-c", &format!("import {modules}")]),
    }
}

/// Looked up rather than run: a browser's `--version` takes a second.
fn is_on_path(command: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(command).is_file()))
}

/// A folder that asks for nothing is never stale; else its stamp must be a copy of what it asks for.
fn is_stale(checkout: &Path, stamp: &Stamp) -> bool {
    let Ok(wanted) = fs::read(checkout.join(&stamp.source)) else {
        return false;
    };
    fs::read(checkout.join(&stamp.stamp)).ok() != Some(wanted)
}

/// The tool in the checkout counts only at the wanted version; the user's own tool counts at any.
fn has_tool(checkout: &Path, tool: CargoTool) -> bool {
    let ours = checkout.join(TOOLS).join("bin").join(tool.name);
    let installed = output(&ours.to_string_lossy(), &["--version"]);
    installed.is_some_and(|text| text.split_whitespace().any(|word| word == tool.version))
        || is_on_path(tool.name)
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    output(program, arguments).is_some()
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(std::path::PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("callbox-probe-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn an_installation_is_fresh_only_while_its_stamp_equals_its_source() {
        let folder = Folder::new("stamp");
        let stamp = Stamp { source: "lock".to_owned(), stamp: "stamp".to_owned() };
        assert!(!is_stale(&folder.0, &stamp), "nothing is asked for");
        fs::write(folder.0.join("lock"), "one").unwrap();
        assert!(is_stale(&folder.0, &stamp), "never installed");
        fs::write(folder.0.join("stamp"), "one").unwrap();
        assert!(!is_stale(&folder.0, &stamp));
        fs::write(folder.0.join("lock"), "two").unwrap();
        assert!(is_stale(&folder.0, &stamp), "asked for something else since");
    }

    #[test]
    fn commands_are_found_on_the_path_only() {
        assert!(is_on_path("cargo") || is_on_path("sh"));
        assert!(!is_on_path("callbox-there-is-no-such-command"));
    }
}
