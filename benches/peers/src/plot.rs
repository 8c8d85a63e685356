//! The table as a picture: a line a request, a point an engine, on a logarithmic axis.

use plotters::prelude::*;

use crate::peer::Failure;
use crate::record::{Record, thousands};

/// Pixels of a line, of the names at its left, and of the whole picture.
const LINE: usize = 22;
const NAMES: u32 = 330;
const WIDTH: u32 = 960;

/// Pixels above and below the lines.
const MARGIN: usize = 60;

/// The microseconds at the two ends of the axis.
const SPAN: std::ops::Range<f64> = 0.2..20_000_000.0;

/// The engines that are run, with their colours: the first is the subject.
const ENGINES: [(&str, RGBColor); 4] = [
    ("ticketdex", RGBColor(200, 30, 40)),
    ("SQLite", RGBColor(30, 90, 170)),
    ("Tantivy", RGBColor(230, 150, 30)),
    ("linear scan", RGBColor(150, 150, 150)),
];

/// Draws the answers of the engine and of the peers that were run, as SVG.
pub fn draw(record: &Record) -> Result<String, Failure> {
    let rows = &record.rows;
    let tickets = thousands(record.tickets_count as f64);
    let title = format!("An answer over {tickets} tickets");
    let mut svg = String::new();
    let height = u32::try_from(rows.len() * LINE + 2 * MARGIN)?;
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        area.fill(&WHITE)?;
        let lines = -1.0..rows.len() as f64;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 18))
            .margin_right(20)
            .x_label_area_size(40)
            .y_label_area_size(NAMES)
            .build_cartesian_2d(SPAN.log_scale(), lines.start..lines.end)?;
        let name = |line: &f64| {
            let from_top = rows.len() as f64 - 1.0 - line;
            let is_line = line.fract() == 0.0 && from_top >= 0.0;
            let row = is_line.then(|| rows.get(from_top as usize)).flatten();
            row.map_or(String::new(), |row| row.row.name.to_owned())
        };
        chart
            .configure_mesh()
            .y_labels(rows.len() + 2)
            .y_label_formatter(&name)
            .x_label_formatter(&|us| duration(*us))
            .disable_y_mesh()
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", 13))
            .draw()?;
        // The subject is drawn last, over the others.
        for (at, (name, colour)) in ENGINES.iter().enumerate().rev() {
            let points = rows.iter().enumerate().filter_map(|(line, row)| {
                let us = match at {
                    0 => Some(row.engine.again),
                    _ => row.peers[at - 1],
                }?;
                let line = (rows.len() - 1 - line) as f64;
                Some(Circle::new((us, line), 5, colour.filled()))
            });
            let colour = *colour;
            chart
                .draw_series(points)?
                .label(*name)
                .legend(move |(x, y)| Circle::new((x + 8, y), 5, colour.filled()));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .label_font(("sans-serif", 13))
            .background_style(WHITE.mix(0.9))
            .border_style(BLACK.mix(0.3))
            .draw()?;
        area.present()?;
    }
    Ok(svg)
}

fn duration(us: f64) -> String {
    match us {
        us if us < 1.0 => format!("{us:.1} µs"),
        us if us < 1e3 => format!("{us:.0} µs"),
        us if us < 1e6 => format!("{:.0} ms", us / 1e3),
        us => format!("{:.0} s", us / 1e6),
    }
}
