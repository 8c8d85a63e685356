//! The layers of the crate: a module imports modules of a lower rank and nothing else, sees of another
//! layer what its `mod.rs` exports, and the files of a folder import each other in no circle.
//!
//! Reads `src` as tokens and resolves the paths in it that start with `crate`, `super` or a file of
//! the same module, outside what is compiled for tests only. A file may name what the `mod.rs` around
//! it holds, and that names its files; `lib.rs` names every module, and a program only the library.

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

/// The layers whose files other layers may name.
const OPEN: [&str; 1] = ["model"];

type Module = Vec<String>;
type Files = BTreeMap<Module, String>;

/// Collects the paths among tokens that are not for tests only; those in braces continue the path
/// before them.
fn collect(stream: TokenStream, prefix: &[String], found: &mut Vec<Module>) {
    let (mut path, mut before, mut is_for_tests) = (prefix.to_vec(), "", false);
    for token in stream {
        let last = std::mem::take(&mut before);
        match token {
            TokenTree::Group(group) => {
                let shown = group.to_string();
                is_for_tests |= shown.starts_with("[cfg") && shown.contains("test");
                if !is_for_tests {
                    let prefix = if last == "::" { &path[..] } else { &[] };
                    collect(group.stream(), prefix, found);
                }
                is_for_tests &= group.delimiter() != Delimiter::Brace;
            }
            TokenTree::Punct(punct) if is_for_tests => is_for_tests = punct.as_char() != ';',
            TokenTree::Punct(punct) if punct.as_char() == ':' => {
                before = if last == ":" { "::" } else { ":" };
            }
            TokenTree::Ident(name) if !is_for_tests => {
                if last != "::" {
                    found.push(std::mem::replace(&mut path, prefix.to_vec()));
                }
                path.push(name.to_string());
            }
            _ => {}
        }
    }
    found.push(path);
}

/// Returns the modules that a file names: the deepest on each path that is a file.
fn imports(module: &Module, files: &Files) -> BTreeSet<Module> {
    let mut paths = Vec::new();
    collect(files[module].parse().unwrap(), &[], &mut paths);
    let is_own =
        |first: &String| files.contains_key(&[&module[..], std::slice::from_ref(first)].concat());
    let starts = |first: &String| ["crate", "super"].contains(&&**first) || is_own(first);
    paths.retain(|path| path.len() > 1 && starts(&path[0]));
    let target = |path: Module| {
        let mut at = module.clone();
        for name in path {
            match &*name {
                "crate" => at.clear(),
                "super" => drop(at.pop()),
                _ => at.push(name),
            }
        }
        while !files.contains_key(&at) {
            at.pop();
        }
        at
    };
    paths.into_iter().map(target).collect()
}

/// Returns the imports that break a rule.
fn faults(files: &Files) -> Vec<String> {
    let top = |module: &Module| module.first().map_or("lib", |it| it).to_owned();
    let rank = |top: &str| RANKS.iter().position(|tops| tops.contains(&top));
    let (mut faults, mut edges) = (Vec::new(), BTreeSet::new());
    for module in files.keys() {
        for target in imports(module, files) {
            let (own, other) = (top(module), top(&target));
            let is_up = own != "lib" && own != "bin" && rank(&other) >= rank(&own);
            let is_inside = target.len() > 1 && !OPEN.contains(&&*other);
            if own != other && (rank(&own).is_none() || is_up || is_inside) {
                faults.push((module.clone(), target));
            } else if own == other && !module.starts_with(&target) && !target.starts_with(module) {
                edges.insert((module.clone(), target));
            }
        }
    }
    // An import of what imports nothing that is left, or by what nothing imports, is in no circle.
    let mut all = BTreeSet::new();
    while all != edges {
        all.clone_from(&edges);
        edges.retain(|(from, to)| {
            all.iter().any(|it| it.0 == *to) && all.iter().any(|it| it.1 == *from)
        });
    }
    let broken = faults.into_iter().chain(edges);
    let shown = broken.map(|(from, to)| format!("{} imports {}", from.join("::"), to.join("::")));
    shown.collect()
}

fn read(folder: &Path, module: &Module, files: &mut Files) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let own = [&module[..], &[name.to_owned()]].concat();
        match name {
            "tests" | "interleavings" => {}
            _ if path.is_dir() => read(&path, &own, files),
            "mod" | "lib" => drop(files.insert(module.clone(), fs::read_to_string(&path).unwrap())),
            _ if path.extension().is_none_or(|it| it != "rs") => {}
            _ => drop(files.insert(own, fs::read_to_string(&path).unwrap())),
        }
    }
}

#[test]
fn imports_point_down_and_in_no_circle() {
    let mut files = Files::new();
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    read(&src, &Module::new(), &mut files);
    assert!(files.len() > 30, "only {} files", files.len());
    assert_eq!(faults(&files), [""; 0]);
}

#[test]
fn planted_imports_are_found() {
    let with = |value: &str| {
        let files = [
            ("", "mod model; mod query;"),
            ("query", "mod parse; pub struct Query;"),
            ("query/parse", "use crate::model::draft::read;"),
            ("model", "mod value; mod draft; pub struct Ticket;"),
            ("model/draft", "use super::value::Value; use super::Ticket;"),
            ("model/value", value.split('|').next().unwrap()),
            ("plan", value.split('|').nth(1).unwrap_or_default()),
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
        "fn f(query: crate::query::Query) {}",
        "use super::draft::Draft;",
        "fn f() { super::draft::read() }",
        "|use crate::{model::Ticket, query::{Query, parse::read}};",
    ] {
        assert!(!with(bad).is_empty(), "{bad}");
    }
    let good = "// use crate::query::Query;\n/// [`crate::query::Query`]
        fn f() { let _ = (\"crate::query::x\", b'\\'', r#\"crate::query::y\"#); }
        use super::Ticket;
        #[cfg(test)]\n#[allow(x)]\nmod tests { use crate::query::Query; fn f() {} }
        #[cfg(all(test, feature = \"x\"))] fn f() -> [u8; 3] { crate::query::x() }
        #[cfg(test)] use crate::query::{A, B};
        pub(crate) fn g(ticket: crate::model::Ticket) {}
        |use crate::query::Query; use crate::model::draft::read;";
    assert_eq!(with(good), [""; 0]);
}
