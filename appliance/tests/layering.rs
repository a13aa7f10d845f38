//! The house rules that a compiler does not check: who may import whom (the table in ARCHITECTURE.md), how long a
//! file may be, and what a file may not be called. The rules are tested here as well, on small sources that break them.

#[path = "layering/source.rs"]
mod source;
#[path = "layering/table.rs"]
mod table;

use std::fs;
use std::path::{Path, PathBuf};

use source::imports;
use table::{House, Table};

const LONGEST_FILE: usize = 700;
const CHECKED_KINDS: [&str; 5] = ["rs", "ts", "tsx", "py", "mjs"];
const NAMES_THAT_SAY_NOTHING: [&str; 7] = ["utils", "util", "helpers", "helper", "common", "misc", "manager"];
const FOLDERS_NOT_OURS: [&str; 9] =
    ["target", "node_modules", "dist", ".git", ".venv", "artefacts", "__pycache__", "callbox-data", "corpus"];

#[test]
fn modules_import_only_what_stands_below_them() {
    let root = checkout();
    let table = Table::parse(&read(&root.join("ARCHITECTURE.md"))).unwrap();
    let mut objections = Vec::new();
    for (house, folder) in [(House::Core, "appliance/core/src"), (House::Box, "appliance/src")] {
        let sources = root.join(folder);
        let files = files_below(&sources, &["rs"]);
        assert!(!files.is_empty(), "no source in {folder}: the test looks in the wrong place");
        for file in files {
            let within = file.strip_prefix(&sources).unwrap();
            let name = file.strip_prefix(&root).unwrap().display().to_string();
            objections.extend(objections_to(&table, house, within, &name, &read(&file)));
        }
    }
    assert!(
        objections.is_empty(),
        "the table of layers in ARCHITECTURE.md forbids:\n{}",
        objections.join("\n")
    );
}

#[test]
fn no_file_is_longer_than_one_reads_in_a_sitting() {
    let root = checkout();
    let files = files_below(&root, &CHECKED_KINDS);
    let too_long: Vec<String> = files
        .iter()
        .filter(|file| !is_generated(file))
        .map(|file| (file, read(file).lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .map(|(file, lines)| format!("{}: {lines} lines", file.display()))
        .collect();
    assert!(
        too_long.is_empty(),
        "longer than {LONGEST_FILE} lines; split by state or noun:\n{}",
        too_long.join("\n")
    );
}

#[test]
fn no_file_has_a_name_that_says_nothing() {
    let named: Vec<String> = files_below(&checkout(), &CHECKED_KINDS)
        .iter()
        .filter(|file| says_nothing(file))
        .map(|file| file.display().to_string())
        .collect();
    assert!(named.is_empty(), "name the concept instead:\n{}", named.join("\n"));
}

/// What is wrong with one file, one line each, beginning with `file:line`. `within` is its path below `src`.
fn objections_to(table: &Table, house: House, within: &Path, name: &str, text: &str) -> Vec<String> {
    let Some((module, depth)) = place_of(within) else {
        return Vec::new();
    };
    if !table.knows(house, &module) {
        return vec![format!("{name}:1: module {module} is not in the table of layers")];
    }
    imports(text, depth)
        .iter()
        .filter_map(|import| {
            let objection = table.objection(house, &module, import)?;
            Some(format!("{name}:{}: {objection}", import.line))
        })
        .collect()
}

/// The module of a file and how deep it lies; none for `lib.rs`, which only lists modules, and for tests.
fn place_of(within: &Path) -> Option<(String, usize)> {
    let mut parts: Vec<String> =
        within.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.iter().any(|part| part == "tests" || part.ends_with("_tests")) || parts == ["lib"] {
        return None;
    }
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    // The binary's root lies beside the crate's own root, not below it.
    let depth = if parts == ["main"] { 0 } else { parts.len() };
    parts.into_iter().next().map(|module| (module, depth))
}

fn is_generated(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().contains(".gen."))
}

fn says_nothing(file: &Path) -> bool {
    let stem = file.file_name().and_then(|name| name.to_str()).and_then(|name| name.split('.').next());
    stem.is_some_and(|stem| NAMES_THAT_SAY_NOTHING.contains(&stem.to_lowercase().as_str()))
}

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("read {}: {error}", file.display()))
}

