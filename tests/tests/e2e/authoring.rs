//! What authors do with a project of a plugin. Here its component is built already, so that no compiler is
//! needed; `templates` builds those of every language.

use std::collections::BTreeMap;
use std::io::Read as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::project::{Ended, Project, SALES, root};

const MANIFEST: &str =
    "name = \"buckets\"\nversion = \"1.2.3\"\nlanguage = \"c\"\nlicense = \"MIT OR Apache-2.0\"\n";

const ROWS: &str = "\
{\"order_id\":1,\"region\":\"north\",\"amount\":15.5,\"amount_bucket\":\"low\"}
";

/// A project with the component of the lab's transform, and a fixture that has not said what it expects.
fn buckets() -> Project {
    let project = Project::new();
    project.write("plugin.toml", MANIFEST);
    project.write("fixtures/lab/input.csv", SALES);
    project.write("fixtures/lab/params.json", "{\"min_amount\": 10}");
    component(&project, "plugins/sales-etl/sales-etl.wasm");
    project
}

/// A project with the conformance guest, which rejects the rows that it is not told to keep.
fn rejecting() -> Project {
    let project = Project::new();
    project.write("plugin.toml", MANIFEST);
    project.write(
        "fixtures/some/input.csv",
        "id,keep\n7,true\n8,false\n9,true\n",
    );
    project.write("fixtures/some/params.json", "{\"mode\": \"reject\"}");
    component(&project, "tests/guests/conformance/conformance.wasm");
    project
}

fn component(project: &Project, built: &str) {
    let bytes = std::fs::read(root().join(built)).unwrap();
    project.write("buckets.wasm", bytes);
}

fn json(ended: &Ended) -> Value {
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    serde_json::from_str(&ended.out).unwrap()
}

fn read(project: &Project, name: &str) -> String {
    std::fs::read_to_string(project.path(name)).unwrap()
}

/// What a test of the plugin prints, without times.
fn tested(project: &Project, arguments: &[&str]) -> String {
    let ended = project.sluice(&[&["plugin", "test"], arguments].concat());
    let out = regex::Regex::new(r"\(\d+ ms\)")
        .unwrap()
        .replace_all(&ended.out, "([TIME])")
        .into_owned();
    format!("{out}{}", project.told(&ended))
}

#[test]
fn a_fixture_expects_what_it_was_updated_to() {
    let project = buckets();
    insta::assert_snapshot!(tested(&project, &[]));
    assert!(tested(&project, &["--update"]).starts_with("updated lab"));
    let expected = read(&project, "fixtures/lab/expected.ndjson");
    assert_eq!(expected.lines().count(), 4);
    // The columns keep their order.
    assert!(expected.starts_with("{\"order_id\":"), "{expected}");
    assert!(tested(&project, &[]).starts_with("passed  lab"));
}

#[test]
fn a_fixture_that_fails_shows_the_values_that_differ() {
    let project = buckets();
    tested(&project, &["--update"]);
    let expected = read(&project, "fixtures/lab/expected.ndjson");
    project.write(
        "fixtures/lab/expected.ndjson",
        expected.replacen("low", "tiny", 1),
    );
    insta::assert_snapshot!(tested(&project, &[]));
}

#[test]
fn a_fixture_that_fails_shows_the_rows_that_are_too_many() {
    let project = buckets();
    project.write("fixtures/lab/expected.ndjson", ROWS);
    insta::assert_snapshot!(tested(&project, &[]));
}

#[test]
fn a_fixture_may_expect_an_error() {
    let project = buckets();
    project.write("fixtures/lab/params.json", "{\"min_amount\": \"ten\"}");
    project.write(
        "fixtures/lab/expected-error.txt",
        "parameter `min_amount`\n",
    );
    assert!(tested(&project, &[]).starts_with("passed  lab"));
    project.write(
        "fixtures/lab/expected-error.txt",
        "parameter `max_amount`\n",
    );
    insta::assert_snapshot!(tested(&project, &[]));
    tested(&project, &["--update"]);
    let updated = read(&project, "fixtures/lab/expected-error.txt");
    assert!(updated.contains("parameter `min_amount`"), "{updated}");
}

#[test]
fn a_fixture_expects_its_rejected_rows() {
    let project = rejecting();
    project.write(
        "fixtures/some/expected.ndjson",
        "{\"id\":7,\"keep\":true}\n{\"id\":9,\"keep\":true}\n",
    );
    insta::assert_snapshot!(tested(&project, &[]));
    project.write(
        "fixtures/some/expected-rejects.ndjson",
        "{\"row\": 1, \"reason\": \"row 1\"}\n",
    );
    assert!(tested(&project, &[]).starts_with("passed  some"));
}

