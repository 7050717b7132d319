//! Manifests that somebody else wrote.

use proptest::prelude::*;

use super::manifest::{Manifest, run_of};

const GOOD: &str = r#"{
    "format": 1, "attempt": "a", "keep": 1,
    "files": [{"path": "day=1/part-0.parquet", "bytes": 3, "rows": 1}],
    "appear": [{"path": "day=1/part-0.parquet", "from": {"upload": {"id": "x", "parts": ["p"]}}}],
    "retire": ["part-9.parquet"],
    "history": [{"version": 7, "run": "r", "committed": "2026-01-31T00:00:00Z", "operation": "append", "files": 1, "rows": 1, "bytes": 3}]
}"#;

fn read(text: &str) -> Result<Manifest, String> {
    Manifest::read(text.as_bytes(), 7).map_err(|error| error.to_string())
}

#[test]
fn a_manifest_is_read_as_it_was_written() {
    let manifest = read(GOOD).unwrap();
    assert_eq!((manifest.version(), manifest.run()), (7, "r"));
    let again = Manifest::read(&manifest.write().unwrap(), 7).unwrap();
    assert_eq!(again, manifest);
}

/// What it names is moved and removed by whoever has the right to: nothing of it may be outside, or of the log.
#[test]
fn names_that_no_file_of_a_dataset_has_are_refused() {
    for (name, place) in [
        ("../theirs.csv", "day=1/part-0.parquet"),
        ("/etc/passwd", "part-9.parquet"),
        ("", "part-9.parquet"),
        ("a//b", "part-9.parquet"),
        ("a/../../b", "part-9.parquet"),
        ("_SUCCESS", "part-9.parquet"),
        ("_sluice", "part-9.parquet"),
        ("_sluice/log/00000000000000000001.json", "part-9.parquet"),
        ("_sluice/kept/part-0.csv", "day=1/part-0.parquet"),
        ("_sluice/staging/x", "day=1/part-0.parquet"),
    ] {
        let told = read(&GOOD.replace(place, name)).unwrap_err();
        assert!(told.contains("is no name of a file"), "{name}: {told}");
    }
    read(&GOOD.replace("part-9.parquet", "_sluice/quarantine/part-0.parquet")).unwrap();
}

/// Whether it may be written or deleted is decided when it is; but it is below its folder.
#[test]
fn an_object_beside_a_dataset_is_below_its_folder() {
    let beside = |path: &str| {
        let beside = format!(
            "\"beside\": [{{\"folder\": \"s3://b/side/\", \"path\": \"{path}\"}}], \"history\""
        );
        read(&GOOD.replace("\"history\"", &beside))
    };
    beside("a/b.csv").unwrap();
    for path in ["", "/", "../x", "a/../../x", "/etc/passwd", "a//b", "a/"] {
        let told = beside(path).unwrap_err();
        assert!(told.contains("is no name of an object"), "{path}: {told}");
    }
}

#[test]
fn what_is_no_manifest_is_told() {
    for (text, why) in [
        (String::new(), "it is no manifest: EOF"),
        ("[]".to_owned(), "it is no manifest"),
        (
            GOOD.replace("\"format\": 1", "\"format\": 2"),
            "its format is 2",
        ),
        (
            GOOD.replace("\"version\": 7", "\"version\": 8"),
            "it says version 8",
        ),
        (
            GOOD.replace("\"bytes\": 3", "\"bytes\": -3"),
            "it is no manifest",
        ),
        (
            format!("{}{}", "[".repeat(100_000), GOOD),
            "it is no manifest",
        ),
    ] {
        let told = read(&text).unwrap_err();
        assert!(told.contains(why), "{told}");
    }
}

proptest! {
    #[test]
    fn no_bytes_are_taken_for_a_manifest_or_end_the_process(
        at in 0..GOOD.len(),
        byte in any::<u8>(),
    ) {
        let mut bytes = GOOD.as_bytes().to_vec();
        bytes[at] = byte;
        if let Ok(manifest) = Manifest::read(&bytes, 7) {
            prop_assert_eq!(manifest.version(), 7);
        }
    }
}

#[test]
fn the_run_stands_in_the_name_of_its_files() {
    assert_eq!(run_of("part-00000-000-r-1.csv.gz"), Some("r-1"));
    assert_eq!(run_of("part-00012-003-a.b.parquet"), Some("a.b"));
    for name in [
        "part-0-0-.csv",
        "part-x-0-r.csv",
        "sales.csv",
        "part-0-0-r.txt",
    ] {
        assert_eq!(run_of(name), None, "{name}");
    }
}