#[expect(clippy::unwrap_used, reason = "a folder of the checkout that cannot be read fails the test")]
fn files_below(folder: &Path, kinds: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let kind = entry.file_type().unwrap();
            if kind.is_dir() && !FOLDERS_NOT_OURS.contains(&entry.file_name().to_string_lossy().as_ref()) {
                folders.push(path);
            } else if kind.is_file()
                && path.extension().is_some_and(|it| kinds.iter().any(|kind| it == *kind))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod rules {
    use super::*;

    const LAYERS: &str = "text\n```layers\n\
        core L0 id unit\ncore L1 settings wire\ncore L2 call presence\ncore L3 exchange\ncore sim *\n\
        box B0 config net\nbox B2 api signaling\nbox B3 driver\nbox B4 app cli main\n```\n";

    fn core(file: &str, text: &str) -> Vec<String> {
        objections_to(&Table::parse(LAYERS).unwrap(), House::Core, Path::new(file), file, text)
    }

    fn shell(file: &str, text: &str) -> Vec<String> {
        objections_to(&Table::parse(LAYERS).unwrap(), House::Box, Path::new(file), file, text)
    }

    #[track_caller]
    fn refused(found: &[String], beginning: &str) {
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(beginning), "{found:?}");
    }

    #[test]
    fn lower_layers_and_oneself_may_be_imported() {
        assert_eq!(core("call/ring.rs", "use crate::{id::CallId, wire};\nuse crate::call::State;"), [""; 0]);
        assert_eq!(core("exchange.rs", "fn f() { crate::call::go(); crate::presence::see() }"), [""; 0]);
        assert_eq!(core("unit.rs", "use crate::id::CallId;"), [""; 0]);
    }

    #[test]
    fn an_upper_layer_may_not() {
        refused(
            &core("wire/client.rs", "// one\n\nuse crate::call::State;"),
            "wire/client.rs:3: wire (L1) imports call",
        );
        refused(
            &core("id.rs", "use crate::unit::Percent;"),
            "id.rs:1: id imports unit, which stands behind it",
        );
    }

    #[test]
    fn siblings_of_an_island_may_not() {
        refused(
            &core("call.rs", "use crate::{\n    id::CallId,\n    presence::Seen,\n};"),
            "call.rs:3: call and presence",
        );
        refused(&shell("api/users.rs", "use crate::signaling::Socket;"), "api/users.rs:1: api and signaling");
    }

    #[test]
    fn a_path_in_an_expression_counts_like_an_import() {
        refused(&core("presence.rs", "fn f() {\n    let x = crate::call::State::Idle;\n}"), "presence.rs:2:");
        refused(&core("presence.rs", "fn f(x: Vec<crate::call::State>) {}"), "presence.rs:1:");
    }

    #[test]
    fn a_way_around_by_super_is_seen() {
        refused(&core("call.rs", "use super::presence::Seen;"), "call.rs:1:");
        refused(&core("call/ring.rs", "use super::super::presence::Seen;"), "call/ring.rs:1:");
        assert_eq!(core("call/ring.rs", "use super::presence::Seen;"), [""; 0], "that is call::presence");
        assert_eq!(core("call.rs", "mod inner {\n    use super::presence;\n}\n"), [""; 0], "so is that");
    }

    #[test]
    fn a_way_around_by_the_crate_root_is_seen() {
        refused(&core("call.rs", "use crate::Seen;"), "call.rs:1: `crate::Seen` is no module");
        refused(&core("call.rs", "use crate::*;"), "call.rs:1: `crate::*` is no module");
        refused(&shell("api.rs", "use callbox_core::Seen;"), "api.rs:1: `callbox_core::Seen` is no module");
    }

    #[test]
    fn a_module_without_a_place_is_named() {
        refused(&core("extra.rs", ""), "extra.rs:1: module extra is not in the table");
    }

    #[test]
    fn tests_may_import_anything() {
        let text = "#[cfg(test)]\nmod tests { use crate::presence; }\n#[cfg(any(test, fuzzing))]\nuse crate::{sim::A, presence::B};\n\
            #[cfg(test)]\n#[path = \"x\"]\nmod cases;\n";
        assert_eq!(core("call.rs", text), [""; 0]);
        assert_eq!(core("call/tests.rs", "use crate::presence;"), [""; 0]);
        refused(&core("call.rs", "#[cfg(test)]\nuse crate::sim::A;\nuse crate::presence::B;"), "call.rs:3:");
        refused(&core("call.rs", "#[cfg(not(test))]\nuse crate::presence::B;"), "call.rs:2:");
    }

    #[test]
    fn the_simulator_imports_all_and_nobody_imports_it() {
        assert_eq!(core("sim/box.rs", "use crate::{exchange, call, presence};"), [""; 0]);
        refused(&core("exchange.rs", "use crate::sim::Clock;"), "exchange.rs:1: sim is for tests only");
        refused(&shell("driver.rs", "use callbox_core::sim::Clock;"), "driver.rs:1: sim is for tests only");
    }

    #[test]
    fn shells_use_any_machine_and_the_binary_uses_any_shell() {
        assert_eq!(shell("api.rs", "use callbox_core::{call, wire::client};"), [""; 0]);
        assert_eq!(shell("main.rs", "use callbox::{app, cli};"), [""; 0]);
        refused(&shell("net.rs", "use crate::driver::Driver;"), "net.rs:1: net (B0) imports driver (B3)");
    }

    #[test]
    fn untyped_json_stays_in_the_wire() {
        assert_eq!(core("wire/client.rs", "use serde_json::Value;"), [""; 0]);
        assert_eq!(core("call.rs", "use serde_json::Error;"), [""; 0]);
        refused(
            &core("call.rs", "use serde_json::{Error, Value};"),
            "call.rs:1: `serde_json::Value` outside wire",
        );
        refused(
            &core("call.rs", "fn f(x: ::serde_json::Value) {}"),
            "call.rs:1: `serde_json::Value` outside wire",
        );
        assert_eq!(shell("api.rs", "use serde_json::Value;"), [""; 0]);
    }

    #[test]
    fn comments_and_literals_import_nothing() {
        let text = "// use crate::presence;\n/* /* crate::presence::X */ crate::presence::Y */\n\
            const A: &str = \"crate::presence::X \\\" crate::presence::Y\";\nconst B: &str = r#\"crate::presence::\"X\"#;\n\
            const C: char = '\"'; const D: char = '\\''; fn f<'a>(x: &'a str) {}\npub(crate) fn g() {}\n";
        assert_eq!(core("call.rs", text), [""; 0]);
        let after = format!("{text}use crate::presence;");
        refused(&core("call.rs", &after), "call.rs:7:");
    }

    #[test]
    fn a_table_that_is_wrong_is_refused() {
        assert!(Table::parse("no block").unwrap_err().contains("no block"));
        assert!(Table::parse("```layers\ncore L0 id id\n```").unwrap_err().contains("twice"));
        assert!(Table::parse("```layers\nattic L0 id\n```").unwrap_err().contains("attic"));
        assert!(Table::parse("```layers\ncore\n```").unwrap_err().contains("names no layer"));
    }

    #[test]
    fn names_that_say_nothing_are_known_in_every_spelling() {
        for name in ["a/utils.rs", "Helpers.tsx", "common.py", "misc.test.ts"] {
            assert!(says_nothing(Path::new(name)), "{name}");
        }
        for name in ["a/utilisation.rs", "manager_of_calls.rs", "helpers/ring.rs"] {
            assert!(!says_nothing(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn generated_files_may_be_long() {
        assert!(is_generated(Path::new("web-admin/src/api/schema.gen.ts")));
        assert!(!is_generated(Path::new("web-admin/src/api/generate.ts")));
    }
}