#[test]
fn rejected_rows_are_told_by_a_run() {
    let project = rejecting();
    project.write(
        "app.toml",
        "name = \"some\"\n[inputs.rows]\nuri = \"fixtures/some/input.csv\"\n[[steps]]\nname = \"etl\"\n\
         plugin = \"buckets.wasm\"\nparams = { mode = \"reject\" }\n[output]\nuri = \"out\"\nmode = \"overwrite\"\n",
    );
    let ended = project.run(&[]);
    assert!(
        ended.out.contains("row 1 of partition 0 rejected: row 1"),
        "{}",
        ended.out
    );
    let summary = json(&project.run(&["--json"]));
    let expected = serde_json::json!([{ "partition": 0, "row": 1, "reason": "row 1" }]);
    assert_eq!(summary["steps"][0]["rejected"], expected);
}

#[test]
fn the_types_of_a_fixture_can_be_told() {
    let project = rejecting();
    let schema = |ty: &str| {
        format!(
            "[[columns]]\nname = \"id\"\ntype = \"{ty}\"\n[[columns]]\nname = \"keep\"\ntype = \"bool\"\n"
        )
    };
    project.write("fixtures/some/schema.toml", schema("utf8"));
    tested(&project, &["--update"]);
    let expected = read(&project, "fixtures/some/expected.ndjson");
    assert!(expected.starts_with("{\"id\":\"7\","), "{expected}");
}

#[test]
fn a_fixture_has_only_files_that_mean_something() {
    let project = buckets();
    project.write("fixtures/lab/expcted.ndjson", ROWS);
    insta::assert_snapshot!("a_misspelt_file", tested(&project, &[]));

    let project = buckets();
    project.write("fixtures/lab/expected.ndjson", ROWS);
    project.write("fixtures/lab/expected-error.txt", "an error");
    insta::assert_snapshot!("rows_and_an_error", tested(&project, &[]));

    let project = buckets();
    project.write("fixtures/lab/input.ndjson", "{}");
    insta::assert_snapshot!("two_inputs", tested(&project, &[]));

    let project = buckets();
    project.write("fixtures/lab/params.json", "[1]");
    insta::assert_snapshot!("parameters_that_are_no_object", tested(&project, &[]));

    let project = buckets();
    project.write("fixtures/lab/expected.ndjson", "{}\n{\"a\": }\n");
    insta::assert_snapshot!("rows_that_are_no_JSON", tested(&project, &[]));

    insta::assert_snapshot!("an_unknown_fixture", tested(&buckets(), &["--case", "lap"]));
}

#[test]
fn what_is_no_project_is_told_how_to_become_one() {
    let project = Project::new();
    project.write("notes.txt", "");
    insta::assert_snapshot!("no_project", tested(&project, &[]));
    project.write(
        "plugin.toml",
        "name = \"Buckets\"\nversion = \"1\"\nlanguage = \"rust\"\n",
    );
    insta::assert_snapshot!("a_wrong_manifest", tested(&project, &[]));
    insta::assert_snapshot!("a_folder_that_is_not_there", tested(&project, &["nowhere"]));
}

#[test]
fn a_project_is_not_made_over_another() {
    let project = Project::new();
    project.write("taken/notes.txt", "mine");
    let ended = project.sluice(&["plugin", "new", "--lang", "c", "taken"]);
    insta::assert_snapshot!("a_name_that_is_taken", project.told(&ended));
    let ended = project.sluice(&["plugin", "new", "--lang", "c", "../Evil"]);
    insta::assert_snapshot!("a_name_that_is_no_name", project.told(&ended));
    assert_eq!(project.names(), ["taken/", "taken/notes.txt"]);
}

#[test]
fn a_bench_compares_with_the_previous_build_and_with_nothing() {
    let project = buckets();
    let arguments = [
        "plugin",
        "bench",
        "--seconds",
        "0.05",
        "--rows",
        "1000",
        "--json",
    ];
    let figures = json(&project.sluice(&arguments));
    assert_eq!(names(&figures), ["now", "no-op"]);
    // One column of floats is read, and the bitmap of its nulls.
    let read = figures["contenders"][0]["bytes_per_batch"]
        .as_u64()
        .unwrap();
    assert!((8_000..8_200).contains(&read), "{read}");
    assert_eq!(figures["contenders"][1]["bytes_per_batch"], read);
    for contender in figures["contenders"].as_array().unwrap() {
        for figure in [
            "us_per_batch",
            "rows_per_second",
            "memory_bytes",
            "instance_us",
            "load_ms",
        ] {
            assert!(contender[figure].as_f64().unwrap() > 0.0, "{contender}");
        }
    }
    let previous = std::fs::read(project.path("buckets.wasm")).unwrap();
    project.write(".sluice/previous.wasm", previous);
    let figures = json(&project.sluice(&arguments));
    assert_eq!(names(&figures), ["now", "previous", "no-op"]);
}

