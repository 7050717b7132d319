//! A folder with an application and its data, and the command at work in it.

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, mpsc};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tempfile::TempDir;

/// No job of these tests takes a tenth of it, on a busy machine.
const DEADLINE: Duration = Duration::from_mins(3);

/// How often a command is looked at while it runs.
const BEAT: Duration = Duration::from_millis(5);

/// The lab's five order lines.
pub(crate) const SALES: &str = include_str!("../../data/sales.csv");

/// The root of the checkout.
pub(crate) fn root() -> &'static Path {
    // Where cargo runs the tests, not where it compiled them: checkouts may share artefacts.
    static MANIFEST: LazyLock<PathBuf> =
        LazyLock::new(|| std::env::var_os("CARGO_MANIFEST_DIR").unwrap().into());
    MANIFEST.parent().unwrap()
}

/// Whether a language whose toolchain cannot be had is a failure; otherwise it is told.
pub(crate) fn languages_required() -> bool {
    std::env::var("SLUICE_TEST_LANGUAGES").as_deref() == Ok("required")
}

/// A temporary folder that is deleted with the test.
pub(crate) struct Project {
    folder: TempDir,
    environment: Vec<(String, String)>,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None where a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Project {
    /// An empty project.
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            environment: Vec::new(),
        }
    }

    /// The lab: `app.toml` with the plugin `sales-etl` from `sales.csv` to the folder `out`.
    pub(crate) fn lab() -> Self {
        let project = Self::new();
        project.write("sales.csv", SALES);
        project.plugin("sales-etl");
        project.application("", "", "");
        project
    }

    /// Writes the lab's application file with more lines in its input, its step and its output.
    pub(crate) fn application(&self, input: &str, step: &str, output: &str) {
        let uri = if input.contains("uri") {
            ""
        } else {
            "uri = \"sales.csv\""
        };
        let plugin = if step.contains("plugin") {
            ""
        } else {
            "plugin = \"sales-etl.wasm\"\nparams = { min_amount = \"${min_amount}\" }"
        };
        let target = if output.contains("uri") {
            ""
        } else {
            "uri = \"out\""
        };
        self.write(
            "app.toml",
            format!(
                "name = \"lab\"\n\n[parameters.min_amount]\ntype = \"float\"\ndefault = 10.0\n\n\
                 [inputs.sales]\n{uri}\n{input}\n\n[[steps]]\nname = \"etl\"\n{plugin}\n{step}\n\n\
                 [output]\n{target}\n{output}\n"
            ),
        );
    }

    /// Copies a built plugin into the folder.
    pub(crate) fn plugin(&self, name: &str) {
        let built = root()
            .join("plugins")
            .join(name)
            .join(format!("{name}.wasm"));
        std::fs::copy(&built, self.path(&format!("{name}.wasm"))).unwrap_or_else(|cause| {
            panic!(
                "failed to copy `{}`: {cause}\nhint: `cargo xtask guests` builds it",
                built.display()
            )
        });
    }

    /// Sets a variable of the command's environment, which is otherwise empty.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// The absolute path of a file of the project.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs `sluice` in the project's folder, to its end.
    pub(crate) fn sluice(&self, arguments: &[&str]) -> Ended {
        finish(spawn(self.command(arguments)))
    }

    /// As [`sluice`](Self::sluice), with the most memory that the command had resident, in bytes.
    pub(crate) fn measured(&self, arguments: &[&str]) -> (Ended, u64) {
        let child = spawn(self.command(arguments));
        let status = PathBuf::from(format!("/proc/{}/status", child.id()));
        let mut peak = 0;
        // The kernel keeps the high-water mark for as long as the process runs: the last one seen counts.
        let ended = watch(child, || peak = peak.max(high_water(&status)));
        (ended, peak)
    }

    /// As [`sluice`](Self::sluice), with `act` done once, as soon as the file `name` has `text` in it.
    pub(crate) fn interfered(
        &self,
        arguments: &[&str],
        (name, text): (&str, &str),
        act: impl FnOnce(),
    ) -> Ended {
        let mut act = Some(act);
        watch(spawn(self.command(arguments)), || {
            let content = std::fs::read_to_string(self.path(name)).unwrap_or_default();
            if let Some(act) = act.take_if(|_| content.contains(text)) {
                act();
            }
        })
    }

    /// As [`sluice`](Self::sluice), with the number of its process told to whoever wants to kill it.
    pub(crate) fn exposed(&self, arguments: &[&str], process: &AtomicU32) -> Ended {
        let child = spawn(self.command(arguments));
        process.store(child.id(), Ordering::SeqCst);
        finish(child)
    }

    /// As [`sluice`](Self::sluice), with `signal` sent as soon as `is_time`.
    pub(crate) fn signalled(
        &self,
        arguments: &[&str],
        signal: &str,
        is_time: impl Fn() -> bool,
    ) -> Ended {
        let mut child = spawn(self.command(arguments));
        let deadline = Instant::now() + DEADLINE;
        while !is_time() && child.try_wait().unwrap().is_none() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        let sent = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status();
        // It may have come to its end just before.
        assert!(sent.unwrap().success() || child.try_wait().unwrap().is_some());
        finish(child)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            // Shared by all tests, which so also try it from several processes at once.
            .env(
                "SLUICE_CACHE",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"),
            )
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs the application with more arguments; panics with what it said unless it succeeds.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        let ended = self.try_run(arguments);
        assert_eq!(ended.code, Some(0), "the run failed:\n{}", ended.err);
        ended
    }

    /// Runs the application with more arguments.
    pub(crate) fn try_run(&self, arguments: &[&str]) -> Ended {
        self.sluice(&[&["run", "app.toml"], arguments].concat())
    }

    /// Runs the application, which has to fail; what it said, without what differs between machines.
    pub(crate) fn refusal(&self, arguments: &[&str]) -> String {
        let ended = self.try_run(arguments);
        assert_ne!(ended.code, Some(0), "the run succeeded:\n{}", ended.out);
        self.told(&ended)
    }

    /// Exit code and standard error, without what differs between machines.
    pub(crate) fn told(&self, ended: &Ended) -> String {
        assert!(
            ended.code.is_some(),
            "a signal ended the command:\n{}",
            ended.err
        );
        let canonical = self.folder.path().canonicalize().unwrap();
        let err = ended
            .err
            .replace(&*canonical.to_string_lossy(), "[PROJECT]")
            .replace(&*self.folder.path().to_string_lossy(), "[PROJECT]");
        format!("exit code {}\n{}", ended.code.unwrap(), mask_ids(&err))
    }

    /// The names of all files and folders of the project, in order, with `/` after folders.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        list(self.folder.path(), "", &mut names);
        names.sort();
        names
    }

    /// The rows of all Parquet files under `folder`, in order of file name, as a table.
    pub(crate) fn parquet(&self, folder: &str) -> String {
        pretty_format_batches(&self.batches(folder))
            .unwrap()
            .to_string()
    }

    /// The rows of all Parquet files under `folder`, in order of file name.
    pub(crate) fn batches(&self, folder: &str) -> Vec<RecordBatch> {
        let mut names = self.names();
        // Those of earlier versions are not what is current.
        names.retain(|name| name.starts_with(folder) && name.ends_with(".parquet"));
        names.retain(|name| folder.contains("_sluice") || !name.contains("/_sluice/"));
        assert!(
            !names.is_empty(),
            "no Parquet file under `{folder}`: {:?}",
            self.names()
        );
        names
            .iter()
            .flat_map(|name| {
                let file = std::fs::File::open(self.path(name)).unwrap();
                let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
                reader
                    .build()
                    .unwrap()
                    .map(Result::unwrap)
                    .collect::<Vec<_>>()
            })
            .collect()
    }
}

