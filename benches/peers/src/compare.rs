//! Rows of the table, asked of the engine and its peers: answers compared first, then times.

use ticketdex::Snapshot;

use crate::data::Data;
use crate::engine::{self, Figures};
use crate::measure;
use crate::peer::{Failure, Peer};
use crate::record::{Measured, PEERS};
use crate::table::Row;

/// Asks every row once, in stores where nothing of what it needs has been kept yet.
pub fn ask_first(data: &Data, rows: &[Row]) -> Result<(Snapshot, Vec<f64>), Failure> {
    let mut firsts = vec![0.0; rows.len()];
    let rounds = rows.iter().map(|row| row.round + 1).max().unwrap_or(1);
    let mut snapshot = data.store()?.snapshot();
    for round in 0..rounds {
        if round > 0 {
            snapshot = data.store()?.snapshot();
        }
        for (row, first) in rows.iter().zip(&mut firsts) {
            if row.round == round {
                *first = engine::first(&snapshot, row)?;
            }
        }
    }
    Ok((snapshot, firsts))
}

pub fn measure_row(
    row: Row,
    first: f64,
    snapshot: &Snapshot,
    peers: &[&dyn Peer],
) -> Result<Measured, Failure> {
    let answer = snapshot.answer(&row.query);
    let total = answer.total();
    let tids: Vec<u64> = answer.records().map(|record| record.tid()).collect();
    for peer in peers {
        let name = peer.name();
        if peer.total(&row.query)?.is_some_and(|other| other != total) {
            return Err(
                format!("{name} has another total than {total} for {}", row.request).into(),
            );
        }
        if !row.query.is_count_only() && peer.tids(&row.query)?.is_some_and(|other| other != tids) {
            return Err(format!("{name} has other tids than {tids:?} for {}", row.request).into());
        }
    }
    let engine: Figures = engine::again(snapshot, &row, first)?;
    let mut figures = [None; PEERS.len()];
    for (peer, figure) in peers.iter().zip(&mut figures) {
        if let Some(mut run) = peer.prepare(&row.query)? {
            *figure = Some(measure::median(&mut run)?);
        }
    }
    Ok(Measured {
        plan: snapshot.explain(&row.query).to_string(),
        row,
        total,
        engine,
        peers: figures,
    })
}
