//! How do I put the engine into a service?
//!
//! The service owns the one `Store` and writes; each of its threads holds a `Reader`. A
//! request comes in as text and leaves as the bytes of a response, of an error too:
//!
//! ```text
//! cargo run --example embed
//! ```

use std::io::Write;
use std::thread;

use ticketdex::{Action, Batch, Format, Options, Reader, Request, Store, Ticket};

/// Answers one request as a web handler would: a body for whatever the client sent.
fn handle(reader: &Reader, request: &str, body: &mut impl Write) -> Result<u64, ticketdex::Error> {
    let request: Request = match request.parse() {
        Ok(request) => request,
        Err(error) => {
            let response = error.to_response(Format::Xml);
            body.write_all(&response)?;
            return Ok(response.len() as u64);
        }
    };
    // A snapshot is one atomic load; whatever is committed from here on does not show in it.
    let snapshot = reader.snapshot();
    let format = request.format.unwrap_or_default();
    match &request.action {
        Action::GetTickets(query) => snapshot.answer(query).write_to(format, body),
        Action::CountTickets(query) => snapshot.count_by(query).write_to(format, body),
    }
}

fn main() -> Result<(), ticketdex::Error> {
    let mut store = Store::new(Options::default());
    let mut batch = Batch::new();
    for (tid, subject) in [
        (1, "Printer on fire"),
        (2, "No network"),
        (3, "Printer is slow"),
    ] {
        let (status, subject) = ("Open".to_owned(), subject.to_owned());
        batch.put(Ticket {
            tid,
            status,
            subject,
            ..Ticket::default()
        });
    }
    store.commit(batch)?;

    let reader = store.reader();
    let requests = [
        "status=open&keyword=printer&order=tid+DESC&format=delimited",
        "keyword=printer&count_only=Y&format=json",
        "statuss=open",
    ];
    let workers = requests.map(|request| {
        let reader = reader.clone();
        thread::spawn(move || {
            let mut body = Vec::new();
            handle(&reader, request, &mut body).map(|_| body)
        })
    });
    for (worker, request) in workers.into_iter().zip(requests) {
        let body = worker.join().expect("a worker does not panic")?;
        let body = String::from_utf8_lossy(&body);
        println!("{request}\n{body}");
        let expected = match request {
            "statuss=open" => "<code>unknown_variable</code>",
            _ if request.contains("count_only") => "\"count\" : \"2\"",
            _ => "tid=3&cid=&",
        };
        assert!(body.contains(expected));
    }
    Ok(())
}
