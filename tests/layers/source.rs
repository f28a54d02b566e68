//! One source file as the rules see it: code without comments and strings, its paths, modules and functions.

use std::fmt;

/// A file under `src/`, `tests/` or `benches/`.
pub(crate) struct Source {
    /// The folder of the crate it is in.
    pub(crate) folder: &'static str,
    /// Its path in that folder.
    pub(crate) path: String,
    /// How many lines it has.
    pub(crate) lines: usize,
    raw: String,
    /// The code, comments and strings blanked, line breaks kept.
    code: String,
    /// The same without what only tests see.
    tokens: Vec<Token>,
}

/// A name as code writes it, with imports spelt out: `use a::{b, c::d}` gives `a::b` and `a::c::d`.
pub(crate) struct Path {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    /// Whether it is called as a function.
    pub(crate) is_call: bool,
    /// The modules inside the file in which it is written.
    inside: usize,
}

/// A function with a body.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    /// Lines that hold code, the first and the last included.
    pub(crate) lines: usize,
}

#[derive(Clone, Debug, PartialEq)]
struct Token {
    line: usize,
    text: String,
}

impl Path {
    pub(crate) fn first(&self) -> &str {
        &self.segments[0]
    }

    pub(crate) fn last(&self) -> &str {
        &self.segments[self.segments.len() - 1]
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.segments.join("::"))
    }
}

impl Source {
    pub(crate) fn new(folder: &'static str, path: &str, text: &str) -> Self {
        let code = blank(text);
        let tokens = without_tests(&tokens(&code));
        Self { folder, path: path.into(), lines: text.lines().count(), raw: text.into(), code, tokens }
    }

    /// Whether the whole file is a test's.
    pub(crate) fn is_test_file(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The name of the layer: the folder or file at the top.
    pub(crate) fn top(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// The module of the file: `engine/turn.rs` is `[engine, turn]`.
    fn module(&self) -> Vec<&str> {
        let mut parts: Vec<&str> = self.path.trim_end_matches(".rs").split('/').collect();
        if parts.last().is_some_and(|last| ["mod", "lib", "main"].contains(last)) {
            parts.pop();
        }
        parts
    }

    /// What a path names at the top of the crate: `crate::store::Batch`, written anywhere, is `store`.
    pub(crate) fn inside_crate<'a>(&self, path: &'a Path) -> Option<&'a str> {
        let own = env!("CARGO_PKG_NAME");
        let mut at = self.module().len() + path.inside;
        let mut segments = path.segments.iter();
        match path.first() {
            "crate" => at = 0,
            first if first == own => at = 0,
            "super" => at = at.saturating_sub(1),
            _ => return None,
        }
        segments.next();
        for segment in segments {
            if segment == "super" {
                at = at.saturating_sub(1);
            } else {
                return (at == 0 && segment != "self").then_some(segment);
            }
        }
        None
    }

    /// Modules that the file declares by `mod name;`.
    pub(crate) fn declared_modules(&self) -> Vec<String> {
        let tokens = tokens(&self.code);
        let declared = tokens.windows(3).filter(|t| t[0].text == "mod" && t[2].text == ";");
        declared.map(|t| t[1].text.clone()).collect()
    }

    /// Files in which the declared modules may be.
    pub(crate) fn child_files(&self) -> Vec<String> {
        let folder = self.path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let below = format!("{}/", self.path.trim_end_matches(".rs"));
        let named = self.raw.lines().filter_map(|line| line.trim().strip_prefix("#[path = \"")?.strip_suffix("\"]"));
        let mut files: Vec<String> = named.map(|path| format!("{folder}{path}")).collect();
        for module in self.declared_modules() {
            for parent in [&folder, &below] {
                files.push(format!("{parent}{module}.rs"));
                files.push(format!("{parent}{module}/mod.rs"));
            }
        }
        files
    }

    /// Lines where these words and signs follow each other; a macro is a word with its `!`.
    pub(crate) fn find(&self, text: &str) -> Vec<usize> {
        let pattern: Vec<String> = tokens(text).into_iter().map(|t| t.text).collect();
        let hits = self.tokens.windows(pattern.len()).filter(|w| w.iter().map(|t| &t.text).eq(pattern.iter()));
        hits.map(|w| w[0].line).collect()
    }

    /// All names in the file, except in what only tests see.
    pub(crate) fn paths(&self) -> Vec<Path> {
        let mut reader = Reader { tokens: &self.tokens, at: 0, modules: Vec::new(), depth: 0, found: Vec::new() };
        reader.read();
        reader.found
    }

    /// All functions with a body, tests included.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let tokens = tokens(&self.code);
        let mut found = Vec::new();
        for (at, pair) in tokens.windows(2).enumerate() {
            if pair[0].text != "fn" || !is_name(&pair[1].text) {
                continue;
            }
            let Some(end) = body_end(&tokens, at) else { continue };
            let (first, last) = (pair[0].line, tokens[end].line);
            let lines = self.code.lines().skip(first - 1).take(last - first + 1);
            let lines = lines.filter(|line| !line.trim().is_empty()).count();
            found.push(Function { name: pair[1].text.clone(), line: first, lines });
        }
        found
    }
}

/// Goes through the tokens and collects paths.
struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    /// Brace depths at which modules inside the file began.
    modules: Vec<usize>,
    depth: usize,
    found: Vec<Path>,
}

