//! Transforms that write more beside the output than they may, or do not end what they begin: nothing of it stays.

use crate::project::{Project, root};
use crate::servers::{SECRET, Server};

/// More than one part of an upload, and no multiple of one.
const BYTES: u64 = (17 << 20) + 1;

/// What the run writes beside its objects.
const OUTPUT: &str = "x\n1\n2\n3\n";

/// A project whose step may create objects in `folder`.
fn hoarding(folder: &str, params: &str) -> Project {
    let project = Project::new();
    project.write("rows.csv", OUTPUT);
    let built = root().join("tests/guests/hoard/hoard.wasm");
    project.write("hoard.wasm", std::fs::read(built).unwrap());
    let text = format!(
        "name = \"lab\"\n[inputs.rows]\nuri = \"rows.csv\"\n[[steps]]\nname = \"hoard\"\nplugin = \"hoard.wasm\"\n\
         params = {{ folder = \"side\", {params} }}\n[steps.objects.side]\nuri = \"{folder}\"\nactions = [\"create\"]\n\
         [output]\nuri = \"out\"\nformat = \"csv\"\n"
    );
    project.write("app.toml", text);
    project
}

/// Everything under the folder of objects, hidden files as well.
fn beside(project: &Project) -> Vec<String> {
    let mut names = project.names();
    names.retain(|name| name.starts_with("side/") && name != "side/");
    names
}

#[test]
fn an_upload_of_any_length_is_cut_at_the_bytes_that_the_run_may_write() {
    let once = format!("objects = 1, bytes = {BYTES}, then = \"finish\"");
    let all = BYTES + OUTPUT.len() as u64;
    let run = |project: &Project, limit: u64| {
        project.try_run(&["--limit-output-bytes", &limit.to_string()])
    };
    let project = hoarding("side/", &once);
    let ended = run(&project, all);
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(
        std::fs::metadata(project.path("side/0")).unwrap().len(),
        BYTES
    );
    // The object alone would fit, and so would the output.
    let project = hoarding("side/", &once);
    let ended = run(&project, all - 1);
    assert_eq!(ended.code, Some(7), "{}", ended.err);
    assert!(beside(&project).is_empty() && !project.path("out").exists());
    let project = hoarding("side/", &once);
    let ended = run(&project, BYTES - 1);
    insta::assert_snapshot!("an_upload_that_is_too_long", project.told(&ended));
    assert!(beside(&project).is_empty() && !project.path("out").exists());
    // Who goes on all the same has no object.
    let project = hoarding("side/", &format!("{once}, forgives = true"));
    let ended = project.try_run(&["--limit-output-bytes", &(BYTES - 1).to_string()]);
    assert!(!project.path("side/0").exists(), "{}", ended.err);
    assert!(beside(&project).is_empty(), "{:?}", beside(&project));
}

#[test]
fn the_number_of_objects_is_bounded_however_they_end() {
    let run = |objects: u64, then: &str| {
        let params = format!("objects = {objects}, bytes = 1, then = \"{then}\"");
        let project = hoarding("side/", &params);
        let ended = project.try_run(&["--limit-objects", "3"]);
        (beside(&project).len(), project.told(&ended))
    };
    for (then, left) in [("finish", 3), ("drop", 0), ("keep", 0)] {
        let (found, told) = run(3, then);
        assert_eq!((found, told.trim()), (left, "exit code 0"), "{then}");
        let (found, told) = run(4, then);
        assert_eq!(found, 0, "{then}");
        assert!(
            told.contains("limit `objects` of 3 reached"),
            "{then}: {told}"
        );
        if then == "finish" {
            insta::assert_snapshot!("one_object_too_many", told);
        }
    }
}

#[test]
fn uploads_that_are_never_completed_leave_nothing() {
    let server = Server::of_s3();
    server.make("lake");
    for (then, code) in [
        ("keep", 0),
        ("drop", 0),
        ("trap", 6),
        ("finish-and-trap", 6),
    ] {
        let params = format!("objects = 2, bytes = {BYTES}, then = \"{then}\"");
        let project = hoarding("side/", &params);
        let ended = project.try_run(&[]);
        assert_eq!(ended.code, Some(code), "{then}: {}", ended.err);
        assert!(
            beside(&project).is_empty(),
            "{then}: {:?}",
            beside(&project)
        );

        let mut project = hoarding("s3://lake/side/", &params);
        server.serves_s3(&mut project, SECRET);
        let ended = project.try_run(&[]);
        assert_eq!(ended.code, Some(code), "{then}: {}", ended.err);
        assert_eq!(server.uploads(), 0, "{then}");
        assert!(server.objects("lake").is_empty(), "{then}");
    }
}
