//! The layers of the crate: a module imports modules of a lower rank and nothing else.
//!
//! Reads `src` and finds every path that starts with `crate` or `super`, in `use` groups and
//! in code, outside comments, literals and tests. The files of a folder share its rank and
//! may see each other; `lib.rs` names every module, and a program knows only the library.

use std::fs;
use std::path::{Path, PathBuf};

/// The rank of each module at the top of `src`.
const RANKS: [(&str, u32); 16] = [
    ("model", 0),
    ("query", 1),
    ("segment", 1),
    ("import", 1),
    ("journal", 1),
    ("snapshot", 2),
    ("synth", 2),
    ("reference", 2),
    ("plan", 3),
    ("store", 3),
    ("response", 4),
    ("lib", 5),
    ("testing", 6),
    ("durable", 6),
    ("http", 6),
    ("bin", 6),
];

fn rank(module: &str) -> Option<u32> {
    let found = RANKS.iter().find(|(name, _)| *name == module);
    found.map(|&(_, rank)| rank)
}

/// Returns the bytes of the comment or literal that the text starts with; 0 is none.
fn count_skipped(text: &str) -> usize {
    let find = |from: usize, end: &str| text[from..].find(end).map_or(text.len(), |at| from + at);
    if text.starts_with("//") {
        return find(0, "\n");
    }
    if text.starts_with("/*") {
        let (mut depth, mut at) = (1, 2);
        while depth > 0 && at < text.len() {
            let (open, close) = (find(at, "/*"), find(at, "*/"));
            depth = if open < close { depth + 1 } else { depth - 1 };
            at = (open.min(close) + 2).min(text.len());
        }
        return at;
    }
    let prefix = text.len() - text.trim_start_matches(['b', 'c', 'r']).len();
    let unhashed = text[prefix..].trim_start_matches('#');
    let hashes = text.len() - prefix - unhashed.len();
    match (unhashed.chars().next(), text[..prefix].ends_with('r')) {
        (Some('"'), true) => {
            let start = prefix + hashes + 1;
            let end = format!("\"{}", &text[prefix..prefix + hashes]);
            find(start, &end) + end.len()
        }
        (Some(quote @ ('"' | '\'')), false) if hashes == 0 => {
            let mut chars = text[prefix + 1..].char_indices();
            let is_lifetime = quote == '\''
                && !text[prefix + 1..].starts_with('\\')
                && chars.clone().nth(1).is_none_or(|(_, c)| c != '\'');
            while let Some((at, c)) = chars.next().filter(|_| !is_lifetime) {
                match c {
                    '\\' => drop(chars.next()),
                    c if c == quote => return prefix + 1 + at + 1,
                    _ => {}
                }
            }
            prefix + 1
        }
        _ => 0,
    }
}

/// Splits source into words and marks, without comments, literals and what is for tests only.
fn tokens(mut text: &str) -> Vec<&str> {
    let mut all = Vec::new();
    while let Some(first) = text.chars().next() {
        let skipped = count_skipped(text);
        let word = text.find(|c: char| !c.is_alphanumeric() && c != '_');
        let count = match word.unwrap_or(text.len()) {
            _ if skipped > 0 => skipped,
            0 if text.starts_with("::") => 2,
            0 => first.len_utf8(),
            count => count,
        };
        if skipped == 0 && !first.is_whitespace() {
            all.push(&text[..count]);
        }
        text = &text[count..];
    }
    let (mut kept, mut rest) = (Vec::new(), &all[..]);
    while let [first, after @ ..] = rest {
        if let ["#", "[", "cfg", "(", "test", ..] | ["#", "[", "cfg", "(", "all", "(", "test", ..] =
            rest
        {
            rest = after_item(after);
        } else {
            kept.push(*first);
            rest = after;
        }
    }
    kept
}

/// Returns what follows the item that starts here, its attributes included.
fn after_item<'s, 'a>(mut rest: &'s [&'a str]) -> &'s [&'a str] {
    let mut depth = 0;
    while let [token, after @ ..] = rest {
        rest = after;
        depth += i32::from(["(", "[", "{"].contains(token));
        depth -= i32::from([")", "]", "}"].contains(token));
        if depth == 0 && [";", "}"].contains(token) {
            break;
        }
    }
    rest
}

