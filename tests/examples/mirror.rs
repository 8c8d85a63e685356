//! How do I mirror an installation that I have?
//!
//! The engine reads what `get_tickets` answers, in any of the three formats: fetch page after
//! page and feed them in, then serve from memory. A record that is bad is skipped here, and
//! said; the mirror then answers with the bytes that the installation would have sent.
//!
//! ```text
//! cargo run --example mirror
//! ```

use ticketdex::{Format, Import, ImportFormat, Options, Query, Store};

/// What the installation answers to `tid=*&count=2&page=N`; a real one is asked over HTTP.
fn fetch(page: usize) -> Option<&'static str> {
    const PAGES: [&str; 2] = [
        "<?xml version=\"1.0\"?>\n<tickets>\n\
         <ticket><tid>34</tid><cid>demo</cid><status>Open</status>\
         <date_opened>4/24/2014 10:42:43 AM</date_opened>\
         <custom_fields><Serial>X%2F1</Serial></custom_fields>\
         <subject>Printer+on+fire</subject></ticket>\n\
         <ticket><tid>35</tid><date_opened>yesterday</date_opened></ticket>\n\
         </tickets>\n",
        "<?xml version=\"1.0\"?>\n<tickets>\n\
         <ticket><tid>36</tid><cid>demo</cid><status>Closed</status></ticket>\n\
         </tickets>\n",
    ];
    PAGES.get(page - 1).copied()
}

fn main() -> Result<(), ticketdex::Error> {
    let mut store = Store::new(Options::default());
    for page in 1.. {
        let Some(response) = fetch(page) else {
            break;
        };
        let import = Import::new(ImportFormat::Xml, response.as_bytes())
            .skip_bad(true)
            .on_skip(move |error| println!("page {page}: skipped {error}"));
        let loaded = store.load(import)?;
        println!("page {page}: {} tickets", loaded.imported.tickets);
    }
    assert_eq!(store.snapshot().tickets_count(), 2);
    assert_eq!(store.snapshot().custom_names(), ["Serial"]);

    let query: Query = "cid=DEMO&order=date_opened+DESC&count=1".parse()?;
    let answer = store.snapshot().answer(&query);
    let mut body = Vec::new();
    answer.write_to(Format::Json, &mut body)?;
    let body = String::from_utf8_lossy(&body);
    println!("{body}");
    assert!(body.contains("\t\t\t\"date_opened\" : \"4/24/2014 10:42:43 AM\",\n"));
    assert!(body.contains("\t\t\t\t\"Serial\" : \"X%2F1\"\n"));
    Ok(())
}
