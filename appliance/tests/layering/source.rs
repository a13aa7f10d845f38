//! Reads Rust source as far as the layering test needs it: tokens without comments and literals, test code left out,
//! and from them every path that begins at a crate's root. It is no parser: what it does not know it steps over.

/// An identifier or one character of punctuation, with the line it stands on (from 1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// The name that follows a crate's root in a path: `wire` in `crate::wire::client`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) root: Root,
    pub(crate) name: String,
    pub(crate) line: usize,
}

/// Which crate a path begins in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// `crate::`, `callbox::` in the binary, or enough `super::` to reach the top.
    Own,
    /// `callbox_core::`
    Core,
    /// `serde_json::`
    SerdeJson,
}

/// Every path from a crate's root in `source`, outside test code.
/// `depth` is how many modules deep the file is: 0 for `lib.rs`, 1 for `call.rs` and `call/mod.rs`, 2 for `call/ring.rs`.
pub(crate) fn imports(source: &str, depth: usize) -> Vec<Import> {
    let tokens = without_tests(&tokens(source));
    let mut found = Vec::new();
    let mut inline = InlineModules::default();
    let mut at = 0;
    while at < tokens.len() {
        inline.step(&tokens, at);
        let (root, after) = match tokens[at].text.as_str() {
            "crate" | "callbox" if is_path(&tokens, at) => (Some(Root::Own), at + 1),
            "callbox_core" if is_path(&tokens, at) => (Some(Root::Core), at + 1),
            "serde_json" if is_path(&tokens, at) => (Some(Root::SerdeJson), at + 1),
            "super" if is_path(&tokens, at) => {
                let (levels, after) = supers(&tokens, at);
                ((levels >= depth + inline.depth()).then_some(Root::Own), after)
            }
            _ => (None, at + 1),
        };
        if let Some(root) = root {
            heads(&tokens, after + 2, root, &mut found);
        }
        at = after;
    }
    found
}

/// Whether `::` follows the token at `at`, and the token itself is not the end of a longer path.
fn is_path(tokens: &[Token], at: usize) -> bool {
    let colons =
        |from: usize| (0..2).all(|step| tokens.get(from + step).is_some_and(|token| token.text == ":"));
    let continues = at >= 2 && colons(at - 2);
    // `::callbox_core::x` is a path from the root as well; `a::callbox_core::x` is not.
    let absolute = continues && (at == 2 || !is_word(&tokens[at - 3].text));
    colons(at + 1) && (!continues || absolute)
}

/// How many `super::` stand at `at` one after the other, and the position of the last `super` plus one.
fn supers(tokens: &[Token], mut at: usize) -> (usize, usize) {
    let mut levels = 1;
    while tokens.get(at + 3).is_some_and(|token| token.text == "super") {
        levels += 1;
        at += 3;
    }
    (levels, at + 1)
}

/// The first names of the use tree at `at`: one for `wire::client`, two for `{wire, journal::fold}`.
fn heads(tokens: &[Token], at: usize, root: Root, found: &mut Vec<Import>) {
    let Some(first) = tokens.get(at) else { return };
    let mut push = |token: &Token| found.push(Import { root, name: token.text.clone(), line: token.line });
    if first.text != "{" {
        if is_word(&first.text) || first.text == "*" {
            push(first);
        }
        return;
    }
    let mut depth = 0_usize;
    let mut expects_name = false;
    for token in &tokens[at..] {
        match token.text.as_str() {
            "{" => {
                depth += 1;
                expects_name = depth == 1;
            }
            "}" => {
                depth -= 1;
                if depth == 0 {
                    return;
                }
            }
            "," => expects_name = depth == 1,
            _ if expects_name => {
                push(token);
                expects_name = false;
            }
            _ => {}
        }
    }
}

/// Knows how many `mod name { … }` of the same file stand around the current token.
#[derive(Default)]
struct InlineModules {
    braces: usize,
    opened_at: Vec<usize>,
}

impl InlineModules {
    fn step(&mut self, tokens: &[Token], at: usize) {
        match tokens[at].text.as_str() {
            "{" => {
                self.braces += 1;
                if at >= 2 && tokens[at - 2].text == "mod" {
                    self.opened_at.push(self.braces);
                }
            }
            "}" => {
                if self.opened_at.last() == Some(&self.braces) {
                    self.opened_at.pop();
                }
                self.braces = self.braces.saturating_sub(1);
            }
            _ => {}
        }
    }

    fn depth(&self) -> usize {
        self.opened_at.len()
    }
}

