//! Things in the file system that are no files, and links out of it.

use std::process::Command;

use crate::project::Project;

#[test]
fn what_may_never_end_is_not_opened() {
    let project = Project::lab();
    let made = Command::new("mkfifo").arg(project.path("pipe")).status();
    assert!(made.unwrap().success());
    for name in ["/dev/zero", "pipe", "."] {
        for arguments in [
            ["run", name].as_slice(),
            &["plugin", "inspect", name],
            &["plugin", "wrap", name, "-o", "out.wasm"],
        ] {
            let ended = project.sluice(arguments);
            assert_eq!(ended.code, Some(3), "{arguments:?}: {}", ended.err);
            assert!(
                ended.err.contains("is no regular file"),
                "{arguments:?}: {}",
                ended.err
            );
        }
    }
    for name in ["/dev/zero", "pipe"] {
        let ended = project.sluice(&["head", name]);
        assert_eq!(ended.code, Some(3), "{name}: {}", ended.err);
        assert!(
            ended.err.contains("is no regular file"),
            "{name}: {}",
            ended.err
        );

        let plugin = format!("plugin = \"{name}\"");
        project.application("", &plugin, "");
        let ended = project.try_run(&[]);
        assert_eq!(ended.code, Some(3), "{name}: {}", ended.err);
        assert!(
            ended.err.contains("is no regular file"),
            "{name}: {}",
            ended.err
        );
    }
}

#[test]
fn an_application_file_that_nobody_wrote_is_not_read_whole() {
    let project = Project::new();
    let file = std::fs::File::create(project.path("app.toml")).unwrap();
    file.set_len(1 << 40).unwrap();
    let ended = project.try_run(&[]);
    assert_eq!(ended.code, Some(3), "{}", ended.err);
    assert!(ended.err.contains("has more than"), "{}", ended.err);
}

#[test]
fn a_link_out_of_an_input_is_named() {
    let project = Project::lab();
    project.write("in/a.csv", "order_id,amount\n1,50.0\n");
    let link = project.path("in/b.csv");
    std::os::unix::fs::symlink(project.path("sales.csv"), link).unwrap();
    let ended = project.sluice(&["head", "in"]);
    assert_eq!(ended.code, Some(9), "{}", ended.err);
    assert!(
        ended
            .err
            .contains("`b.csv` is a symbolic link that leads out of its folder"),
        "{}",
        ended.err
    );
}
