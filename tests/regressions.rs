//! The fuzz targets' seeds and every input that one of them failed on, on stable Rust.
//!
//! `fuzz/seeds/TARGET/` is what fuzzing starts from, `fuzz/regressions/TARGET/` what it found;
//! the checks are those of the targets.

mod common;

use std::path::Path;

use common::checks;

fn replay(target: &str, check: fn(&[u8])) {
    let mut inputs_count = 0;
    for kind in ["seeds", "regressions"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("fuzz")
            .join(kind)
            .join(target);
        let Ok(files) = folder.read_dir() else {
            continue;
        };
        for file in files {
            let path = file.unwrap().path();
            eprintln!("{}", path.display());
            check(&std::fs::read(path).unwrap());
            inputs_count += 1;
        }
    }
    assert!(inputs_count > 0, "{target} has no seeds");
}

#[test]
fn requests_parse() {
    replay("parse_request", checks::parse_request);
}

#[test]
fn bytes_import() {
    replay("import_bytes", checks::import_bytes);
}

#[test]
fn queries_answer() {
    replay("query_vs_reference", checks::query_vs_reference);
}

#[test]
fn stores_live() {
    replay("store_ops", checks::store_ops);
}

#[test]
fn responses_read_back() {
    replay("response_roundtrip", checks::response_roundtrip);
}
