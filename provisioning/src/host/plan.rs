//! Decides what a machine lacks. Pure: facts in; steps, or the reason why there can be none, out.

use std::fmt;

/// The oldest Node that the web build runs on.
pub(crate) const NODE_WANTED: NodeVersion = NodeVersion { major: 20, minor: 19 };

/// Major and minor number of a Node release. Field order is comparison order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NodeVersion {
    pub(crate) major: u32,
    pub(crate) minor: u32,
}

impl NodeVersion {
    /// Reads what `node --version` prints, such as `v20.19.2`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.trim().strip_prefix('v')?.split('.').map(str::parse::<u32>);
        let major = numbers.next()?.ok()?;
        let minor = numbers.next()?.ok()?;
        Some(Self { major, minor })
    }
}

impl fmt::Display for NodeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Who may install Debian packages here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Privilege {
    Root,
    Sudo,
    None,
}

/// Something a Cargo registry provides as a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CargoTool {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

/// What was found on the machine, already narrowed down to the profile that is wanted.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    pub(crate) apt: bool,
    pub(crate) privilege: Privilege,
    /// Debian packages whose files or commands are not there.
    pub(crate) missing_packages: Vec<&'static str>,
    /// `None` when there is no Node at all.
    pub(crate) node: Option<NodeVersion>,
    pub(crate) npm: bool,
    /// Folders, relative to the checkout, whose installed npm packages differ from their lock file.
    pub(crate) stale_npm: Vec<&'static str>,
    /// The Python environment is absent or differs from `hil-tests/requirements.txt`.
    pub(crate) stale_python: bool,
    pub(crate) missing_tools: Vec<CargoTool>,
}

/// A stamp says what an installation was made from: a copy of the file that asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) source: String,
    pub(crate) stamp: String,
}

/// One command, and what it is for. Paths are relative to the checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) what: String,
    pub(crate) command: Vec<String>,
    pub(crate) folder: String,
    pub(crate) stamp: Option<Stamp>,
}

impl Step {
    fn new(what: impl Into<String>, command: &[&str]) -> Self {
        let command = command.iter().map(ToString::to_string).collect();
        Self { what: what.into(), command, folder: ".".to_owned(), stamp: None }
    }

    fn in_folder(mut self, folder: &str) -> Self {
        folder.clone_into(&mut self.folder);
        self
    }

    fn stamped(mut self, stamp: Stamp) -> Self {
        self.stamp = Some(stamp);
        self
    }

    /// Whether this step may bring another Node, so that its version must be looked at again.
    pub(crate) fn installs_node(&self) -> bool {
        self.command.iter().any(|word| word == "nodejs")
    }
}

/// Why the machine cannot be set up from here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Blocked {
    /// Packages are missing and this is not a Debian machine.
    NoApt { packages: Vec<&'static str> },
    /// Packages are missing, and this is neither root nor a user with `sudo`.
    NoPrivilege { packages: Vec<&'static str> },
    /// The Debian release has only an older Node.
    OldNode { found: Option<NodeVersion> },
}

impl std::error::Error for Blocked {}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoApt { packages } => write!(
                f,
                "there is no apt-get here; install what these Debian packages hold, then run again: {}",
                packages.join(" ")
            ),
            Self::NoPrivilege { packages } => write!(
                f,
                "Debian packages are missing, and this is neither root nor a user with sudo; \
                 as root, run: apt-get install {}",
                packages.join(" ")
            ),
            Self::OldNode { found: Some(found) } => write!(
                f,
                "Node {NODE_WANTED} or newer is needed and this machine's packages give {found}; \
                 install a newer Node and run again"
            ),
            Self::OldNode { found: None } => {
                write!(f, "Node {NODE_WANTED} or newer is needed and `node` does not run")
            }
        }
    }
}

