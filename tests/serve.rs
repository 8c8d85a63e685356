//! `ticketdex serve`, run as a program: from its arguments to its end.
#![cfg(unix)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus};
use std::time::{Duration, Instant};

use common::command::{file, run, run_well, start, stderr};

const PAGE: &[u8] = include_bytes!("shared_cases/page_example.xml");
const KEY: &str = "your key here";

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shared_cases/page_example.xml")
}

/// A service that has said where it listens.
struct Service {
    child: Child,
    stderr: BufReader<ChildStderr>,
    address: SocketAddr,
    /// What it said so far.
    said: String,
}

/// What an ended service leaves.
struct Ended {
    status: ExitStatus,
    /// All of standard error.
    said: String,
    stdout: Vec<u8>,
}

impl Service {
    fn start(arguments: &[&str]) -> Service {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut child = start(&arguments);
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("try: ") {
            assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
        }
        let (_, address) = said.split_once("listening on http://").unwrap();
        let address = address.split('/').next().unwrap().parse().unwrap();
        Service {
            child,
            stderr,
            address,
            said,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        let limit = Some(Duration::from_mins(1));
        stream.set_read_timeout(limit).unwrap();
        stream
    }

    /// Sends a `GET` and returns the status and the body.
    fn get(&self, target: &str) -> (u16, Vec<u8>) {
        let mut stream = self.connect();
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).unwrap();
        let at = response
            .windows(4)
            .position(|it| it == b"\r\n\r\n")
            .unwrap();
        let head = str::from_utf8(&response[..at]).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, response.split_off(at + 4))
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status();
        assert!(status.unwrap().success());
    }

    /// Waits until it takes no connection any more.
    fn wait_for_closed_port(&self) {
        while TcpStream::connect(self.address).is_ok() {
            std::thread::yield_now();
        }
    }

    /// Waits for its end without a look at what it says; fails where that takes too long.
    fn wait_unheard(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(15);
        while self.child.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                self.child.kill().unwrap();
                panic!("it goes on");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for its end.
    fn wait(mut self) -> Ended {
        self.stderr.read_to_string(&mut self.said).unwrap();
        let output = self.child.wait_with_output().unwrap();
        Ended {
            status: output.status,
            said: self.said,
            stdout: output.stdout,
        }
    }

    fn stop(self) -> Ended {
        self.signal("TERM");
        self.wait()
    }
}

#[test]
fn the_page_is_answered_as_printed_and_its_key_is_never_shown() {
    let example = example();
    let service = Service::start(&["--data", example.to_str().unwrap(), "--key", KEY]);
    for key in ["your%20key%20here", "your+key+here"] {
        let target = format!("/API/default.aspx?key={key}&action=get_tickets&tid=*");
        let (status, body) = service.get(&target);
        assert_eq!((status, body.as_slice()), (200, PAGE));
    }
    assert_eq!(service.get("/healthz"), (200, b"ok\n".to_vec()));
    assert_eq!(service.get("/readyz"), (200, b"ready\n".to_vec()));
    for (target, status) in [
        ("/API/default.aspx?tid=*", 401),
        ("/API/default.aspx?key=wrong&tid=*", 401),
        (
            "/API/default.aspx?key=your+key+here&statuss=Open%0Anext",
            400,
        ),
        ("/API/default.aspx?key=your+key+here&cid=your+key+here", 200),
        ("/API/default.aspx&key=your+key+here", 404),
        ("/your+key+here?key=your+key+here", 404),
        ("/your%20key%20here", 404),
    ] {
        assert_eq!(service.get(target).0, status, "{target}");
    }
    let ended = service.stop();
    assert!(ended.status.success(), "{:?}", ended.status);
    assert_eq!(ended.stdout, b"");
    let said = ended.said;
    assert!(said.contains("1 ticket, loaded in "), "{said}");
    assert!(said.contains("try: curl --get --data-urlencode \"key=$KEY\" 'http://127.0.0.1:"));
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("Z GET "))
        .collect();
    assert_eq!(lines.len(), 9, "{said}");
    let expected = [
        " GET /API/default.aspx 200 key_name=\"key 1\" total=1 bytes=1499 first_byte_us=",
        " from=127.0.0.1 request=tid=*",
        " 401 code=missing_key bytes=",
        " 401 code=unknown_key bytes=",
        " 400 code=unknown_variable key_name=\"key 1\" bytes=",
        " request=statuss=Open%0Anext",
        " GET /API/default.aspx 404 code=not_found bytes=",
    ];
    for part in expected {
        assert!(
            lines.iter().any(|line| line.contains(part)),
            "{part}: {said}"
        );
    }
    for spelling in ["your", "key+here", "key here"] {
        assert!(!said.contains(spelling), "{spelling}: {said}");
    }
}

