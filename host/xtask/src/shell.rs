//! Runs other programs, says which and how long they took, and what to do when one is missing.

use std::fmt;
use std::io::ErrorKind;
use std::process::{Command, Stdio};
use std::time::Instant;

/// The result of a task.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a task failed, and what to do about it.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// A failure that says `message`.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    /// Says what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Adds what was being done to an error of the operating system.
pub(crate) trait Doing<T> {
    /// Fails with `doing` before the cause.
    fn doing(self, doing: impl fmt::Display) -> Outcome<T>;
}

impl<T> Doing<T> for std::io::Result<T> {
    fn doing(self, doing: impl fmt::Display) -> Outcome<T> {
        self.map_err(|cause| Failure::new(format!("failed to {doing}: {cause}")))
    }
}

/// Prints the command, runs it with the terminal as its own, prints how long it took.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let line = line(command);
    println!("\n$ {line}");
    let started = Instant::now();
    let status = command.status().map_err(|cause| missing(command, &cause))?;
    if status.success() {
        println!("  took {:.1} s", started.elapsed().as_secs_f64());
        return Ok(());
    }
    Err(Failure::new(format!("`{line}` failed with {status}")))
}

/// Whether the command runs and succeeds; what it prints is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn line(command: &Command) -> String {
    let mut words: Vec<String> = command
        .get_envs()
        .filter_map(|(name, value)| {
            Some(format!(
                "{}={}",
                name.to_string_lossy(),
                value?.to_string_lossy()
            ))
        })
        .collect();
    words.push(command.get_program().to_string_lossy().into_owned());
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

fn missing(command: &Command, cause: &std::io::Error) -> Failure {
    let program = command.get_program().to_string_lossy();
    let failure = Failure::new(format!("failed to start `{program}`: {cause}"));
    if cause.kind() != ErrorKind::NotFound {
        return failure;
    }
    failure.hint(match program.as_ref() {
        "python3" => {
            "install Python 3.9 or later, on Debian: apt-get install python3 python3-venv".into()
        }
        "rustup" | "cargo" => "install Rust from https://rustup.rs".to_owned(),
        other => format!("install `{other}` or put it on the PATH"),
    })
}
