//! The yardstick of a load: a program that parses JSON Lines into structs and indexes nothing.
//!
//! `benches/ingest.rs` and the comparison with other engines in `benches/peers` measure it beside a load.

#![allow(unreachable_pub, reason = "another package has it as a public module")]

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use serde::Deserialize;

/// A ticket as a program has it that keeps what it reads.
#[derive(Deserialize)]
#[expect(dead_code, reason = "only made")]
pub struct Plain {
    tid: u64,
    cid: String,
    company_id: u64,
    company_name: String,
    contact: String,
    phone: String,
    email: String,
    cc_addresses: String,
    date_opened: Option<String>,
    date_closed: Option<String>,
    source: String,
    category: String,
    sub_category: String,
    status: String,
    priority: String,
    escalation_level: String,
    due_date: Option<String>,
    opened_by: String,
    last_updated: Option<String>,
    updated_by: String,
    updater_type: String,
    assigned_tech: String,
    assigned_group_id: u64,
    assigned_group_name: String,
    customer_group_id: u64,
    customer_group_name: String,
    locked: String,
    locked_by: String,
    linked_asset: String,
    linked_calls: String,
    linked_devices: String,
    merged: String,
    merged_to: Option<u64>,
    parent_ticket: u64,
    children_tickets: String,
    custom_fields: BTreeMap<String, String>,
    subject: String,
    summary: String,
}

/// Parses lines, each into a struct.
pub fn parse(mut lines: impl BufRead) -> io::Result<Vec<Plain>> {
    let mut parsed = Vec::new();
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        parsed.push(serde_json::from_slice(&line)?);
        line.clear();
    }
    Ok(parsed)
}
