//! Objects that transforms write beside the output, of runs that are killed.

use crate::commits::run_killed;
use crate::project::{Project, root};
use crate::servers::{SECRET, Server};

/// More requests than any of these runs sends.
const REQUESTS_MAX: u64 = 150;

const OUT: &str = "s3://lake/out/";

/// A run that creates two objects in a bucket of their own, and appends to its output.
fn project(server: &Server) -> Project {
    let mut project = Project::new();
    server.serves_s3(&mut project, SECRET);
    project.write("rows.csv", "x\n1\n2\n3\n");
    let built = root().join("tests/guests/hoard/hoard.wasm");
    project.write("hoard.wasm", std::fs::read(built).unwrap());
    application(
        &project,
        "[steps.objects.side]\nuri = \"s3://beside/side/\"\nactions = [\"create\"]\n",
    );
    project
}

fn application(project: &Project, objects: &str) {
    project.write(
        "app.toml",
        format!(
            "name = \"lab\"\n[inputs.rows]\nuri = \"rows.csv\"\n[[steps]]\nname = \"hoard\"\nplugin = \"hoard.wasm\"\n\
             params = {{ folder = \"side\", objects = 2, bytes = 1, then = \"finish\" }}\n{objects}\
             [output]\nuri = \"{OUT}\"\nformat = \"csv\"\nmode = \"append\"\n"
        ),
    );
}

fn server() -> Server {
    let server = Server::of_s3();
    server.make("lake");
    server.make("beside");
    server
}

fn beside(server: &Server) -> Vec<String> {
    let objects = server.objects("beside").into_iter();
    objects.map(|(name, _)| name).collect()
}

fn committed(server: &Server) -> bool {
    let objects = server.objects("lake");
    objects
        .iter()
        .any(|(name, _)| name.starts_with("out/part-"))
}

#[test]
fn objects_beside_a_run_that_is_killed_are_part_of_it_or_not_there() {
    for at in 0..REQUESTS_MAX {
        let server = server();
        let project = project(&server);
        let ended = run_killed(&server, &project, &["--run-id", "killed"], at);
        let what = format!("killed at request {at}");
        let repaired = project.sluice(&[
            "dataset",
            "repair",
            OUT,
            "--all",
            "--beside",
            "s3://beside/side/",
        ]);
        assert_eq!(repaired.code, Some(0), "{what}: {}", repaired.err);
        let all = ["side/0", "side/1"];
        assert_eq!(
            beside(&server),
            if committed(&server) { &all[..] } else { &[] },
            "{what}"
        );
        // Done again in the same name, it is done once.
        if ended.code.is_none() {
            project.run(&["--run-id", "killed"]);
        }
        assert!(committed(&server), "{what}");
        assert_eq!(beside(&server), all, "{what}");
        if ended.code == Some(0) {
            assert!(at >= 20, "{at} requests");
            return;
        }
        assert_eq!(ended.code, None, "{what}: {}", ended.err);
    }
    panic!("more than {REQUESTS_MAX} requests");
}

/// What is left to be done beside a dataset is done by who names the folder, or declares it.
#[test]
fn what_is_beside_is_completed_by_who_named_it() {
    // What was asked for when a process died is done or not; so not each that died after its commit left something.
    let left = (0..REQUESTS_MAX).find_map(|at| {
        let server = server();
        let project = project(&server);
        run_killed(&server, &project, &["--run-id", "killed"], at);
        let repaired = project.sluice(&["dataset", "repair", OUT]);
        (repaired.code == Some(8)).then_some((server, project, repaired))
    });
    let (server, project, repaired) = left.unwrap();
    insta::assert_snapshot!("what_is_beside_is_not_named", project.told(&repaired));
    assert!(!committed(&server));
    // The same application does it before it does anything else.
    project.run(&["--run-id", "killed"]);
    assert_eq!(beside(&server), ["side/0", "side/1"]);
}