/// The built command, beside this test's own binary.
pub(crate) fn binary() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let built = own.ancestors().nth(2).unwrap().join("sluice");
    let path = std::env::var_os("SLUICE_BIN").map_or(built, PathBuf::from);
    assert!(
        path.is_file(),
        "`{}` is missing\nhint: `cargo xtask test` builds it, or `cargo build --release --workspace --bins`",
        path.display()
    );
    path
}

fn spawn(mut command: Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for a command to end, or ends it at the deadline.
fn finish(child: Child) -> Ended {
    watch(child, || ())
}

/// As [`finish`], and looks at the command at each beat.
fn watch(mut child: Child, mut look: impl FnMut()) -> Ended {
    let (sender, ended) = mpsc::channel();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let errors = std::thread::spawn(move || {
        let mut text = Vec::new();
        err.read_to_end(&mut text).map(|_| text)
    });
    std::thread::spawn(move || {
        let mut text = Vec::new();
        out.read_to_end(&mut text).unwrap();
        // The receiver is gone only after the deadline.
        let _ = sender.send((text, errors.join().unwrap().unwrap()));
    });
    let deadline = Instant::now() + DEADLINE;
    let (out, err) = loop {
        look();
        match ended.recv_timeout(BEAT) {
            Ok(said) => break said,
            Err(_) if Instant::now() < deadline => {}
            Err(_) => {
                child.kill().unwrap();
                panic!("still running after {DEADLINE:?}: {child:?}");
            }
        }
    };
    Ended {
        code: child.wait().unwrap().code(),
        out: String::from_utf8(out).unwrap(),
        err: String::from_utf8(err).unwrap(),
    }
}

/// The most memory that a process had resident so far; nothing of one that is over.
fn high_water(status: &Path) -> u64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or_default() * 1024
}

fn list(folder: &Path, prefix: &str, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type().unwrap().is_dir() {
            names.push(format!("{name}/"));
            list(&entry.path(), &format!("{name}/"), names);
        } else {
            names.push(name);
        }
    }
}

/// Replaces words of 32 and more hexadecimal digits, such as run ids and digests.
fn mask_ids(text: &str) -> String {
    let mut masked = String::new();
    let mut word = String::new();
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_hexdigit() || c == '-' {
            word.push(c);
            continue;
        }
        let digits = word.chars().filter(char::is_ascii_hexdigit).count();
        let _ = write!(masked, "{}{c}", if digits >= 32 { "[ID]" } else { &word });
        word.clear();
    }
    masked.trim_end().to_owned()
}
