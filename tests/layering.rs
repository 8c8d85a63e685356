//! The layers of the crate: a module imports modules of a lower rank and nothing else, and the files
//! of a folder import each other in no circle.
//!
//! Reads `src` as tokens and resolves the paths that start with `crate` or `super`, or with a file
//! of the same module, outside what is compiled for tests only. A file may name what the `mod.rs`
//! around it holds, and that names its files; `lib.rs` names every module, and a program knows only
//! the library.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The modules at the top of `src` by rank; those of equal rank do not see each other.
const RANKS: [&[&str]; 7] = [
    &["model"],
    &["query", "segment", "import", "journal"],
    &["snapshot", "synth", "reference"],
    &["plan", "store"],
    &["response"],
    &["lib"],
    &["testing", "durable", "http", "bin"],
];

type Module = Vec<String>;

fn rank(module: &str) -> Option<usize> {
    RANKS.iter().position(|modules| modules.contains(&module))
}

/// Appends the tokens without literals, but for the items that are for tests only.
fn flatten(stream: TokenStream, all: &mut Vec<String>) {
    let mut is_for_tests = false;
    for token in stream {
        match token {
            TokenTree::Group(group) => {
                let shown = group.to_string();
                is_for_tests |= shown.starts_with("[cfg") && shown.contains("test");
                if !is_for_tests {
                    all.push("{".to_owned());
                    flatten(group.stream(), all);
                    all.push("}".to_owned());
                }
                is_for_tests &= group.delimiter() != Delimiter::Brace;
            }
            TokenTree::Punct(punct) if is_for_tests => is_for_tests = punct.as_char() != ';',
            _ if is_for_tests => {}
            TokenTree::Literal(_) => all.push("literal".to_owned()),
            other => all.push(other.to_string()),
        }
    }
}

/// Finds the paths that start at a token, with their groups taken apart; returns what follows.
fn expand(tokens: &[String], mut at: usize, mut path: Module, found: &mut Vec<Module>) -> usize {
    let token = |at: usize| tokens.get(at).map_or("", |it| it);
    while !["", "{"].contains(&token(at)) {
        path.push(token(at).to_owned());
        if (token(at + 1), token(at + 2)) != (":", ":") {
            found.push(path);
            return at + 1;
        }
        at += 3;
    }
    while !["", "}"].contains(&token(at)) {
        at = expand(tokens, at + 1, path.clone(), found);
        // What may stand here is `as` with a name.
        while !["", ",", "}"].contains(&token(at)) {
            at += 1;
        }
    }
    at + 1
}

/// Returns the files whose modules a file names.
fn imports(module: &Module, source: &str, files: &BTreeMap<Module, String>) -> BTreeSet<Module> {
    let mut tokens = Vec::new();
    flatten(source.parse().unwrap(), &mut tokens);
    let mut paths = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let child = [&module[..], std::slice::from_ref(token)].concat();
        let is_start = (at == 0 || tokens[at - 1] != ":")
            && tokens.get(at + 1).is_some_and(|next| next == ":");
        if is_start && (["crate", "super"].contains(&&**token) || files.contains_key(&child)) {
            expand(&tokens, at, Vec::new(), &mut paths);
        }
    }
    let target = |path: Module| {
        let mut at = module.clone();
        for name in path {
            match &*name {
                "crate" => at.clear(),
                "super" => drop(at.pop()),
                "self" => {}
                _ => at.push(name),
            }
        }
        // What is no file is an item of the deepest module on the way that is one.
        while !files.contains_key(&at) {
            at.pop();
        }
        at
    };
    paths.into_iter().map(target).collect()
}

/// Returns what is wrong with the imports of some files.
fn faults(files: &BTreeMap<Module, String>) -> Vec<String> {
    let mut faults = Vec::new();
    let mut edges = BTreeSet::new();
    let top = |module: &Module| module.first().map_or("lib", |it| it).to_owned();
    for (module, source) in files {
        let own = top(module);
        if rank(&own).is_none() {
            faults.push(format!("{own} has no rank"));
        }
        for target in imports(module, source, files) {
            let other = top(&target);
            if !["lib", "bin", &other].contains(&&*own) && rank(&other) >= rank(&own) {
                faults.push(format!(
                    "{} imports {}",
                    module.join("::"),
                    target.join("::")
                ));
            } else if own == other && !module.starts_with(&target) && !target.starts_with(module) {
                edges.insert((module.clone(), target));
            }
        }
    }
    // An import of what imports nothing that is left, or by what nothing imports, is in no circle.
    let mut count = 0;
    while count != edges.len() {
        count = edges.len();
        let all = edges.clone();
        let is_inner = |(from, to): &(Module, Module)| {
            all.iter().any(|it| it.0 == *to) && all.iter().any(|it| it.1 == *from)
        };
        edges.retain(is_inner);
    }
    let circles = edges
        .iter()
        .map(|(from, to)| [from.join("::"), to.join("::")]);
    faults.extend(circles.map(|[from, to]| format!("{from} imports {to}, in a circle")));
    faults
}

fn read(folder: &Path, module: &Module, all: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let own = [&module[..], std::slice::from_ref(&name)].concat();
        match &*name {
            "tests" | "interleavings" => {}
            _ if path.is_dir() => read(&path, &own, all),
            "mod" | "lib" => drop(all.insert(module.clone(), fs::read_to_string(&path).unwrap())),
            _ if path.extension().is_some_and(|it| it == "rs") => {
                all.insert(own, fs::read_to_string(&path).unwrap());
            }
            _ => {}
        }
    }
}

#[test]
fn imports_point_down_and_in_no_circle() {
    let mut files = BTreeMap::new();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    read(&src, &Module::new(), &mut files);
    assert!(files.len() > 30, "only {} files", files.len());
    let faults = faults(&files);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn planted_imports_are_found() {
    let with = |value: &str| {
        let files = [
            ("", "mod model; mod query;"),
            ("query", "pub struct Query;"),
            ("model", "mod value; mod draft; pub struct Ticket;"),
            ("model/draft", "use super::value::Value; use super::Ticket;"),
            ("model/value", value),
        ];
        let own = |(path, source): (&str, &str)| {
            let names = path.split('/').filter(|name| !name.is_empty());
            (names.map(str::to_owned).collect(), source.to_owned())
        };
        faults(&files.map(own).into_iter().collect())
    };
    for bad in [
        "use crate::query::Query;",
        "use super::super::{Ticket, query::{Query as Q, parse}};",
        "fn f<'a>(c: char) -> bool { c == '\\'' && crate::query::is_good('\"') }",
        "const S: &str = r#\"\"#; fn f() { assert!(crate::query::is_good()) }",
        "use super::draft::Draft;",
        "fn f() { super::draft::read() }",
    ] {
        assert!(!with(bad).is_empty(), "{bad}");
    }
    let good = "// use crate::query::Query;\n/// [`crate::query::Query`]
        fn f() { let _ = (\"crate::query::x\", b'\\'', r#\"crate::query::y\"#); }
        use super::Ticket;
        #[cfg(test)]\n#[allow(x)]\nmod tests { use crate::query::Query; fn f() {} }
        #[cfg(all(test, feature = \"x\"))] fn f() -> [u8; 3] { crate::query::x() }
        #[cfg(test)] use crate::query::{A, B};
        pub(crate) fn g(ticket: crate::model::Ticket) {}";
    assert_eq!(with(good), [""; 0]);
}