/// The steps that bring the machine from `facts` to its profile, in order; none when it is there already.
///
/// # Errors
/// [`Blocked`] when Debian packages are missing and cannot be installed from here.
pub(crate) fn plan(facts: &Facts) -> Result<Vec<Step>, Blocked> {
    let mut steps = debian(facts)?;
    steps.extend(facts.stale_npm.iter().map(|folder| npm(folder)));
    if facts.stale_python {
        steps.extend(python());
    }
    steps.extend(facts.missing_tools.iter().map(cargo_tool));
    Ok(steps)
}

/// Looks at Node again after Debian's package was installed: an older release of Debian has an older Node.
///
/// # Errors
/// [`Blocked::OldNode`] when it is still too old.
pub(crate) fn accept_node(found: Option<NodeVersion>) -> Result<(), Blocked> {
    if found >= Some(NODE_WANTED) { Ok(()) } else { Err(Blocked::OldNode { found }) }
}

fn debian(facts: &Facts) -> Result<Vec<Step>, Blocked> {
    let mut packages = facts.missing_packages.clone();
    if facts.node < Some(NODE_WANTED) {
        packages.push("nodejs");
    }
    // A Node from elsewhere brings its own npm, and Debian's npm would bring Debian's Node along.
    if !facts.npm {
        packages.push("npm");
    }
    if packages.is_empty() {
        return Ok(Vec::new());
    }
    if !facts.apt {
        return Err(Blocked::NoApt { packages });
    }
    let before: &[&str] = match facts.privilege {
        Privilege::Root => &["env"],
        Privilege::Sudo => &["sudo", "env"],
        Privilege::None => return Err(Blocked::NoPrivilege { packages }),
    };
    // A fresh machine often runs its own upgrade in its first minutes: wait for the lock.
    let apt = ["DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300", "-q"];
    let update = [before, &apt, &["update"]].concat();
    let install = [before, &apt, &["install", "-y", "--no-install-recommends"], &packages].concat();
    Ok(vec![
        Step::new("refresh the list of Debian packages", &update),
        Step::new(format!("install Debian packages: {}", packages.join(" ")), &install),
    ])
}

fn npm(folder: &str) -> Step {
    Step::new(format!("install the npm packages of {folder}"), &["npm", "ci", "--no-audit", "--no-fund"])
        .in_folder(folder)
        .stamped(npm_stamp(folder))
}

/// Where the npm packages of `folder` say what they were installed from.
pub(crate) fn npm_stamp(folder: &str) -> Stamp {
    Stamp {
        source: format!("{folder}/package-lock.json"),
        stamp: format!("{folder}/node_modules/.installed-from"),
    }
}

/// Where the Python environment says what it was installed from.
pub(crate) fn python_stamp() -> Stamp {
    Stamp { source: "hil-tests/requirements.txt".to_owned(), stamp: ".venv/.installed-from".to_owned() }
}

