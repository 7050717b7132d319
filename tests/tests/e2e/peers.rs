//! What we write, read by engines that others wrote.
//!
//! `cargo xtask test` makes a Python environment with them and names it in `SLUICE_TEST_PYTHON`.

use std::process::Command;

use crate::project::Project;

/// A Python with pyarrow, duckdb and componentize-py; none skips the test, loudly, except where it must not be skipped.
pub(crate) fn python() -> Option<String> {
    let python = std::env::var("SLUICE_TEST_PYTHON").ok();
    if python.is_none() {
        let hint = "`cargo xtask test` makes the environment, from PyPI";
        assert!(
            std::env::var("SLUICE_TEST_PEERS").as_deref() != Ok("required"),
            "SLUICE_TEST_PYTHON names no Python with pyarrow, duckdb and componentize-py\nhint: {hint}"
        );
        eprintln!(
            "SKIPPED: no Python with pyarrow, duckdb and componentize-py in SLUICE_TEST_PYTHON; {hint}"
        );
    }
    python
}

fn evaluate(python: &str, project: &Project, script: &str) -> String {
    let done = Command::new(python)
        .args(["-c", script])
        .current_dir(project.path(""))
        .output()
        .unwrap_or_else(|cause| panic!("failed to start `{python}`: {cause}"));
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

const ROWS: &str = "[(1001, 'C001', 120.5, 'APAC', 'high'), (1002, 'C002', 19.99, 'EMEA', 'low'), \
                    (1003, 'C001', 220.0, 'APAC', 'high'), (1005, 'C004', 89.0, 'EMEA', 'medium')]";

#[test]
fn duckdb_reads_the_parquet_that_the_lab_writes() {
    let Some(python) = python() else { return };
    let project = Project::lab();
    project.run(&[]);
    let rows = evaluate(
        &python,
        &project,
        "import duckdb; print(duckdb.sql(\"from 'out/*.parquet' order by order_id\").fetchall())",
    );
    assert_eq!(rows, ROWS);
}

#[test]
fn pyarrow_reads_every_format_that_the_lab_writes() {
    let Some(python) = python() else { return };
    for format in ["parquet", "arrow", "csv"] {
        let project = Project::lab();
        project.application("", "", &format!("format = \"{format}\""));
        project.run(&[]);
        let script = format!(
            "import pyarrow.dataset as d\n\
             t = d.dataset('out', format='{format}').to_table()\n\
             print([tuple(r.values()) for r in t.to_pylist()])"
        );
        assert_eq!(evaluate(&python, &project, &script), ROWS, "{format}");
    }
}

#[test]
fn duckdb_reads_hive_partitions_and_ndjson() {
    let Some(python) = python() else { return };
    let project = Project::lab();
    project.application("", "", "format = \"ndjson\"\npartition_by = [\"region\"]");
    project.run(&[]);
    let rows = evaluate(
        &python,
        &project,
        "import duckdb; print(duckdb.sql(\"select region, count(*), sum(amount) from \
         read_json('out/*/*.ndjson', hive_partitioning=true) group by 1 order by 1\").fetchall())",
    );
    assert_eq!(rows, "[('APAC', 2, 340.5), ('EMEA', 2, 108.99)]");
}
