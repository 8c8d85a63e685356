//! The world `enterprise`: many technicians, groups, categories, statuses and custom fields.
//!
//! Sizes and shares are those that [`World::Enterprise`](super::World::Enterprise) states.

use super::desk;
use super::random::Random;
use super::vocabulary as words;
use crate::model::Ticket;

const TECHNICIANS: u64 = 2_000;

const GROUPS: u64 = 400;

const CATEGORIES: u64 = 60;

const SUB_CATEGORIES_OF_EACH: u64 = 10;

/// The custom fields that one ticket has.
const CUSTOM_FIELDS_OF_EACH: usize = 6;

/// The last part of a category; the first is one of twelve subjects.
const SERVICES: [&str; 5] = [
    "Services",
    "Operations",
    "Projects",
    "Requests",
    "Platforms",
];

/// Statuses by share of 10,000 tickets.
const STATUSES: [(&str, u64); 25] = [
    ("Closed", 5_200),
    ("Closed by Customer", 900),
    ("Closed without Answer", 600),
    ("Resolved", 700),
    ("Cancelled", 300),
    ("Rejected", 150),
    ("New", 120),
    ("Registered", 110),
    ("Classified", 100),
    ("Assigned", 260),
    ("Accepted", 140),
    ("In Progress", 420),
    ("In Analysis", 160),
    ("Waiting for Customer", 240),
    ("Waiting for Vendor", 130),
    ("Waiting for Parts", 60),
    ("Waiting for Approval", 90),
    ("Approved", 50),
    ("In Test", 70),
    ("Ready for Release", 40),
    ("Released", 60),
    ("Monitored", 30),
    ("Suspended", 40),
    ("Reopened", 20),
    ("Escalated to Board", 10),
];

/// The custom fields of the store, the frequent ones first.
const CUSTOM_FIELDS: [&str; 40] = [
    "Cost_Centre",
    "Region",
    "Service",
    "Affected_Users",
    "Impact",
    "Room",
    "Serial_Number",
    "Contract",
    "Purchase_Order",
    "Vendor",
    "Vendor_Reference",
    "Approver",
    "Approved_On",
    "Change_Number",
    "Problem_Number",
    "Release",
    "Environment",
    "Server",
    "Database",
    "Application_Version",
    "Browser",
    "Operating_System",
    "Root_Cause",
    "Resolution_Code",
    "Resolution_Note",
    "Minutes_Spent",
    "Billable",
    "Invoice",
    "Satisfaction",
    "Survey_Note",
    "Department",
    "Employee_Number",
    "Manager",
    "Desk_Phone",
    "Legal_Hold",
    "Data_Class",
    "Outage",
    "Outage_Start",
    "Outage_End",
    "Remark",
];

/// Returns the ticket of a place in the sequence.
pub(super) fn ticket(seed: u64, place: u64) -> Ticket {
    let mut random = Random::new(seed ^ 0xE57E_0001, place);
    let mut ticket = desk::ticket(seed, place);
    let is_done = ticket.date_closed.is_some();
    ticket.status = random.weigh(&STATUSES).into();
    // The dates follow from the desk's status, and what is closed there is closed here.
    while is_done != is_final(&ticket.status) {
        ticket.status = random.weigh(&STATUSES).into();
    }
    categorize(&mut ticket, &mut random);
    assign(&mut ticket, &mut random);
    customize(&mut ticket, &mut random);
    ticket
}

fn is_final(status: &str) -> bool {
    status.starts_with("Closed") || matches!(status, "Resolved" | "Cancelled" | "Rejected")
}

fn categorize(ticket: &mut Ticket, random: &mut Random) {
    let category = random.below_skewed(CATEGORIES);
    let sub_category = random.below_skewed(SUB_CATEGORIES_OF_EACH);
    let (base, sub_bases) = words::CATEGORIES[(category % 12) as usize];
    let service = SERVICES[(category / 12) as usize];
    let scope = ["Standard", "Special"][(sub_category / 5) as usize];
    ticket.category = format!("{base} {service}");
    ticket.sub_category = format!("{} {scope}", sub_bases[(sub_category % 5) as usize]);
}

fn assign(ticket: &mut Ticket, random: &mut Random) {
    let technician = |number: u64| format!("e{:05}", 10_000 + number * 7);
    if ticket.opened_by != "WEBSITE" {
        ticket.opened_by = technician(random.below(TECHNICIANS));
    }
    if !ticket.assigned_tech.is_empty() {
        ticket.assigned_tech = technician(random.below_skewed(TECHNICIANS));
        let group = random.below_skewed(GROUPS);
        ticket.assigned_group_id = 1_000 + group;
        ticket.assigned_group_name = format!(
            "{} {} {}",
            words::LOCATIONS[(group % 20) as usize],
            words::GROUPS[(group / 20 % 12) as usize],
            group / 20 + 1
        );
    }
    if ticket.updater_type == "TECH" {
        ticket.updated_by.clone_from(&ticket.assigned_tech);
    }
    if ticket.locked == "Y" {
        ticket.locked_by.clone_from(&ticket.assigned_tech);
    }
}

fn customize(ticket: &mut Ticket, random: &mut Random) {
    ticket.custom_fields.clear();
    while ticket.custom_fields.len() < CUSTOM_FIELDS_OF_EACH {
        let field = random.below_skewed(CUSTOM_FIELDS.len() as u64) as usize;
        let name = CUSTOM_FIELDS[field];
        if ticket.custom(name).is_empty() {
            let text = value(field, random);
            ticket.custom_fields.push((name.into(), text));
        }
    }
}

/// A value of the kind that the custom field has, never empty.
fn value(field: usize, random: &mut Random) -> String {
    match field % 5 {
        0 => format!("{}-{:04}", 10 + field, random.below_skewed(3_000)),
        1 => random.pick_skewed(&words::LOCATIONS).to_owned(),
        2 => random.pick(&["Yes", "No", "Unknown"]).to_owned(),
        3 => format!(
            "20{:02}-{:02}-{:02}",
            14 + random.below(10),
            1 + random.below(12),
            1 + random.below(28)
        ),
        _ => {
            let mut text = String::new();
            desk::write_sentence(random, &mut text);
            text
        }
    }
}
