//! Embeds the built web pages: writes a table of files for `api::pages`. Without a page build (no Node needed for
//! `cargo test`) the table holds stub pages.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

const STUB: &str = "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Callbox</title>\n\
    <p>This box was built without its web pages. Build it with <code>make run</code>.</p>\n</html>\n";
/// Pages that `api::pages` gives a short address.
const PAGES: [&str; 4] = ["admin.html", "index.html", "phone.html", "setup.html"];

/// Writes `OUT_DIR/pages.rs`.
pub(crate) fn embed() {
    println!("cargo:rerun-if-changed=build/pages.rs");
    let root = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let web = root.join("../web-admin");
    let dist = web.join("dist");
    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        println!("cargo:rerun-if-changed=../web-admin/dist");
        collect(&dist, &dist, &mut files);
    } else if web.is_dir() {
        // A path that does not exist would mean a new build every time; the folder above changes when dist appears.
        println!("cargo:rerun-if-changed=../web-admin");
    }
    let stub = out.join("stub.html");
    fs::write(&stub, STUB).unwrap_or_else(|error| panic!("cannot write {}: {error}", stub.display()));
    for page in PAGES {
        if !files.iter().any(|(name, _)| name == page) {
            files.push((page.to_owned(), stub.clone()));
        }
    }
    files.sort();
    let table = out.join("pages.rs");
    fs::write(&table, source(&files))
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", table.display()));
}

fn collect(root: &Path, dir: &Path, files: &mut Vec<(String, PathBuf)>) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, files);
        } else if let Ok(name) = path.strip_prefix(root) {
            let parts: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
            files.push((parts.join("/"), path.clone()));
        }
    }
}

fn source(files: &[(String, PathBuf)]) -> String {
    let mut text = String::from("static PAGES: &[Page] = &[\n");
    for (name, path) in files {
        let is_compressed_form = [".br", ".gz"].iter().any(|ending| {
            name.strip_suffix(ending).is_some_and(|plain| files.iter().any(|(other, _)| other == plain))
        });
        if is_compressed_form {
            continue;
        }
        let compressed = |ending: &str| {
            let wanted = format!("{name}{ending}");
            match files.iter().find(|(other, _)| *other == wanted) {
                Some((_, path)) => format!("Some(include_bytes!({path:?}))"),
                None => "None".to_owned(),
            }
        };
        let _ = writeln!(
            text,
            "Page {{ path: {name:?}, etag: {:?}, plain: include_bytes!({path:?}), br: {}, gz: {} }},",
            format!("\"{:016x}\"", fnv(&fs::read(path).unwrap_or_default())),
            compressed(".br"),
            compressed(".gz"),
        );
    }
    text.push_str("];\n");
    text
}

/// FNV-1a, 64 bits: tells versions of a file apart, nothing more.
fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