#[test]
fn the_line_to_try_works_as_printed() {
    if Command::new("curl").arg("--version").output().is_err() {
        return; // Nothing can be tried where there is no curl.
    }
    let example = example();
    for arguments in [
        &["--key", KEY][..],
        &["--no-key"],
        &["--no-key", "--path", "/it's"],
    ] {
        let all = [&["--data", example.to_str().unwrap()], arguments].concat();
        let service = Service::start(&all);
        let (_, line) = service.said.split_once("try: ").unwrap();
        let mut shell = Command::new("sh");
        let output = shell
            .args(["-c", line.trim()])
            .env("KEY", KEY)
            .output()
            .unwrap();
        assert_eq!(output.stdout, PAGE, "{line}: {output:?}");
        service.stop();
    }
}

#[test]
fn without_a_key_it_must_be_told_to() {
    let example = example();
    let data = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data",
        example.to_str().unwrap(),
    ];
    let cases: [(&[&str], &str); 9] = [
        (&[], "Give --key SECRET or --keys FILE, or --no-key"),
        (&["--key", ""], "is empty"),
        (&["--key", "a", "--no-key"], "cannot be used with"),
        (&["--no-key", "--path", "API"], "is no path"),
        (&["--no-key", "--path", "/{all}"], "is no path"),
        (&["--no-key", "--path", "/a b"], "percent-encoded"),
        (&["--no-key", "--path", "/a/../b"], "no part"),
        (&["--no-key", "--path", "/readyz"], "/readyz tells"),
        (&["--no-key", "--listen", "nowhere"], "--listen"),
    ];
    for (arguments, part) in cases {
        let output = run(&[&data[..], arguments].concat(), b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(stderr(&output).contains(part), "{arguments:?}: {output:?}");
    }
    let output = run(&["serve", "--no-key", "--listen", "localhost:8080"], b"");
    let part = "it is an address and a port, such as 127.0.0.1:8080";
    assert!(stderr(&output).contains(part), "{output:?}");
    let service = Service::start(&["--data", example.to_str().unwrap(), "--no-key"]);
    assert_eq!(service.get("/API/default.aspx?tid=*"), (200, PAGE.to_vec()));
    assert!(!service.stop().said.contains("key_name"));
}

#[test]
fn keys_of_a_file_have_names_and_networks() {
    let keys = "\u{feff}# who may ask\n\n \t#old = d\ndesk = your key here \n\
                near 127.0.0.0/8 ::1=a=b\r\nfar\t192.0.2.0/24 = c\n";
    let keys = file("serve_keys.txt", keys);
    let example = example();
    let service = Service::start(&["--data", example.to_str().unwrap(), "--keys", &keys]);
    for (key, status) in [
        ("your+key+here", 200),
        ("a%3Db", 200),
        ("c", 403),
        ("d", 401),
        ("desk", 401),
        ("", 401),
    ] {
        let target = format!("/API/default.aspx?key={key}&count_only=Y");
        assert_eq!(service.get(&target).0, status, "{key}");
    }
    let said = service.stop().said;
    assert!(
        said.contains("key_name=\"desk\"") && said.contains("key_name=\"near\""),
        "{said}"
    );
}

#[test]
fn a_bad_file_of_keys_is_told_by_its_line_and_not_shown() {
    let example = example();
    let data = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--data",
        example.to_str().unwrap(),
    ];
    let cases = [
        ("desk = good\ns3cr3t\n", "line 2 of "),
        ("= s3cr3t\n", "line 1 of "),
        ("desk =   \n", "line 1 of "),
        ("desk s3cr3t = other\n", "line 1 of "),
        ("# s3cr3t\n", "holds no key"),
    ];
    for (text, part) in cases {
        let keys = file("serve_bad_keys.txt", text);
        let output = run(&[&data[..], &["--keys", &keys]].concat(), b"");
        assert_eq!(output.status.code(), Some(2), "{text:?}: {output:?}");
        assert!(stderr(&output).contains(part), "{text:?}: {output:?}");
        assert!(!stderr(&output).contains("s3cr3t"), "{output:?}");
    }
    let output = run(&[&data[..], &["--keys", "/nowhere/keys"]].concat(), b"");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(
        stderr(&output).contains("--keys /nowhere/keys: io: "),
        "{output:?}"
    );
}

