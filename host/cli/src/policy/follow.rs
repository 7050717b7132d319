//! Policy files that change while a run goes on.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sluicegate::error::Result;
use sluicegate::policy::Policies;
use sluicegate::run::Progress;
use tokio::runtime::Runtime;
use tokio::sync::watch::{self, Receiver};

use super::load;

/// How often the files are looked at: who revokes something waits no longer.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Tells one content of a file from another; nothing where it is gone.
type Stamp = Option<(u64, i64, i64, u64)>;

/// The policies of the command line, if there are any, and what they become as long as the runtime lives. Files that
/// cannot be read, or are malformed, change nothing, and `watched` says so.
pub(crate) fn follow(
    names: &[String],
    runtime: &Runtime,
    watched: Arc<Progress>,
) -> Result<Option<Receiver<Policies>>> {
    let paths: Vec<PathBuf> = names.iter().map(|name| load::path_of(name)).collect();
    // Before they are read, so that what changes meanwhile is seen.
    let mut seen = stamps(&paths);
    let Some(policies) = load::given(names)? else {
        return Ok(None);
    };
    let (sender, receiver) = watch::channel(policies);
    let names = names.to_vec();
    runtime.spawn(async move {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            looks.tick().await;
            let now = stamps(&paths);
            if now == seen {
                continue;
            }
            seen = now;
            match load::given(&names) {
                Ok(policies) => drop(policies.map(|policies| sender.send_replace(policies))),
                Err(error) => {
                    let message = format!("the policies before still decide: {error}");
                    watched.warn("policies", &message);
                }
            }
        }
    });
    Ok(Some(receiver))
}

fn stamps(paths: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |path: &PathBuf| {
        let found = std::fs::metadata(path).ok()?;
        Some((found.ino(), found.ctime(), found.ctime_nsec(), found.size()))
    };
    paths.iter().map(stamp).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::run::runtime;

    const GIVEN: &str = "[[statement]]\neffect = \"allow\"\nprincipal = \"any-run\"\naction = \"object:get\"\nresource = \"*\"\n";

    /// What a change may take to be seen on a machine that does much else.
    const DEADLINE: Duration = Duration::from_mins(1);

    fn until(is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !is_so() {
            assert!(Instant::now() < deadline, "not seen after {DEADLINE:?}");
            std::thread::yield_now();
        }
    }

    #[test]
    fn files_that_become_malformed_change_nothing_until_they_are_mended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, GIVEN).unwrap();
        let names = [path.display().to_string()];
        let (runtime, watched) = (runtime(1).unwrap(), Arc::new(Progress::default()));
        let policies = follow(&names, &runtime, Arc::clone(&watched)).unwrap();
        let policies = policies.unwrap();

        std::fs::write(&path, GIVEN.replace("object:get", "object:gte")).unwrap();
        let warned = std::cell::OnceCell::new();
        until(|| {
            let mut lines = watched.take_logs().into_iter();
            lines
                .next()
                .is_some_and(|line| warned.set(line.message).is_ok())
        });
        let message = warned.get().unwrap();
        assert!(message.contains("object:gte"), "{message}");
        assert!(!policies.has_changed().unwrap());

        std::fs::write(&path, GIVEN.replace("allow", "deny")).unwrap();
        until(|| policies.has_changed().unwrap());
        assert!(follow(&[], &runtime, watched).unwrap().is_none());
    }
}
