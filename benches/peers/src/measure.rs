//! Medians of repeated runs.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::peer::Failure;

/// How long one figure is measured, unless the fewest samples take longer.
const BUDGET: Duration = Duration::from_millis(400);

/// Runs shorter than this are timed several at a time.
const SAMPLE: Duration = Duration::from_micros(20);

const SAMPLES_MIN: usize = 3;
const SAMPLES_MAX: usize = 501;

/// Returns how long one run took, in microseconds, and what it returned.
pub fn once<T>(run: impl FnOnce() -> Result<T, Failure>) -> Result<(f64, T), Failure> {
    let start = Instant::now();
    let value = black_box(run()?);
    Ok((micros(start.elapsed()), value))
}

/// Returns the median of many runs, in microseconds. The first run is not counted.
pub fn median<T>(mut run: impl FnMut() -> Result<T, Failure>) -> Result<f64, Failure> {
    let (warm, _) = once(&mut run)?;
    let batch = (micros(SAMPLE) / warm.max(0.01)).ceil().max(1.0);
    let mut samples = Vec::new();
    let start = Instant::now();
    while samples.len() < SAMPLES_MIN || (start.elapsed() < BUDGET && samples.len() < SAMPLES_MAX) {
        let sample = Instant::now();
        for _ in 0..batch as u64 {
            black_box(run()?);
        }
        samples.push(micros(sample.elapsed()) / batch);
    }
    samples.sort_by(f64::total_cmp);
    Ok(samples[samples.len() / 2])
}

/// Returns the geometric mean; none of nothing.
pub fn geometric_mean(figures: &[f64]) -> Option<f64> {
    let logs: f64 = figures.iter().map(|figure| figure.ln()).sum();
    (!figures.is_empty()).then(|| (logs / figures.len() as f64).exp())
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}
