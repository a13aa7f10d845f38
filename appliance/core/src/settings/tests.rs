use super::*;

fn errors(text: &str) -> Vec<String> {
    Settings::parse(text).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn an_empty_file_is_the_default() {
    assert_eq!(Settings::parse("").unwrap(), Settings::default());
    assert_eq!(Settings::parse("[listen]\n").unwrap(), Settings::default());
}

#[test]
fn every_section_is_read() {
    let text = r#"
[box]
data_dir = "/var/lib/callbox"
names = ["phones.home.arpa", "Box.local"]
[listen]
https = "127.0.0.1:0"
http = "[::1]:80"
[accounts]
hash_target_ms = 2_0
[limits]
requests_per_second = 0x10
[store]
reserve_mib = 32
[log]
filter = "callbox=debug"
target = "journal"
"#;
    let settings = Settings::parse(text).unwrap();
    assert_eq!(settings.this_box.data_dir.path(), std::path::Path::new("/var/lib/callbox"));
    assert_eq!(settings.this_box.names.to_toml(), r#"["phones.home.arpa", "box.local"]"#);
    assert_eq!(settings.listen.https.to_string(), "127.0.0.1:0");
    assert_eq!(settings.listen.http.to_string(), "[::1]:80");
    assert_eq!(settings.listen.media, ListenAddr::Every(5004));
    assert_eq!(settings.accounts.hash_target_ms, Millis(20));
    assert_eq!(settings.limits.requests_per_second, PerSecond(16));
    assert_eq!(settings.store.reserve_mib.bytes(), 32 * 1024 * 1024);
    assert_eq!(settings.log.filter, LogFilter("callbox=debug".to_owned()));
    assert_eq!(settings.log.target, LogTarget::Journal);
}

#[test]
fn all_errors_are_told_with_their_lines() {
    let text = "colour = 1\n[listen]\nhttps = \"nowhere\"\nhtps = \"*:1\"\n\n[accounts]\nhash_target_ms = 19\nmax_sessions_per_user = \"many\"\n\
                [limit]\n[store]\nreserve_mib = -1\n[log]\ntarget = \"printer\"\n[box]\nnames = [\"a.local\", \"example.com\"]\n";
    assert_eq!(
        errors(text),
        [
            "line 1: colour: is no known section; known are box, listen, accounts, limits, store, log",
            "line 3: listen.https: must be IP:PORT such as \"192.168.1.20:8443\" or \"[::1]:8443\", or \"*:8443\" for every address, but it is \"nowhere\"",
            "line 4: listen.htps: is no known setting; did you mean https?",
            "line 7: accounts.hash_target_ms: must be a whole number from 20 to 250, but it is 19",
            "line 8: accounts.max_sessions_per_user: must be a whole number from 1 to 1000, but it is a text",
            "line 9: limit: is no known section; did you mean limits?",
            "line 11: store.reserve_mib: must be a whole number from 1 to 4096, but it is -1",
            "line 13: log.target: must be \"stderr\" or \"journal\", but it is \"printer\"",
            "line 15: box.names: \"example.com\": must end in .local, .home.arpa or .localhost: the box's own CA may certify no other name",
        ]
    );
}

#[test]
fn a_section_must_be_a_table() {
    assert_eq!(
        errors("listen = 8443"),
        ["line 1: listen: is a section: write [listen] and its settings below"]
    );
}

#[test]
fn broken_syntax_has_its_line_and_hides_no_other_error() {
    let found = Settings::parse("[listen]\nhttps = \n\n[accounts]\nhash_target_ms = 5\n").unwrap_err();
    let lines: Vec<_> = found.iter().map(|error| error.line).collect();
    assert_eq!(lines, [Some(2), Some(5)], "{found:?}");
    assert_eq!(found[0].key, "");
    assert!(!found[0].message.is_empty());
}

#[test]
fn a_key_given_twice_is_an_error() {
    let found = Settings::parse("[store]\nreserve_mib = 1\nreserve_mib = 2\n").unwrap_err();
    assert_eq!(found.iter().map(|error| error.line).collect::<Vec<_>>(), [Some(3)]);
}

#[test]
fn numbers_outside_their_range_or_type_are_refused() {
    for value in ["251", "19", "0", "-1", "99999999999999999999", "20.5", "true", "\"20\"", "[20]"] {
        let found = errors(&format!("[accounts]\nhash_target_ms = {value}"));
        assert_eq!(found.len(), 1, "{value}");
        assert!(
            found[0].starts_with("line 2: accounts.hash_target_ms: must be a whole number from 20 to 250"),
            "{found:?}"
        );
    }
    for value in [20, 250] {
        assert!(Settings::parse(&format!("[accounts]\nhash_target_ms = {value}")).is_ok());
    }
}

#[test]
fn listeners_in_each_others_way_are_told() {
    assert_eq!(
        errors("[listen]\nhttp = \"*:8443\""),
        ["listen.http: *:8443 is already taken by listen.https"]
    );
    assert_eq!(errors("[listen]\nturn = \"127.0.0.1:5004\"").len(), 1);
    assert!(Settings::parse("[listen]\nmedia = \"*:8443\"").is_ok(), "UDP beside TCP");
    assert!(Settings::parse("[listen]\nhttps = \"*:0\"\nhttp = \"*:0\"").is_ok());
}

#[test]
fn the_example_says_the_defaults() {
    let example = Settings::example();
    assert_eq!(Settings::parse(&example).unwrap(), Settings::default());
    // With every setting switched on it must still be the default, or the example shows a wrong value or name.
    let switched_on: String = example
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest)
                if rest
                    .split_once(" = ")
                    .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_')) =>
            {
                rest
            }
            _ => line,
        })
        .fold(String::new(), |text, line| text + line + "\n");
    assert_eq!(Settings::parse(&switched_on).unwrap(), Settings::default());
    let known: usize = Settings::describe().iter().map(|section| section.settings.len()).sum();
    assert_eq!(
        switched_on.lines().filter(|line| !line.starts_with('#') && line.contains(" = ")).count(),
        known
    );
}

#[test]
fn hostile_text_never_panics() {
    for text in [
        "\u{0}",
        "[",
        "[[listen]]",
        "a.b.c=1",
        "listen.https=\"*:1\"\nlisten.https=1",
        "\u{feff}[listen]",
        "[listen]\nhttps='''",
        "\"\"=1",
    ] {
        let _ = Settings::parse(text);
    }
    assert!(Settings::parse("[[listen]]\n").is_err());
    assert_eq!(Settings::parse("listen.https = \"*:1\"").unwrap().listen.https, ListenAddr::Every(1));
}
