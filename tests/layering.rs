//! The layers of the crate, as the picture in `src/lib.rs` ranks them: a module imports modules of a lower
//! rank only, sees of another layer what its `mod.rs` exports, and no files import each other in a circle.
//!
//! A file and the `mod.rs` around it may name each other; what that one only re-exports counts as an import
//! of the file that it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::{fs, mem};

use proc_macro2::{TokenStream, TokenTree};

/// The paths that each file names, by its module: `/plan/count`, and nothing for `lib.rs`.
type Files = BTreeMap<String, BTreeSet<String>>;

const BIN: &str = "/bin/ticketdex";

/// Adds the paths among tokens, without code for tests: of `use a::{b, c as d}` those are `use::a::b`
/// and `use::a::c::d`, of `mod a` it is `mod::a`.
fn add_paths(tokens: TokenStream, before: &str, paths: &mut BTreeSet<String>) {
    let (mut tokens, mut path) = (tokens.into_iter(), before.to_owned());
    while let Some(token) = tokens.next() {
        let shown = token.to_string();
        if shown.starts_with("[cfg (test") || shown.starts_with("[cfg (all (test") {
            tokens.find(|it| it.to_string().ends_with([';', '}']));
        }
        let is_joined = path.ends_with("::") && !matches!(token, TokenTree::Punct(_));
        if !is_joined && shown != ":" && shown != "as" {
            paths.insert(mem::replace(&mut path, before.to_owned()));
        }
        match token {
            TokenTree::Group(group) => add_paths(group.stream(), &path, paths),
            _ if shown == "as" => path += "::",
            _ if shown == "use" || shown == "mod" => path += &(shown + "::"),
            TokenTree::Ident(_) => path += &shown,
            _ if shown == ":" => path += ":",
            _ => {}
        }
    }
    paths.insert(path);
}

/// Reads the file of a module and those of the modules that it declares.
fn read(module: &str, files: &mut Files) {
    let ends = [".rs", "/mod.rs", "/lib.rs", "/main.rs"].map(|end| format!("src{module}{end}"));
    let source = ends.map(|file| fs::read_to_string(file).unwrap_or_default());
    let mut paths = BTreeSet::new();
    add_paths(source.concat().parse().unwrap(), "", &mut paths);
    for inner in paths.iter().filter_map(|it| it.strip_prefix("mod::")) {
        read(&format!("{module}/{inner}"), files);
    }
    paths.retain(|path| path.contains("::"));
    files.insert(module.to_owned(), paths);
}

fn is_around(outer: &str, inner: &str) -> bool {
    inner.starts_with(&format!("{outer}/"))
}

/// Returns the module whose file has what a path means in the file of another.
fn target(path: &str, from: &str, files: &Files) -> String {
    let mut at = from.to_owned();
    for name in path.split("::") {
        let inner = format!("{at}/{name}");
        match name {
            "" | "use" | "mod" | "self" => {}
            "super" => at.truncate(at.rfind('/').unwrap_or(0)),
            "crate" => at.truncate(if from.starts_with(BIN) { BIN.len() } else { 0 }),
            _ if files.contains_key(&inner) => at = inner,
            _ if !is_around(&at, from) => break,
            _ => {
                let end = format!("::{name}");
                let is_it = |path: &&String| path.starts_with("use") && path.ends_with(&end);
                let reexport = files[&at].iter().find(is_it);
                return reexport.map_or(at.clone(), |path| target(path, &at, files));
            }
        }
    }
    at
}

/// Returns how far down the picture ranks the layer of a module.
fn depth(module: &str) -> usize {
    let layer = module.split('/').nth(1).unwrap_or("lib");
    let picture = include_str!("../src/lib.rs").split("//! rank\n").nth(1);
    let mut ranks = picture.unwrap().lines().map(|line| line.split([' ', ',']));
    let rank = ranks.position(|mut words| words.any(|it| it == layer));
    rank.unwrap_or(usize::MAX)
}

/// Returns the imports that break a rule.
fn faults(files: &Files) -> BTreeSet<(String, String)> {
    let (mut faults, mut imports) = (BTreeSet::new(), BTreeSet::new());
    for (from, paths) in files {
        for to in paths.iter().map(|path| target(path, from, files)) {
            let is_other = from.split('/').nth(1) != to.split('/').nth(1);
            let is_inside = to.matches('/').count() > 1 && !to.starts_with("/model");
            if is_other && (is_inside || depth(&to) <= depth(from)) {
                faults.insert((from.clone(), to));
            } else if to != *from && !is_around(&to, from) && !is_around(from, &to) {
                imports.insert((from.clone(), to));
            }
        }
    }
    // An import by what nothing imports that is left, or of what imports nothing, is in no circle.
    let mut count = 0;
    while mem::replace(&mut count, imports.len()) != imports.len() {
        let (from, to): (BTreeSet<_>, BTreeSet<_>) = imports.iter().cloned().unzip();
        imports.retain(|it| to.contains(&it.0) && from.contains(&it.1));
    }
    faults.extend(imports);
    faults
}

#[test]
fn imports_point_down_and_in_no_circle() {
    let mut files = Files::new();
    read("", &mut files);
    read(BIN, &mut files);
    files.insert(String::new(), BTreeSet::new()); // `lib.rs` names every module.
    assert_eq!(faults(&files), BTreeSet::new());
    for planted in [
        "/model/value use crate::{model::Ticket, query::{Query as Q}};",
        "/plan/probe fn f<'a>(c: char) -> bool { c == '\\'' && super::super::store::is('\"') }",
        "/store/job use crate::Query;",
        "/response/csv use crate::plan::answer::Answer;",
        "/segment/block fn f() { assert!(super::rowset::is()) }",
        "/plan/explain use super::Answer;",
        "/bin/ticketdex/decompress use crate::compress::f;",
    ] {
        let (module, source) = planted.split_once(' ').unwrap();
        let mut files = files.clone();
        add_paths(source.parse().unwrap(), "", files.get_mut(module).unwrap());
        assert!(!faults(&files).is_empty(), "not seen: {planted}");
    }
}
