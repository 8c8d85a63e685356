//! Responses: bytes a second of each format, chunk by chunk into one buffer.
//!
//! The tickets are the corpus as it is, and the same with summaries in which every third
//! character or so has to be escaped, as in pasted markup and logs. An export of everything
//! is measured, and a page of 50. The time includes the answer, which is small beside it.

mod corpus;
mod scan;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ticketdex::{Format, Query, Snapshot, Ticket};

/// A text in which much has to be escaped.
const MARKUP: &str =
    "<a href=\"/x?y=1&z=2\">R\u{FC}ckgabe 100%</a>\r\n\t[\u{2713}] {\"k\": 'v'}\\ ";

/// The bytes of a summary in the corpus with much to escape.
const SUMMARY_BYTES: usize = 420;

fn escape_heavy(mut tickets: Vec<Ticket>) -> Vec<Ticket> {
    for ticket in &mut tickets {
        ticket.summary = MARKUP.repeat(SUMMARY_BYTES / MARKUP.len());
    }
    tickets
}

fn respond(snapshot: &Snapshot, query: &Query, format: Format, chunk: &mut Vec<u8>) -> u64 {
    let mut chunks = snapshot.answer(query).into_chunks(format);
    let mut bytes = 0;
    while chunks.fill(chunk) {
        bytes += chunk.len() as u64;
    }
    bytes
}

fn response(criterion: &mut Criterion) {
    let texts = [
        ("plain", corpus::tickets()),
        ("escapes", escape_heavy(corpus::tickets())),
    ];
    for (text, tickets) in texts {
        let snapshot = corpus::load(&corpus::json_lines(&tickets)).snapshot();
        for (what, request) in [("everything", ""), ("page", "status=Open&count=50")] {
            let query: Query = request.parse().expect("the request is valid");
            let mut group = criterion.benchmark_group(format!("response/{what}"));
            for format in Format::ALL {
                let mut body = Vec::new();
                snapshot
                    .answer(&query)
                    .write_to(format, &mut body)
                    .expect("a vector takes all");
                let mut chunk = Vec::new();
                let bytes = respond(&snapshot, &query, format, &mut chunk);
                assert_eq!(bytes, body.len() as u64);
                assert_names_tickets(&body, &tickets[0], format, request.is_empty());
                group.throughput(Throughput::Bytes(bytes));
                group.bench_function(BenchmarkId::new(format.name(), text), |bencher| {
                    bencher.iter(|| respond(&snapshot, &query, format, &mut chunk));
                });
            }
            group.finish();
        }
    }
}

/// The bytes themselves are held to golden files and the reference by tests; here, that
/// what is timed is a response at all.
fn assert_names_tickets(body: &[u8], ticket: &Ticket, format: Format, is_everything: bool) {
    if is_everything {
        let body = str::from_utf8(body).expect("a response is UTF-8");
        let tid = ticket.tid;
        let first = match format {
            Format::Xml => format!("<tid>{tid}</tid>"),
            Format::Json => format!("\"tid\" : \"{tid}\""),
            Format::Csv => format!("\n{tid},"),
            _ => format!("tid={tid}&"),
        };
        assert!(body.contains(&first));
    }
}

criterion_group! {
    name = benches;
    config = corpus::criterion();
    targets = response
}
criterion_main!(benches);
