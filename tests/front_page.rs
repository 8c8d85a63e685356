//! The README and the front page say the same where they say the same thing.
//!
//! One cannot include a part of the other, so they are held equal here: the opening, the
//! picture of the ranks, the limits, and the features, which must be those of the manifest.

use std::fs;
use std::path::Path;

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn front_page() -> String {
    let source = read("src/lib.rs");
    let docs = source.lines().filter_map(|line| line.strip_prefix("//!"));
    let docs: Vec<&str> = docs
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    docs.join("\n")
}

/// Returns what stands between two marks, the first included.
fn part<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let start = text.find(from).unwrap_or_else(|| panic!("no {from:?}"));
    let end = text[start + from.len()..]
        .find(to)
        .unwrap_or_else(|| panic!("no {to:?}"));
    text[start..start + from.len() + end].trim()
}

#[test]
fn the_readme_begins_as_the_front_page_does() {
    let (readme, front) = (read("README.md"), front_page());
    let opening = part(&front, "An embedded", "# A program");
    assert_eq!(part(&readme, "An embedded", "With Rust installed"), opening);
    assert!(readme.starts_with(&format!("# ticketdex\n\n{opening}\n")));
    assert_eq!(
        part(&readme, "```text\nrank", "```\n"),
        part(&front, "```text\nrank", "```\n")
    );
    assert_eq!(
        part(&readme, "| what |", "\n\n"),
        part(&front, "| what |", "\n\n")
    );
    assert_eq!(
        part(&readme, "| feature |", "\n\n").lines().count(),
        features().len() + 2
    );
}

/// The features of the manifest but `default`.
fn features() -> Vec<String> {
    let manifest = read("Cargo.toml");
    let section = part(&manifest, "[features]\n", "\n[");
    let names = section.lines().filter_map(|line| line.split_once(" = "));
    names
        .map(|(name, _)| name.to_owned())
        .filter(|name| name != "default")
        .collect()
}

#[test]
fn every_feature_is_told_of() {
    let (readme, front) = (read("README.md"), front_page() + "\n\n");
    assert_eq!(
        part(&readme, "| feature |", "\n\n"),
        part(&front, "| feature |", "\n\n")
    );
    for name in features() {
        assert!(front.contains(&format!("\n| `{name}` |")), "{name}");
    }
}
