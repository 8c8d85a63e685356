//! The world `logs`: pasted traces, access logs, dumps and encoded files.
//!
//! Lengths are those that [`World::Logs`](super::World::Logs) states.

use std::fmt::{self, Write};

use super::desk;
use super::random::Random;
use super::vocabulary as words;
use crate::model::Ticket;

/// Terms that tickets of this world hold, the frequent ones first.
pub(super) const KEYWORDS: [&str; 5] = [
    desk::KEYWORD_COMMON,
    "exception",
    "https://api.example.com/v2/",
    "0xdeadbeef",
    desk::KEYWORD_RARE,
];

/// The longest log that is pasted, in bytes; with the sentences above it a summary is a little
/// longer.
const LOG_BYTES_MAX: u64 = 200_000;

/// Bytes of a log, from and to, by share of 10,000 tickets.
const LENGTHS: [((u64, u64), u64); 5] = [
    ((0, 0), 5_000),
    ((600, 4_000), 4_200),
    ((4_000, 20_000), 690),
    ((20_000, 60_000), 90),
    ((60_000, LOG_BYTES_MAX), 20),
];

const CLASSES: [&str; 8] = [
    "OrderService",
    "SessionStore",
    "HttpClient",
    "ConnectionPool",
    "JobRunner",
    "InvoiceMapper",
    "TokenFilter",
    "CacheLoader",
];

const METHODS: [&str; 8] = [
    "execute", "handle", "read", "acquire", "run", "map", "doFilter", "load",
];

const EXCEPTIONS: [&str; 6] = [
    "java.lang.NullPointerException",
    "java.net.SocketTimeoutException",
    "java.sql.SQLException",
    "java.io.IOException",
    "java.util.concurrent.TimeoutException",
    "java.lang.IllegalStateException",
];

/// What is pasted, each a way to write one piece of it.
const PIECES: [fn(&mut Random, &mut String) -> fmt::Result; 5] = [
    write_trace,
    write_requests,
    write_hex_dump,
    write_base64,
    write_hashes,
];

/// Returns the ticket of a place in the sequence.
pub(super) fn ticket(seed: u64, place: u64) -> Ticket {
    let mut random = Random::new(seed ^ 0x1065_0007, place);
    let mut ticket = desk::ticket(seed, place);
    let (from, to) = random.weigh(&LENGTHS);
    let bytes = (from + random.below(to - from + 1)) as usize;
    if bytes > 0 {
        ticket.summary.push_str("\r\n");
        write_log(&mut random, bytes, &mut ticket.summary);
    }
    ticket
}

/// Appends a log of this length; most logs are of one kind, a long one is of several.
fn write_log(random: &mut Random, bytes: usize, text: &mut String) {
    let end = text.len() + bytes;
    text.reserve(bytes);
    let mut write = random.pick(&PIECES);
    while text.len() < end {
        // Writing to a string cannot fail.
        let _ = write(random, text);
        if random.below(30) == 0 {
            write = random.pick(&PIECES);
        }
    }
    // A log is cut where the form's field is full.
    text.truncate(text.floor_char_boundary(end));
}

/// A stack trace of Java, with the addresses of objects.
fn write_trace(random: &mut Random, text: &mut String) -> fmt::Result {
    write!(
        text,
        "{}: {} lost {}@{:08x}\r\n",
        random.pick(&EXCEPTIONS),
        random.pick(&words::WORDS),
        random.pick(&CLASSES),
        random.next() >> 32
    )?;
    for _ in 0..3 + random.below(12) {
        let class = random.pick(&CLASSES);
        write!(
            text,
            "\tat com.example.{}.{class}.{}({class}.java:{})\r\n",
            random.pick(&words::WORDS),
            random.pick(&METHODS),
            1 + random.below(2_000)
        )?;
    }
    Ok(())
}

/// A line of an access log, with a URL that no other line has.
fn write_requests(random: &mut Random, text: &mut String) -> fmt::Result {
    let time = random.below(86_400);
    write!(
        text,
        "10.{}.{}.{} [{:02}:{:02}:{:02}] \
        \"GET https://api.example.com/v2/{}/{}?session={:016x}&page={} HTTP/1.1\" \
        {} {}\r\n",
        random.below(4),
        random.below(64),
        random.below(256),
        time / 3_600,
        time / 60 % 60,
        time % 60,
        random.pick(&words::WORDS),
        random.below(10_000_000),
        random.next(),
        random.below(50),
        random.pick(&[200, 200, 200, 304, 404, 500, 503]),
        random.below(90_000)
    )
}

/// A line of a hex dump; one in two hundred has the mark that programs leave in dead memory.
fn write_hex_dump(random: &mut Random, text: &mut String) -> fmt::Result {
    write!(text, "{:08x}  ", random.next() >> 36 << 4)?;
    for _ in 0..4 {
        write!(text, "{:08x} ", random.next() >> 32)?;
    }
    if random.below(200) == 0 {
        text.push_str("0xDEADBEEF");
    }
    text.write_str("\r\n")
}

/// A run of base64 without white space, from one line to some thousand bytes.
fn write_base64(random: &mut Random, text: &mut String) -> fmt::Result {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits_count = random.pick(&[76, 76, 76, 400, 4_000]) / 10 + 1;
    for _ in 0..digits_count {
        let mut bits = random.next();
        for _ in 0..10 {
            text.push(char::from(DIGITS[(bits % 64) as usize]));
            bits /= 64;
        }
    }
    text.write_str("==\r\n")
}

/// A line of a list of files with their hashes.
fn write_hashes(random: &mut Random, text: &mut String) -> fmt::Result {
    for _ in 0..4 {
        write!(text, "{:016x}", random.next())?;
    }
    write!(
        text,
        "  {}{}-{:x}.bin\r\n",
        random.pick(&words::PATHS),
        random.pick(&words::WORDS),
        random.next() >> 44
    )
}
