//! Secrets that a program prints.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::error::{Error, Result};

/// How long a program may take: one that asks a server over the network takes a second or two.
const TIME_MAX: Duration = Duration::from_secs(30);

/// What the program prints on standard output. No shell reads the words; what it says on standard error goes nowhere,
/// since it may say what must not be shown.
pub(super) async fn output(
    words: &[String],
    environment: &BTreeMap<String, String>,
    bytes_max: usize,
) -> Result<Vec<u8>> {
    let (program, arguments) = words
        .split_first()
        .ok_or_else(|| Error::internal("a command has no words"))?;
    let failed = |why: String| {
        Error::storage(format!("the program `{program}` {why}"))
            .hint("run it by hand, as the same user and with the same environment")
    };
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|cause| failed(format!("cannot be run: {cause}")))?;
    let pipe = child.stdout.take();
    let work = async {
        let mut printed = Vec::new();
        if let Some(pipe) = pipe {
            let most = bytes_max as u64 + 1;
            let read = pipe.take(most).read_to_end(&mut printed).await;
            read.map_err(|cause| failed(format!("cannot be read: {cause}")))?;
        }
        if printed.len() > bytes_max {
            return Err(failed(format!("prints more than {bytes_max} bytes")));
        }
        let status = child.wait().await;
        let status = status.map_err(|cause| failed(format!("cannot be waited for: {cause}")))?;
        if status.success() {
            Ok(printed)
        } else {
            Err(failed(format!("failed: {status}")))
        }
    };
    let done = tokio::time::timeout(TIME_MAX, work).await;
    done.unwrap_or_else(|_| Err(failed(format!("took more than {TIME_MAX:?}"))))
}
