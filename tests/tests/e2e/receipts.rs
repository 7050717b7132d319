//! What a run leaves word of, and what can be done by it: replays, answers to whence a file comes, and lineage.

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::{Value, json};

use crate::project::{Ended, Project, SALES};
use crate::servers::{SECRET, Server};

const RECEIPT: &str = "out/_sluice/receipts/r-1.json";

/// The lab, which ran once.
fn ran(output: &str) -> Project {
    let project = Project::lab();
    project.application("", "", output);
    project.run(&["--run-id", "r-1", "-p", "min_amount=20"]);
    project
}

fn receipt(project: &Project) -> Value {
    let text = std::fs::read_to_string(project.path(RECEIPT)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn replay(project: &Project) -> Ended {
    project.sluice(&["run", "--replay", RECEIPT])
}

/// What a command printed, without times, digests, sizes and places that differ between machines.
fn printed(project: &Project, ended: &Ended) -> String {
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let text = ended
        .out
        .replace(&*project.path("").to_string_lossy(), "[PROJECT]/");
    let text = text.replace(
        concat!("sluice ", env!("CARGO_PKG_VERSION")),
        "sluice [VERSION]",
    );
    let words = text.split_inclusive(char::is_whitespace).map(|word| {
        let bare = word.trim_end();
        let rest = &word[bare.len()..];
        let bare = bare.trim_end_matches(',');
        let comma = if word.trim_end().ends_with(',') {
            ","
        } else {
            ""
        };
        let is_hash = bare.len() == 64 && bare.bytes().all(|c| c.is_ascii_hexdigit());
        let is_time = bare.len() > 20 && bare.ends_with('Z') && bare.starts_with("20");
        let is_figure = bare.contains('.') && bare.parse::<f64>().is_ok();
        let word = match (is_hash, is_time, is_figure) {
            (true, ..) => "[HASH]",
            (_, true, _) => "[TIME]",
            (.., true) => "[N]",
            _ => bare,
        };
        format!("{word}{comma}{rest}")
    });
    words.collect()
}

#[test]
fn a_receipt_tells_what_was_read_by_what_and_what_it_became() {
    let project = ran("partition_by = [\"region\"]");
    let told = receipt(&project);
    assert_eq!(told["run"], "r-1");
    assert_eq!(told["application"], "lab");
    assert_eq!(told["parameters"]["min_amount"], "20");
    assert_eq!(told["origin"]["parameters"], json!({ "min_amount": "20" }));
    assert_eq!(told["undetermined"], json!([]));
    let input = &told["inputs"][0];
    assert_eq!(input["files"][0]["path"], "sales.csv");
    assert_eq!(input["files"][0]["bytes"], SALES.len());
    assert!(input["files"][0]["etag"].is_string(), "{input}");
    let plugin = project.sluice(&["--json", "plugin", "inspect", "sales-etl.wasm"]);
    let plugin: Value = serde_json::from_str(&plugin.out).unwrap();
    assert_eq!(told["steps"][0]["sha256"], plugin["digest"], "{plugin}");
    assert_eq!(told["steps"][0]["rows_in"], 5);
    let output = &told["output"];
    let files = output["files"].as_array().unwrap();
    let rows: u64 = files
        .iter()
        .map(|file| file["rows"].as_u64().unwrap())
        .sum();
    assert_eq!(output["rows"], rows);
    for file in files {
        let path = project.path("out").join(file["path"].as_str().unwrap());
        let hash = blake3::hash(&std::fs::read(path).unwrap());
        assert_eq!(file["blake3"], hash.to_hex().as_str());
    }
    let read = json!({
        "action": "object:get",
        "resource": format!("file://{}", project.path("sales.csv").display()),
        "allowed": true,
    });
    let accessed = told["accessed"].as_array().unwrap();
    let is_read = |access: &&Value| {
        ["action", "resource", "allowed"]
            .iter()
            .all(|key| access[key] == read[key])
    };
    assert_eq!(accessed.iter().filter(is_read).count(), 1, "{accessed:#?}");
    // The log counts it among the files that appear with the rows.
    let rest = project.sluice(&["--json", "head", "out"]);
    assert_eq!(rest.out.lines().count() as u64, rows);
}

#[test]
fn a_replay_makes_the_same_files_byte_by_byte_and_writes_nothing() {
    for output in [
        "",
        "partition_by = [\"region\"]\nmode = \"append\"",
        "format = \"csv\"\ncompression = \"gzip\"",
        "format = \"ndjson\"",
        "format = \"arrow\"\ncompression = \"lz4\"\nmode = \"overwrite\"",
    ] {
        let project = ran(output);
        let before = project.names();
        let ended = replay(&project);
        assert_eq!(ended.code, Some(0), "{output}: {}", ended.err);
        assert!(ended.out.contains("byte by byte"), "{}", ended.out);
        assert!(!ended.out.contains("note"), "{}", ended.out);
        assert_eq!(project.names(), before);
    }
    let project = ran("");
    // Whatever came to be there since does not matter.
    project.write("others.csv", "x\n1\n");
    let ended = project.sluice(&["--json", "run", "--replay", RECEIPT]);
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(told["files"], 1);
    assert_eq!(told["notes"], json!([]));
    insta::assert_snapshot!(printed(&project, &replay(&project)));
}

#[test]
fn a_replay_of_a_large_run_is_the_same_on_any_number_of_cores() {
    let project = Project::lab();
    let (header, rows) = SALES.split_once('\n').unwrap();
    project.write("sales.csv", format!("{header}\n{}", rows.repeat(60_000)));
    project.application("", "", "partition_by = [\"region\"]");
    for threads in ["1", "2", "5"] {
        let _ = std::fs::remove_dir_all(project.path("out"));
        project.run(&["--run-id", "r-1", "--threads", threads]);
        let ended = replay(&project);
        assert_eq!(ended.code, Some(0), "{threads} threads: {}", ended.err);
    }
}

#[test]
fn files_that_came_since_are_not_read_and_those_that_changed_are_told() {
    let project = Project::lab();
    project.write("in/a.csv", SALES);
    project.application("uri = \"in/\"\nformat = \"csv\"", "", "");
    project.run(&["--run-id", "r-1"]);
    project.write("in/b.csv", SALES);
    let ended = replay(&project);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(!ended.out.contains("note"), "{}", ended.out);
    // The same size, another content.
    project.write("in/a.csv", SALES.replace("1001", "1901"));
    let another = project.told(&replay(&project));
    assert!(another.starts_with("exit code 10"), "{another}");
    insta::assert_snapshot!(without_sizes(&another));
    project.write("in/a.csv", &SALES[..SALES.len() / 2]);
    insta::assert_snapshot!(project.told(&replay(&project)));
    std::fs::remove_file(project.path("in/a.csv")).unwrap();
    insta::assert_snapshot!(project.told(&replay(&project)));
}

fn without_sizes(text: &str) -> String {
    let words = text.split_inclusive(char::is_whitespace).map(|word| {
        let is_size = word.trim_end().parse::<u64>().is_ok_and(|size| size > 100);
        if is_size {
            word.replace(word.trim_end(), "[N]")
        } else {
            word.to_owned()
        }
    });
    words.collect()
}

#[test]
fn another_plugin_is_refused() {
    let project = ran("");
    let plugin = std::fs::read(project.path("sales-etl.wasm")).unwrap();
    // A custom section changes the digest alone.
    project.write("sales-etl.wasm", [&plugin[..], &[0, 2, 1, b'x']].concat());
    let told = project.told(&replay(&project));
    assert!(told.starts_with("exit code 3"), "{told}");
    assert!(
        told.contains("the plugin") && told.contains("is another"),
        "{told}"
    );
}

#[test]
fn a_replay_that_would_act_twice_is_refused() {
    let project = ran("");
    let mut told = receipt(&project);
    let text = told["origin"]["text"].as_str().unwrap().to_owned();
    let posts = "[[steps.http]]\nurl = \"https://example.com/*\"\nmethods = [\"POST\"]\n\n[output]";
    told["origin"]["text"] = text.replace("[output]", posts).into();
    project.write(RECEIPT, told.to_string());
    insta::assert_snapshot!(project.told(&replay(&project)));
}

#[test]
fn what_is_no_receipt_is_told() {
    let project = ran("");
    let whole = std::fs::read_to_string(project.path(RECEIPT)).unwrap();
    for (text, told) in [
        ("", "is no receipt of a run"),
        ("{}", "missing field `format`"),
        (
            "{\"format\": 2}",
            "has the format 2, and this program knows 1",
        ),
        (&whole[..whole.len() / 2], "is no receipt of a run"),
        (&whole.replace("[inputs.sales]", "[inputs"), "3 problems"),
        (
            &whole.replace("\"started\": \"20", "\"started\": \"yesterday"),
            "is no time",
        ),
    ] {
        project.write(RECEIPT, text);
        let refused = project.told(&replay(&project));
        assert!(refused.starts_with("exit code 3"), "{refused}");
        assert!(refused.contains(told) || told == "3 problems", "{refused}");
    }
}

#[test]
fn whoever_has_a_file_learns_whence_it_comes() {
    let project = ran("partition_by = [\"region\"]");
    let names = project.names();
    let file = names
        .iter()
        .find(|name| name.ends_with("r-1.parquet"))
        .unwrap();
    let ended = project.sluice(&["whence", file, "--verify"]);
    insta::assert_snapshot!(printed(&project, &ended));

    // The footer says it wherever the file goes.
    let footer = SerializedFileReader::new(std::fs::File::open(project.path(file)).unwrap());
    let footer = footer.unwrap();
    let said = footer
        .metadata()
        .file_metadata()
        .key_value_metadata()
        .unwrap();
    let said = said
        .iter()
        .find(|said| said.key == "sluicegate.provenance")
        .unwrap();
    let said: Value = serde_json::from_str(said.value.as_ref().unwrap()).unwrap();
    assert_eq!(said["run"], "r-1");
    std::fs::copy(project.path(file), project.path("moved.parquet")).unwrap();
    let ended = project.sluice(&["--json", "whence", "moved.parquet"]);
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(told["provenance"], said);
    assert_eq!(told["receipt"], Value::Null);

    // What was changed since is found out.
    let mut bytes = std::fs::read(project.path(file)).unwrap();
    bytes[10] ^= 1;
    project.write(file, bytes);
    let ended = project.sluice(&["whence", file, "--verify"]);
    assert!(ended.out.contains("CHANGED"), "{}", ended.out);

    insta::assert_snapshot!(project.told(&project.sluice(&["whence", "sales.csv"])));
    insta::assert_snapshot!(project.told(&project.sluice(&["whence", "out"])));
}

#[test]
fn text_has_no_footer_and_its_receipt_says_whence_it_comes() {
    let project = ran("format = \"csv\"\npartition_by = [\"region\"]");
    let names = project.names();
    let file = names.iter().find(|name| name.ends_with("r-1.csv")).unwrap();
    let ended = project.sluice(&["--json", "whence", file, "--verify"]);
    let told: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(told["provenance"], Value::Null);
    assert_eq!(told["receipt"]["run"], "r-1");
    assert_eq!(told["unchanged"], true);
    assert!(file.ends_with(told["written"]["path"].as_str().unwrap()));
}

#[test]
fn a_catalog_is_told_of_a_run_in_its_own_terms() {
    let project = ran("mode = \"overwrite\"");
    let ended = project.sluice(&["lineage", RECEIPT, "--namespace", "lake"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    let mut event: Value = serde_json::from_str(&ended.out).unwrap();
    // `r-1` is no UUID, which the specification wants.
    assert_eq!(event["run"]["runId"].as_str().unwrap().len(), 36);
    event["run"]["facets"]["processing_engine"]["version"] = "[VERSION]".into();
    event["eventTime"] = "[TIME]".into();
    event["run"]["facets"]["sluice"]["plugins"][0]["sha256"] = "[HASH]".into();
    event["outputs"][0]["outputFacets"]["outputStatistics"]["size"] = "[N]".into();
    let text = serde_json::to_string_pretty(&event).unwrap();
    let text = text.replace(&*project.path("").to_string_lossy(), "[PROJECT]/");
    let version = format!("/v{}", env!("CARGO_PKG_VERSION"));
    insta::assert_snapshot!(text.replace(&version, "/v[VERSION]"));
}

#[test]
fn a_secret_that_is_given_as_a_parameter_is_not_told() {
    const CANARY: &str = "correct-horse-battery";
    let mut project = Project::lab();
    project.set("TOKEN", CANARY);
    let file = std::fs::read_to_string(project.path("app.toml")).unwrap();
    let file = file.replace(
        "[inputs.sales]",
        "[parameters.note]\ntype = \"string\"\n\n[secrets.token]\nenv = \"TOKEN\"\n\n[inputs.sales]",
    );
    let file = file.replace("[output]", "secrets = [\"token\"]\n\n[output]");
    project.write("app.toml", file);
    project.run(&["--run-id", "r-1", "-p", &format!("note={CANARY}")]);
    for name in project.names() {
        let path = project.path(&name);
        if path.is_file() {
            let bytes = std::fs::read(path).unwrap();
            let told = bytes
                .windows(CANARY.len())
                .any(|part| part == CANARY.as_bytes());
            assert!(!told, "`{name}` tells the secret");
        }
    }
}

#[test]
fn a_run_from_bucket_to_bucket_is_replayed_from_its_receipt_there() {
    let server = Server::of_s3();
    server.put("landing", "sales/sales.csv", SALES);
    server.make("lake");
    let mut project = Project::lab();
    server.serves_s3(&mut project, SECRET);
    project.application(
        "uri = \"s3://landing/sales/\"\nformat = \"csv\"",
        "",
        "uri = \"s3://lake/out/\"",
    );
    project.run(&["--run-id", "r-1"]);
    let before = server.objects("lake");
    let receipt = "s3://lake/out/_sluice/receipts/r-1.json";
    let ended = project.sluice(&["run", "--replay", receipt]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(server.objects("lake"), before);
    assert_eq!(server.uploads(), 0);
    // A bucket's etag tells that an object was written anew, whatever its size.
    server.put("landing", "sales/sales.csv", SALES.replace("1001", "1901"));
    let ended = project.sluice(&["run", "--replay", receipt]);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert!(ended.err.contains("was written since"), "{}", ended.err);
    let file = before
        .iter()
        .find(|(name, _)| name.ends_with(".parquet"))
        .unwrap();
    let ended = project.sluice(&["whence", &format!("s3://lake/{}", file.0), "--verify"]);
    assert!(
        ended.out.contains("its bytes are those"),
        "{}{}",
        ended.out,
        ended.err
    );
}

#[test]
fn a_receipt_tells_the_least_that_policies_have_to_allow() {
    let project = ran("");
    let suggested = project.sluice(&["policy", "suggest", "--from-run", RECEIPT]);
    assert_eq!(suggested.code, Some(0), "{}", suggested.err);
    project.write("policy.toml", &suggested.out);
    std::fs::remove_dir_all(project.path("out")).unwrap();
    project.run(&["--run-id", "r-1", "--policy", "policy.toml"]);
    // The policies that decided are told by a hash, which comments do not change.
    let digest = receipt(&project)["policies"].clone();
    assert_eq!(digest.as_array().unwrap().len(), 1);
    project.write("policy.toml", format!("# the same\n{}", suggested.out));
    let ended = project.sluice(&["run", "--replay", RECEIPT, "--policy", "policy.toml"]);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(!ended.out.contains("other policies"), "{}", ended.out);
    let ended = replay(&project);
    assert!(ended.out.contains("other policies decide"), "{}", ended.out);
}

#[test]
fn an_incremental_run_is_replayed_with_what_it_processed() {
    let project = Project::lab();
    project.write("in/a.csv", SALES);
    project.application(
        "uri = \"in/\"\nformat = \"csv\"",
        "",
        "mode = \"incremental\"",
    );
    project.run(&["--run-id", "r-0"]);
    project.write("in/b.csv", SALES);
    project.run(&["--run-id", "r-1"]);
    let told = receipt(&project);
    let files = told["inputs"][0]["files"].as_array().unwrap();
    assert_eq!(files.len(), 1, "{files:?}");
    assert_eq!(files[0]["path"], "b.csv");
    for run in ["r-0", "r-1"] {
        let receipt = format!("out/_sluice/receipts/{run}.json");
        let ended = project.sluice(&["run", "--replay", &receipt]);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(ended.out.contains("1 files"), "{}", ended.out);
    }
}