/// Finds the paths that start here, with their groups taken apart; returns what follows.
fn expand<'s, 'a>(
    mut rest: &'s [&'a str],
    mut path: Vec<&'a str>,
    found: &mut Vec<Vec<&'a str>>,
) -> &'s [&'a str] {
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == "{" {
            while !matches!(rest, [] | ["}", ..]) {
                rest = expand(rest, path.clone(), found);
                // What may stand here is `as` with a name.
                while !matches!(rest, [] | ["}" | ",", ..]) {
                    rest = &rest[1..];
                }
                rest = rest.strip_prefix(&[","]).unwrap_or(rest);
            }
            return rest.get(1..).unwrap_or_default();
        }
        path.push(first);
        let Some(after) = rest.strip_prefix(&["::"]) else {
            break;
        };
        rest = after;
    }
    found.push(path);
    rest
}

/// Returns the imports of a module that do not point down.
fn upward(module: &[&str], source: &str) -> Vec<String> {
    let own = module.first().copied().unwrap_or("lib");
    let tokens = tokens(source);
    let mut found = Vec::new();
    let mut inner = Vec::new();
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate() {
        depth += i32::from(*token == "{");
        depth -= i32::from(*token == "}");
        inner.retain(|(_, inside)| *inside <= depth);
        if let ["mod", name, "{"] = tokens[at.saturating_sub(2)..=at] {
            inner.push((name, depth));
        }
        let is_start = at == 0 || tokens[at - 1] != "::";
        if is_start && ["crate", "super"].contains(token) && tokens.get(at + 1) == Some(&"::") {
            let mut paths = Vec::new();
            expand(&tokens[at..], Vec::new(), &mut paths);
            let names = inner.iter().map(|(name, _)| *name);
            let here: Vec<&str> = module.iter().copied().chain(names).collect();
            found.extend(paths.into_iter().map(|path| (here.clone(), path)));
        }
    }
    let mut wrong = Vec::new();
    for (mut at, path) in found {
        for segment in &path {
            match *segment {
                "crate" => at.clear(),
                "super" => drop(at.pop()),
                "self" => {}
                name => at.push(name),
            }
        }
        // What the crate's root holds beside modules is the front page's.
        let target = at.first().filter(|name| rank(name).is_some());
        let target = target.copied().unwrap_or("lib");
        if target != own && rank(target) >= rank(own) {
            wrong.push(format!("{} imports {}", module.join("::"), path.join("::")));
        }
    }
    wrong
}

fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, all);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            all.push(path);
        }
    }
}

#[test]
fn imports_point_down() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files(&src, &mut paths);
    assert!(paths.len() > 30, "only {} files", paths.len());
    let mut wrong = Vec::new();
    for path in paths {
        let local = path.strip_prefix(&src).unwrap().with_extension("");
        let mut module: Vec<&str> = local.iter().map(|part| part.to_str().unwrap()).collect();
        if rank(module[0]).is_none() {
            wrong.push(format!("{} has no rank", local.display()));
        } else if !matches!(module[..], ["lib"] | ["bin", ..] | [.., "tests"]) {
            module.pop_if(|last| *last == "mod");
            wrong.extend(upward(&module, &fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_planted_upward_import_is_found() {
    let bad = [
        (1, "use crate::query::Query;"),
        (
            2,
            "use super::super::{query::{Query as Q, parse}, model::Field};",
        ),
        (
            1,
            "fn f<'a>(c: char) -> bool { c == '\\'' && crate::store::is_good('\"') }",
        ),
        (1, "const S: &str = r#\"\"#; use crate::Ticket;"),
        (
            1,
            "mod inner { fn f() { super::super::super::plan::run(\"\\\"\") } }",
        ),
    ];
    for (count, source) in bad {
        let found = upward(&["model", "value"], source);
        assert_eq!(found.len(), count, "{source}: {found:?}");
    }
    let good = "// use crate::query::Query;\n/* /* */ crate::store::x */
        use super::draft::{self, Draft};\n/// [`crate::plan::Plan`]
        fn f() { let _ = (\"crate::plan::x\", b'\\'', r#\"crate::plan::y\"#); }
        #[cfg(test)]\n#[allow(x)]\nmod tests { use crate::store::Store; fn f() {} }
        #[cfg(all(test, feature = \"x\"))] fn f() -> [u8; 3] { crate::plan::x() }
        #[cfg(test)] use crate::plan::{A, B};\nmod inner { use super::super::error; }
        pub(crate) fn g(field: crate::model::Field) {}";
    assert_eq!(upward(&["model", "value"], good), [""; 0]);
    assert_eq!(
        upward(&["plan"], "use crate::{store::Store, query::Query};").len(),
        1
    );
    assert_eq!(
        upward(&["response", "xml"], "use crate::plan::Answer;"),
        [""; 0]
    );
    assert_eq!(rank("nowhere"), None);
}
