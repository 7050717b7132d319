//! Batches over which transforms failed, read back and run again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;

use super::open::{as_owner, files_of};
use super::{LogLine, Progress, RejectedRow};
use crate::engine::{Engine, Facts, FailedBatch, Watch, brief};
use crate::error::{Error, Result, ResultExt as _};
use crate::limits::Limits;
use crate::sandbox::{Access, Offers, Sandbox, SandboxConfig};
use crate::spec::set_limit;

/// What a step may declare and a replay has.
const REPLAYED: [&str; 2] = ["clock", "random"];

/// A batch that a run kept as a transform failed over it.
#[derive(Debug)]
pub struct Failing(FailedBatch);

/// What a batch is run again with.
#[derive(Debug)]
pub struct Rerunning {
    /// How the plugin is compiled and kept.
    pub sandbox: SandboxConfig,
    /// What the transform is held to.
    pub limits: Limits,
    /// Who hears the transform's messages, and may stop it.
    pub progress: Arc<Progress>,
}

/// What came of a batch that was run again.
#[derive(Debug)]
pub struct ReplayedBatch {
    /// How that compares with before.
    pub verdict: Verdict,
    /// The plugin's sha256 digest, in hexadecimal.
    pub digest: String,
    /// Why the transform failed, if it did.
    pub error: Option<Error>,
    /// What it made of the batch: those columns that it computes, and those passed through that it read.
    pub batches: Vec<RecordBatch>,
    /// The rows that it rejected, as the run counted them.
    pub rejected: Vec<RejectedRow>,
    /// Columns that pass it by, and so were not kept.
    pub absent: Vec<String>,
    /// What it said.
    pub logs: Vec<LogLine>,
}

/// How a replay compares with the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It fails as it did.
    Same,
    /// It fails in another way.
    Other,
    /// Another build of the plugin does not fail.
    Fixed,
    /// The same build does not fail over this batch alone.
    NotReproduced,
}

impl Verdict {
    /// The word for it in machine-readable output.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Other => "other",
            Self::Fixed => "fixed",
            Self::NotReproduced => "not-reproduced",
        }
    }
}

impl Failing {
    /// Reads the file of a batch. `uri` may be relative to the folder `base`; credentials and endpoints are taken from
    /// `environment`.
    ///
    /// # Errors
    ///
    /// `Input` where it is missing, damaged, or no such file.
    pub async fn read(
        uri: &str,
        base: &Path,
        environment: BTreeMap<String, String>,
    ) -> Result<Self> {
        let (uri, stores) = as_owner(uri, base, environment)?;
        let files = files_of(&stores, "batch", &uri).await?;
        Engine::kept(&files).await.map(Self)
    }

    /// How the batch came to be kept.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.0.facts
    }

    /// The rows of the batch.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.0.batch.num_rows()
    }

    /// What the transform was held to.
    ///
    /// # Errors
    ///
    /// `Input` where the file says what is out of bounds.
    pub fn limits(&self) -> Result<Limits> {
        let mut limits = Limits::default();
        let said: BTreeMap<String, String> =
            serde_json::from_str(&self.0.facts.limits).map_err(|cause| {
                Error::input(format!("the limits of the batch are damaged: {cause}"))
            })?;
        for (name, text) in said {
            set_limit(&mut limits, &name, &text).context("read the limits of the batch")?;
        }
        Ok(limits)
    }

    /// Runs the batch through `component`, in an instance that sees nothing else.
    ///
    /// # Errors
    ///
    /// Fails where the component is no plugin, where the step reaches what a replay has not, and where the batch lacks a
    /// column that it reads. That the transform fails is no error of this.
    pub async fn replay(&self, component: Vec<u8>, with: Rerunning) -> Result<ReplayedBatch> {
        let facts = &self.0.facts;
        let access = self.access()?;
        let Rerunning {
            sandbox,
            limits,
            progress,
        } = with;
        let stopped = Arc::clone(&progress);
        let cancelled = move || stopped.is_cancelled();
        let (sandbox, asked) = (Sandbox::new(sandbox)?, cancelled.clone());
        let load = move || sandbox.load_unless(&component, Offers::default(), &asked);
        let plugin = tokio::task::spawn_blocking(load)
            .await
            .map_err(|error| Error::internal("compile a plugin").source(error))??;
        let digest = plugin.digest().to_owned();
        let watch = Watch {
            access,
            logs: progress.logs().of(&facts.step),
            cancel: Arc::new(cancelled),
            profile: None,
            keeping: None,
        };
        let engine = Engine::new(&limits, 1)?;
        let mut replayed = ReplayedBatch {
            verdict: Verdict::Same,
            digest,
            error: None,
            batches: Vec::new(),
            rejected: Vec::new(),
            absent: Vec::new(),
            logs: Vec::new(),
        };
        match engine.rerun(plugin, watch, &self.0).await {
            Ok(rerun) => {
                replayed.batches = rerun.batches;
                replayed.absent = rerun.absent;
                let rejected = rerun.rejected.into_iter();
                replayed.rejected = rejected
                    .map(|row| self.rejected(row.row, row.reason))
                    .collect();
            }
            Err(error) if is_of_transform(&error) => replayed.error = Some(self.told(error)),
            Err(error) => return Err(error),
        }
        replayed.verdict = self.compare(&replayed);
        replayed.logs = progress.take_logs();
        Ok(replayed)
    }

    fn access(&self) -> Result<Access> {
        let declared = self
            .0
            .facts
            .reaches
            .split(',')
            .filter(|word| !word.is_empty());
        let declared: Vec<_> = declared.collect();
        if let Some(missing) = declared.iter().find(|word| !REPLAYED.contains(word)) {
            return Err(Error::input(format!(
                "the step `{}` declares `{missing}`, which a replay has not",
                self.0.facts.step
            ))
            .hint(
                "make a fixture of the rows, whose `access.toml` says what the transform reaches, and run `sluice plugin \
                 test`",
            ));
        }
        Ok(Access {
            clock: declared.contains(&"clock"),
            random: declared.contains(&"random"),
            runtime: Some(tokio::runtime::Handle::current()),
            ..Access::default()
        })
    }

    fn rejected(&self, row: usize, reason: String) -> RejectedRow {
        let facts = &self.0.facts;
        let first = facts.rows.split('-').next().unwrap_or_default();
        RejectedRow {
            partition: facts.partition.parse().unwrap_or_default(),
            row: first
                .parse::<u64>()
                .unwrap_or_default()
                .saturating_add(row as u64),
            reason,
            failed: false,
        }
    }

    fn told(&self, error: Error) -> Error {
        let Facts {
            step,
            partition,
            batch,
            rows,
            ..
        } = &self.0.facts;
        error.fact("step", step).fact("rows", rows).context(format!(
            "run step `{step}` again on partition {partition}, batch {batch} (rows {rows} of the partition)"
        ))
    }

    fn compare(&self, replayed: &ReplayedBatch) -> Verdict {
        let facts = &self.0.facts;
        match &replayed.error {
            Some(error) if error.kind().as_str() == facts.kind && brief(error) == facts.message => {
                Verdict::Same
            }
            Some(_) => Verdict::Other,
            None if replayed.digest == facts.digest => Verdict::NotReproduced,
            None => Verdict::Fixed,
        }
    }
}

/// Whether a transform is what failed.
fn is_of_transform(error: &Error) -> bool {
    use crate::error::ErrorKind::{Guest, Limit, Trap};
    matches!(error.kind(), Guest | Limit | Trap)
}