/// Leaves out every item under an attribute such as `#[cfg(test)]`, and the whole file under `#![cfg(test)]`.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let inner = tokens[at].text == "#" && tokens.get(at + 1).is_some_and(|token| token.text == "!");
        let bracket = at + 1 + usize::from(inner);
        let is_attribute =
            tokens[at].text == "#" && tokens.get(bracket).is_some_and(|token| token.text == "[");
        if !is_attribute {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let end = closing(tokens, bracket);
        if !is_test_cfg(&tokens[bracket..end]) {
            kept.extend_from_slice(&tokens[at..end]);
            at = end;
        } else if inner {
            return kept;
        } else {
            at = end_of_item(tokens, end);
        }
    }
    kept
}

/// `cfg(test)` and `cfg(any(test, …))`; not `cfg(not(test))`, and not `cfg_attr`.
fn is_test_cfg(attribute: &[Token]) -> bool {
    let has = |word: &str| attribute.iter().any(|token| token.text == word);
    has("cfg") && has("test") && !has("not")
}

/// The position after the item that begins at `at`: after its `;` or after its closing brace.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            ";" => return at + 1,
            "{" => {
                let end = closing(tokens, at);
                // `use a::{b, c};` goes on after its braces.
                let goes_on = tokens.get(end).is_some_and(|token| token.text == ";");
                return end + usize::from(goes_on);
            }
            "(" | "[" => at = closing(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// The position after the bracket that closes the one at `at`.
fn closing(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, token) in tokens[at..].iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth -= 1;
                if depth == 0 {
                    return at + offset + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Words and punctuation of `source`; comments, strings, characters and lifetimes are gone.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let mut found = Vec::new();
    let mut line = 1;
    let mut at = 0;
    while at < chars.len() {
        let end = match (chars[at], chars.get(at + 1)) {
            ('/', Some('/')) => until(&chars, at, |rest| rest[0] == '\n'),
            ('/', Some('*')) => end_of_block_comment(&chars, at),
            ('"', _) => end_of_string(&chars, at),
            ('\'', _) => end_of_quote(&chars, at),
            (first, _) if first.is_alphanumeric() || first == '_' => {
                let end = until(&chars, at, |rest| !rest[0].is_alphanumeric() && rest[0] != '_');
                let text: String = chars[at..end].iter().collect();
                match raw_string(&chars, &text, end) {
                    Some(after) => after,
                    None => {
                        found.push(Token { text, line });
                        end
                    }
                }
            }
            (first, _) => {
                if !first.is_whitespace() {
                    found.push(Token { text: first.to_string(), line });
                }
                at + 1
            }
        };
        line += chars[at..end].iter().filter(|&&c| c == '\n').count();
        at = end;
    }
    found
}

/// The first position from `at` where `stop` holds for what follows, or the end.
fn until(chars: &[char], at: usize, stop: impl Fn(&[char]) -> bool) -> usize {
    (at..chars.len()).find(|&position| stop(&chars[position..])).unwrap_or(chars.len())
}

fn end_of_block_comment(chars: &[char], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => {
                depth += 1;
                at += 2;
            }
            ('*', Some('/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    chars.len()
}

fn end_of_string(chars: &[char], at: usize) -> usize {
    let mut position = at + 1;
    while position < chars.len() {
        match chars[position] {
            '\\' => position += 2,
            '"' => return position + 1,
            _ => position += 1,
        }
    }
    chars.len()
}

/// A character such as `'a'` or `'\n'`, or a lifetime such as `'a`.
fn end_of_quote(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => {
            (at + 3..chars.len()).find(|&end| chars[end] == '\'').map_or(chars.len(), |end| end + 1)
        }
        (Some(_), Some('\'')) => at + 3,
        _ => until(chars, at + 1, |rest| !rest[0].is_alphanumeric() && rest[0] != '_'),
    }
}

/// If `prefix` begins a string such as `b"…"`, `r"…"` or `br#"…"#` whose quote follows at `at`: the position after it.
fn raw_string(chars: &[char], prefix: &str, at: usize) -> Option<usize> {
    if !["r", "b", "c", "br", "cr"].contains(&prefix) {
        return None;
    }
    if !prefix.contains('r') {
        return (chars.get(at) == Some(&'"')).then(|| end_of_string(chars, at));
    }
    let quote = until(chars, at, |rest| rest[0] != '#');
    if chars.get(quote) != Some(&'"') {
        return None;
    }
    let mut end = vec!['"'];
    end.resize(quote - at + 1, '#');
    let close = until(chars, quote + 1, |rest| rest.starts_with(&end));
    Some((close + end.len()).min(chars.len()))
}