fn python() -> [Step; 2] {
    let install = [
        ".venv/bin/python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ];
    let stamp = python_stamp();
    let command = [&install[..], &[&stamp.source]].concat();
    [
        Step::new("make the Python environment .venv", &["python3", "-m", "venv", "--clear", ".venv"]),
        Step::new("install the Python packages of hil-tests", &command).stamped(stamp),
    ]
}

/// The folder below the checkout that Cargo tools are installed to: nobody's own tools are touched.
pub(crate) const TOOLS: &str = "target/tools";

fn cargo_tool(tool: &CargoTool) -> Step {
    Step::new(
        format!("build {} {} into {TOOLS} (some minutes, once)", tool.name, tool.version),
        &["cargo", "install", "--quiet", "--locked", "--root", TOOLS, "--version", tool.version, tool.name],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> Facts {
        Facts {
            apt: true,
            privilege: Privilege::Root,
            missing_packages: Vec::new(),
            node: Some(NODE_WANTED),
            npm: true,
            stale_npm: Vec::new(),
            stale_python: false,
            missing_tools: Vec::new(),
        }
    }

    fn words(step: &Step) -> String {
        step.command.join(" ")
    }

    #[test]
    fn a_complete_machine_needs_no_step() {
        assert_eq!(plan(&complete()), Ok(Vec::new()));
    }

    #[test]
    fn a_complete_machine_needs_neither_apt_nor_rights() {
        let facts = Facts { apt: false, privilege: Privilege::None, ..complete() };
        assert_eq!(plan(&facts), Ok(Vec::new()));
    }

    #[test]
    fn missing_packages_are_installed_after_one_update() {
        let facts = Facts { missing_packages: vec!["chromium", "libnss3-tools"], ..complete() };
        let steps = plan(&facts).unwrap();
        assert_eq!(steps.len(), 2);
        assert!(words(&steps[0]).ends_with("update"));
        assert!(words(&steps[0]).contains("DPkg::Lock::Timeout=300"));
        assert!(words(&steps[1]).ends_with("install -y --no-install-recommends chromium libnss3-tools"));
        assert!(!words(&steps[1]).contains("sudo"));
    }

    #[test]
    fn a_user_with_sudo_uses_it_for_packages_only() {
        let facts = Facts {
            privilege: Privilege::Sudo,
            missing_packages: vec!["gcc"],
            stale_npm: vec!["web-admin"],
            ..complete()
        };
        let steps = plan(&facts).unwrap();
        let with_sudo: Vec<bool> = steps.iter().map(|step| step.command[0] == "sudo").collect();
        assert_eq!(with_sudo, [true, true, false]);
    }

    #[test]
    fn without_rights_the_message_names_the_command() {
        let facts =
            Facts { privilege: Privilege::None, missing_packages: vec!["gcc", "chromium"], ..complete() };
        let message = plan(&facts).unwrap_err().to_string();
        assert!(message.contains("apt-get install gcc chromium"), "{message}");
    }

    #[test]
    fn without_apt_the_message_names_the_packages() {
        let facts = Facts { apt: false, missing_packages: vec!["chromium"], ..complete() };
        assert_eq!(plan(&facts), Err(Blocked::NoApt { packages: vec!["chromium"] }));
    }

    #[test]
    fn an_old_or_absent_node_is_installed_and_looked_at_again() {
        for node in
            [None, Some(NodeVersion { major: 20, minor: 18 }), Some(NodeVersion { major: 18, minor: 99 })]
        {
            let steps = plan(&Facts { node, ..complete() }).unwrap();
            assert!(steps[1].installs_node(), "{node:?}");
            assert!(accept_node(node).is_err(), "{node:?}");
        }
        assert_eq!(accept_node(Some(NodeVersion { major: 24, minor: 0 })), Ok(()));
    }

    #[test]
    fn node_of_its_own_is_left_alone() {
        let steps = plan(&Facts { npm: false, ..complete() }).unwrap();
        assert!(words(&steps[1]).ends_with(" npm"));
        assert!(!steps.iter().any(Step::installs_node));
    }

    #[test]
    fn installations_are_stamped_with_what_asked_for_them() {
        let facts = Facts { stale_npm: vec!["hil-tests"], stale_python: true, ..complete() };
        let steps = plan(&facts).unwrap();
        assert_eq!(steps[0].folder, "hil-tests");
        assert_eq!(steps[0].stamp, Some(npm_stamp("hil-tests")));
        assert_eq!(steps[1].stamp, None, "an empty environment is not an installed one");
        assert_eq!(steps[2].stamp, Some(python_stamp()));
    }

    #[test]
    fn tools_go_to_a_folder_of_the_checkout() {
        let tool = CargoTool { name: "cargo-deny", version: "0.20.2" };
        let steps = plan(&Facts { missing_tools: vec![tool], ..complete() }).unwrap();
        assert!(words(&steps[0]).contains("--root target/tools --version 0.20.2 cargo-deny"));
    }

    #[test]
    fn versions_of_node_are_read_and_ordered() {
        assert_eq!(NodeVersion::parse("v20.19.2\n"), Some(NodeVersion { major: 20, minor: 19 }));
        assert_eq!(NodeVersion::parse("20.19.2"), None);
        assert_eq!(NodeVersion::parse("v20"), None);
        assert!(NodeVersion::parse("v22.1.0") > Some(NODE_WANTED));
    }
}