#[test]
fn a_bench_takes_rows_of_any_type_from_elsewhere() {
    let project = rejecting();
    project.write("fixtures/some/params.json", "{\"mode\": \"echo\"}");
    project.write(
        "fixtures/rows.ndjson",
        "{\"a\": [1, 2], \"b\": {\"c\": \"x\", \"d\": null}}\n{\"a\": [], \"b\": {\"c\": null, \"d\": 1}}\n",
    );
    let figures = json(&project.sluice(&[
        "plugin",
        "bench",
        "--seconds",
        "0.05",
        "--rows",
        "7",
        "--input",
        "fixtures/rows.ndjson",
        "--json",
    ]));
    assert_eq!(names(&figures), ["now", "no-op"]);
}

fn names(figures: &Value) -> Vec<&str> {
    let contenders = figures["contenders"].as_array().unwrap();
    contenders
        .iter()
        .map(|contender| contender["name"].as_str().unwrap())
        .collect()
}

#[test]
fn a_package_is_what_registries_take() {
    let project = buckets();
    project.write(
        ".sluice/materials.json",
        "[{\"name\":\"libx\",\"version\":\"1.0\",\"purl\":\"pkg:generic/libx@1.0\",\"licence\":\"MIT\",\"role\":\"library\"},\
         {\"name\":\"zig\",\"version\":\"0.17.1\",\"purl\":\"pkg:pypi/ziglang@0.17.1\",\"licence\":null,\"role\":\"compiler\"}]",
    );
    let packed = json(&project.sluice(&["plugin", "package", "--json"]));
    assert_eq!(packed["license"], "MIT OR Apache-2.0");
    let files = unpacked(&std::fs::read(project.path("buckets-1.2.3.tar")).unwrap());
    for (name, bytes) in &files {
        if let Some(digest) = name.strip_prefix("blobs/sha256/") {
            assert_eq!(digest, hex::encode(Sha256::digest(bytes)));
        }
    }
    let value = |name: &str| serde_json::from_slice::<Value>(&files[name]).unwrap();
    let blob = |descriptor: &Value| {
        let name = descriptor["digest"].as_str().unwrap().replace(':', "/");
        let bytes = &files[&format!("blobs/{name}")];
        assert_eq!(descriptor["size"], bytes.len());
        bytes
    };
    let index = value("index.json");
    assert_eq!(index["manifests"][0]["digest"], packed["digest"]);
    let manifest: Value = serde_json::from_slice(blob(&index["manifests"][0])).unwrap();
    assert_eq!(
        manifest["annotations"]["org.opencontainers.image.version"],
        "1.2.3"
    );
    assert_eq!(
        manifest["annotations"]["dev.sluicegate.contract"],
        "sluicegate:transform@0.1.0"
    );
    let component = std::fs::read(project.path("buckets.wasm")).unwrap();
    assert_eq!(*blob(&manifest["layers"][0]), component);
    let config: Value = serde_json::from_slice(blob(&manifest["config"])).unwrap();
    assert_eq!(config["layerDigests"][0], manifest["layers"][0]["digest"]);

    let referrer: Value = serde_json::from_slice(blob(&index["manifests"][1])).unwrap();
    assert_eq!(referrer["subject"]["digest"], packed["digest"]);
    let bill: Value = serde_json::from_slice(blob(&referrer["layers"][0])).unwrap();
    assert_eq!(bill["components"][0]["purl"], "pkg:generic/libx@1.0");
    assert_eq!(bill["metadata"]["tools"]["components"][0]["name"], "zig");
    assert_eq!(bill["metadata"]["component"]["name"], "buckets");

    // The same again, byte for byte.
    json(&project.sluice(&["plugin", "package", "--output", "again.tar", "--json"]));
    let again = std::fs::read(project.path("again.tar")).unwrap();
    assert_eq!(
        again,
        std::fs::read(project.path("buckets-1.2.3.tar")).unwrap()
    );
}

#[test]
fn nobody_may_use_what_has_no_licence() {
    let project = buckets();
    project.write("plugin.toml", MANIFEST.replace("license", "description"));
    component(&project, "plugins/sales-etl/sales-etl.wasm");
    let ended = project.sluice(&["plugin", "package"]);
    insta::assert_snapshot!(project.told(&ended));
}

fn unpacked(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(bytes);
    let entries = archive.entries().unwrap().map(Result::unwrap);
    entries
        .map(|mut entry| {
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            (name, bytes)
        })
        .collect()
}
