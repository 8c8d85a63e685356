//! The command `ticketdex`, run as a program, and what it says.

use std::fs;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use ticketdex::Cursor;

/// Starts the command with all three streams piped.
pub fn start(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_ticketdex"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs the command to its end with so much on its standard input.
pub fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = start(arguments);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A command that ends early closes its end, which is no concern here.
    let writer = thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// Runs the command, which must succeed, and returns its standard output.
pub fn run_well(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let output = run(arguments, input);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    output.stdout
}

pub fn stderr(output: &Output) -> &str {
    str::from_utf8(&output.stderr).unwrap()
}

/// Writes a file of a test and returns its path.
pub fn file(name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).unwrap();
    path.into_os_string().into_string().unwrap()
}

/// Returns the path of a file of a test that is not there.
pub fn missing(name: &str) -> String {
    let path = file(name, b"");
    fs::remove_file(&path).unwrap();
    path
}

/// Returns the names of hidden files that stand beside a file and begin with its name.
pub fn left_beside(path: &str) -> Vec<String> {
    let path = Path::new(path);
    let prefix = format!(".{}.", path.file_name().unwrap().to_str().unwrap());
    let entries = fs::read_dir(path.parent().unwrap()).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(&prefix)).collect()
}

/// What `pipe` said to one request.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    Ok { total: u64, body: Vec<u8> },
    Error { code: String, body: Vec<u8> },
}

/// Reads one reply; none at the end.
pub fn read_reply(output: &mut impl BufRead) -> Option<Reply> {
    let mut header = String::new();
    if output.read_line(&mut header).unwrap() == 0 {
        return None;
    }
    let words: Vec<&str> = header.strip_suffix('\n').unwrap().split(' ').collect();
    let number = |word: &str| word.parse::<u64>().unwrap();
    let mut body = vec![0; usize::try_from(number(words[1])).unwrap()];
    output.read_exact(&mut body).unwrap();
    Some(match *words.as_slice() {
        ["ok", _, total, answer_ns, write_ns, version, next, previous] => {
            let _: u64 = number(version);
            for cursor in [next, previous] {
                assert!(
                    cursor == "-" || cursor.parse::<Cursor>().is_ok(),
                    "{header}"
                );
            }
            // A write has no body to be made.
            assert!(
                number(answer_ns) > 0 && (number(write_ns) > 0 || body.is_empty()),
                "{header}"
            );
            let total = number(total);
            Reply::Ok { total, body }
        }
        ["error", _, code] => {
            let code = code.to_owned();
            Reply::Error { code, body }
        }
        _ => panic!("header {header:?}"),
    })
}

/// Runs `pipe` over files with these lines, and returns all that it replied.
pub fn pipe(arguments: &[&str], input: &[u8]) -> Vec<Reply> {
    let arguments = [&["pipe"], arguments].concat();
    let output = run_well(&arguments, input);
    let mut rest = output.as_slice();
    std::iter::from_fn(|| read_reply(&mut rest)).collect()
}
