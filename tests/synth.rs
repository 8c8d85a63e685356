//! The generator's requests suit a store of its tickets.

use ticketdex::synth::{Requests, Tickets};
use ticketdex::{Batch, Options, Query, Store};

#[test]
fn most_requests_have_an_answer() -> Result<(), ticketdex::Error> {
    const TICKETS: u64 = 2_000;
    const REQUESTS: usize = 2_000;
    for seed in [1, 2] {
        let mut batch = Batch::new();
        for (_, ticket) in (0..TICKETS).zip(Tickets::new(seed)) {
            batch.put(ticket);
        }
        let mut store = Store::new(Options::default());
        store.commit(batch)?;
        let snapshot = store.snapshot();
        let mut answered = 0;
        for request in Requests::new(seed, TICKETS).take(REQUESTS) {
            let query: Query = request.parse()?;
            answered += usize::from(snapshot.answer(&query).total() > 0);
        }
        println!("seed {seed}: {answered} of {REQUESTS} requests have an answer");
        assert!(answered * 5 > REQUESTS * 4, "seed {seed}: only {answered}");
    }
    Ok(())
}