impl Reader<'_> {
    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).map_or("", |t| &t.text)
    }

    fn read(&mut self) {
        while self.at < self.tokens.len() {
            match self.text(self.at) {
                "{" => {
                    self.depth += 1;
                    if self.at >= 2 && self.text(self.at - 2) == "mod" {
                        self.modules.push(self.depth);
                    }
                }
                "}" => {
                    self.modules.pop_if(|depth| *depth == self.depth);
                    self.depth = self.depth.saturating_sub(1);
                }
                "use" => {
                    self.at += 1;
                    self.tree(&[]);
                    continue;
                }
                "fn" | "mod" => self.at += 1,
                text if is_name(text) && self.text(self.at.wrapping_sub(1)) != "." => {
                    self.name();
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// One name of an expression or type.
    fn name(&mut self) {
        let line = self.tokens[self.at].line;
        let mut segments = vec![self.text(self.at).to_string()];
        self.at += 1;
        while self.text(self.at) == "::" && is_name(self.text(self.at + 1)) {
            segments.push(self.text(self.at + 1).to_string());
            self.at += 2;
        }
        let is_call = self.text(self.at) == "(";
        self.found.push(Path { line, segments, is_call, inside: self.modules.len() });
    }

    /// The tree of a `use`, after the `use` or an opening brace.
    fn tree(&mut self, prefix: &[String]) {
        let line = self.tokens.get(self.at).map_or(0, |t| t.line);
        let mut segments = prefix.to_vec();
        loop {
            match self.text(self.at) {
                "::" => self.at += 1,
                "{" => {
                    self.at += 1;
                    while !["}", ";", ""].contains(&self.text(self.at)) {
                        self.tree(&segments);
                    }
                    self.at += 1;
                    self.skip_comma();
                    return;
                }
                "as" => self.at += 2,
                text if is_name(text) || text == "*" => {
                    segments.push(text.to_string());
                    self.at += 1;
                }
                _ => break,
            }
        }
        if segments.is_empty() {
            self.at += 1;
        } else {
            self.found.push(Path { line, segments, is_call: false, inside: self.modules.len() });
        }
        self.skip_comma();
    }

    fn skip_comma(&mut self) {
        if self.text(self.at) == "," {
            self.at += 1;
        }
    }
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names and numbers, `::`, `name!`, and single characters.
fn tokens(code: &str) -> Vec<Token> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let mut end = first.len_utf8();
            if is_part(first) {
                end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
                let is_macro = rest[end..].starts_with('!') && !rest[end..].starts_with("!=");
                end += usize::from(is_macro);
            } else if rest.starts_with("::") {
                end = 2;
            }
            found.push(Token { line: number + 1, text: rest[..end].into() });
            rest = rest[end..].trim_start();
        }
    }
    found
}

/// Leaves out every item behind `#[cfg(test)]`.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let marked = tokens[at..].iter().map(|t| t.text.as_str()).take(MARK.len()).eq(MARK);
        if marked {
            at = item_end(tokens, at + MARK.len()) + 1;
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// The last token of the item that begins at `from`: its `;`, or the brace that closes its body.
fn item_end(tokens: &[Token], from: usize) -> usize {
    let mut nested = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match token.text.as_str() {
            ";" if nested == 0 => return at,
            "(" | "[" | "{" => nested += 1,
            ")" | "]" => nested = nested.saturating_sub(1),
            "}" => {
                nested = nested.saturating_sub(1);
                if nested == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    tokens.len()
}

/// The brace that closes the body of the function at `from`; `None` if it has no body.
fn body_end(tokens: &[Token], from: usize) -> Option<usize> {
    let end = item_end(tokens, from);
    tokens.get(end).filter(|t| t.text == "}").map(|_| end)
}

/// Puts blanks in the place of comments, strings and characters; line breaks stay.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let hidden = hidden_len(rest, out.ends_with(|c: char| c.is_alphanumeric() || c == '_'));
        if hidden == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            out.extend(rest[..hidden].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = &rest[hidden..];
        }
    }
    out
}

/// How many bytes at the start of `rest` are a comment, a string or a character; 0 if it is code.
fn hidden_len(rest: &str, in_name: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return comment_len(rest);
    }
    if rest.starts_with('"') {
        return string_len(rest, 1);
    }
    if !in_name && let Some(prefix) = ["br", "cr", "r", "b", "c"].into_iter().find(|p| rest.starts_with(p)) {
        let after = &rest[prefix.len()..];
        let hashes = after.len() - after.trim_start_matches('#').len();
        if prefix.ends_with('r') && after[hashes..].starts_with('"') {
            let close = format!("\"{}", "#".repeat(hashes));
            let open = prefix.len() + hashes + 1;
            return rest[open..].find(&close).map_or(rest.len(), |at| open + at + close.len());
        }
        if after.starts_with('"') {
            return string_len(rest, prefix.len() + 1);
        }
    }
    if rest.starts_with('\'') { character_len(rest) } else { 0 }
}

fn comment_len(rest: &str) -> usize {
    let mut nested = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            nested += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            nested -= 1;
            at += 2;
            if nested == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn string_len(rest: &str, open: usize) -> usize {
    let mut escaped = false;
    for (at, c) in rest[open..].char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return open + at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal; 0 for a lifetime.
fn character_len(rest: &str) -> usize {
    let mut inner = rest[1..].char_indices();
    match inner.next() {
        Some((_, '\\')) => rest[3..].find('\'').map_or(0, |at| 3 + at + 1),
        Some((_, c)) if rest[1 + c.len_utf8()..].starts_with('\'') => 1 + c.len_utf8() + 1,
        _ => 0,
    }
}
