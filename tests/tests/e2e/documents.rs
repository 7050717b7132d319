//! The examples of documents, run: what they show is what the command says.

use crate::project::{Ended, Project, root};

const GUIDE: &str = "host/cli/TROUBLESHOOTING.md";

/// What the guide calls the folder of its lab.
const FOLDER: &str = "/lab";

#[test]
fn every_example_of_the_guide_ends_as_it_says() {
    let path = root().join(GUIDE);
    let written = std::fs::read_to_string(&path).unwrap();
    let run = run(&written);
    if std::env::var("INSTA_UPDATE").as_deref() == Ok("always") {
        std::fs::write(&path, &run).unwrap();
    }
    assert_eq!(
        run, written,
        "{GUIDE} shows something else than what the command says\nhint: INSTA_UPDATE=always writes it anew"
    );
}

/// The text with what its commands say now. Each section has a lab of its own; a block with a name is a file of it.
fn run(text: &str) -> String {
    let mut project = Project::lab();
    let mut told = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        told.push_str(line);
        told.push('\n');
        if line.starts_with("## ") {
            project = Project::lab();
        }
        let Some(language) = line.strip_prefix("```") else {
            continue;
        };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match language.split_once(' ') {
            Some((_, name)) => {
                let content = block.join("\n") + "\n";
                let folder = project.path("").canonicalize().unwrap();
                let folder = folder.to_string_lossy();
                let content = content.replace(&format!("{FOLDER}/"), &format!("{folder}/"));
                project.write(name, content);
                told.push_str(&(block.join("\n") + "\n"));
            }
            None if language == "console" => {
                let commands = block.iter().filter(|line| line.starts_with("$ "));
                for command in commands {
                    told.push_str(command);
                    told.push('\n');
                    told.push_str(&said(&project, command));
                }
            }
            None => told.push_str(&(block.join("\n") + "\n")),
        }
        told.push_str("```\n");
    }
    told
}

/// What a command says, without what differs between machines, and its exit code where it fails.
fn said(project: &Project, command: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().skip(2).collect();
    let ended = project.sluice(&words);
    let all = Ended {
        code: ended.code,
        err: format!("{}{}", ended.out, ended.err),
        out: String::new(),
    };
    let told = project.told(&all).replace("[PROJECT]", FOLDER);
    let milliseconds = regex::Regex::new(r"\(\d+\.\d ms\)").unwrap();
    let told = milliseconds.replace_all(&told, "(… ms)");
    let (code, text) = told.split_once('\n').unwrap();
    let text = text.trim_end();
    match code {
        "exit code 0" => format!("{text}\n"),
        code => format!("{text}\n[{code}]\n"),
    }
}