#[test]
fn a_store_is_served_and_one_that_is_not_there_is_not_made() {
    let store = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("serve.redb");
    let _ = fs::remove_file(&store);
    let path = store.to_str().unwrap();
    let output = run(
        &[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--no-key",
            "--store",
            path,
        ],
        b"",
    );
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!store.exists());
    run_well(
        &["import", example().to_str().unwrap(), "--store", path],
        b"",
    );
    let service = Service::start(&["--no-key", "--store", path]);
    assert_eq!(service.get("/API/default.aspx"), (200, PAGE.to_vec()));
    // A store has one owner.
    let output = run(
        &[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--no-key",
            "--store",
            path,
        ],
        b"",
    );
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stderr(&output).contains("store_in_use"), "{output:?}");
    assert!(service.stop().status.success());
}

#[test]
fn a_port_that_is_taken_is_told() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let example = example();
    let data = example.to_str().unwrap();
    let output = run(
        &["serve", "--no-key", "--data", data, "--listen", &address],
        b"",
    );
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let told = stderr(&output);
    assert!(
        told.contains(&format!("--listen {address}: io: ")),
        "{told}"
    );
    let hint = "\nticketdex: another program listens on this port: end that one, or give --listen \
                another port; port 0 takes one that is free\n";
    assert!(told.ends_with(hint), "{told}");
}

#[test]
fn a_log_that_nobody_reads_holds_up_no_request() {
    let example = example();
    let service = Service::start(&["--data", example.to_str().unwrap(), "--no-key"]);
    // Far more than a pipe holds; each line is some 1,100 bytes.
    let target = format!("/API/default.aspx?count_only=Y&cid={}", "x".repeat(2000));
    for _ in 0..200 {
        assert_eq!(service.get(&target).0, 200);
    }
    let ended = service.stop();
    assert!(ended.status.success());
    // At least what the pipe held is there.
    let lines = ended.said.lines().filter(|line| line.contains("Z GET "));
    assert!(lines.count() > 30);
}

#[test]
fn a_log_that_nobody_reads_does_not_hold_up_the_end() {
    let example = example();
    let mut service = Service::start(&["--data", example.to_str().unwrap(), "--no-key"]);
    // More than a pipe holds, as above.
    let target = format!("/API/default.aspx?count_only=Y&cid={}", "x".repeat(2000));
    for _ in 0..200 {
        assert_eq!(service.get(&target).0, 200);
    }
    service.signal("TERM");
    service.wait_unheard();
    assert!(service.wait().status.success());
}

/// Writes a file of 20,000 tickets: a response with all of them waits for its reader.
fn many(name: &str) -> String {
    let line = |tid: u32| {
        format!(
            "{{\"tid\":{tid},\"summary\":\"{}\"}}\n",
            "It burns. ".repeat(50)
        )
    };
    file(name, (1..=20_000).map(line).collect::<String>())
}

/// Asks for all tickets, and reads the first of them.
fn ask_for_many(service: &Service) -> (TcpStream, Vec<u8>) {
    let mut stream = service.connect();
    stream
        .write_all(b"GET /API/default.aspx?format=delimited HTTP/1.0\r\n\r\n")
        .unwrap();
    let mut response = vec![0; 1000];
    stream.read_exact(&mut response).unwrap();
    (stream, response)
}

#[test]
fn a_second_signal_breaks_off_what_runs_and_that_is_logged() {
    let service = Service::start(&["--no-key", "--data", &many("serve_broken_off.jsonl")]);
    let (stream, _) = ask_for_many(&service);
    service.signal("TERM");
    service.wait_for_closed_port();
    // A signal that comes at once is the same one.
    service.signal("INT");
    std::thread::sleep(Duration::from_millis(1500));
    let told = Instant::now();
    service.signal("INT");
    let ended = service.wait();
    assert!(told.elapsed() < Duration::from_secs(8));
    assert!(ended.status.success(), "{:?}", ended.status);
    let lines = ended.said.lines().filter(|line| line.contains("Z GET "));
    let broken_off: Vec<&str> = lines.filter(|it| it.contains(" broken_off ")).collect();
    assert_eq!(broken_off.len(), 1, "{}", ended.said);
    drop(stream);
}

#[test]
fn what_runs_at_the_end_is_finished() {
    let tickets = many("serve_many.jsonl");
    for signal in ["TERM", "INT"] {
        let service = Service::start(&["--no-key", "--data", &tickets]);
        let (mut stream, mut response) = ask_for_many(&service);
        service.signal(signal);
        // It ends when this has been read, and not before.
        service.wait_for_closed_port();
        stream.read_to_end(&mut response).unwrap();
        let lines = response.split(|&byte| byte == b'\n').count();
        assert!(lines > 20_000, "{lines} lines");
        assert!(response.ends_with(b"+It+burns.+\n"));
        let ended = service.wait();
        assert!(ended.status.success(), "{signal}: {:?}", ended.status);
        assert!(ended.said.contains("ending: "), "{}", ended.said);
    }
}
