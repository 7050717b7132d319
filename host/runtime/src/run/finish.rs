//! The end of a run: its commit, and what it says of itself.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::execute::{Execution, Written};
use super::receipt::{OutputReceipt, Receipt, receipt_file};
use super::summary::{BadRowsSummary, FileSummary, StepSummary, Summary};
use crate::engine::{Planned, WrittenFile};
use crate::error::{Error, Result, ResultExt};
use crate::spec::SchemaColumn;
use crate::storage::{Beginning, Committed, FinishedFile, Manifest, Staging};

impl Execution {
    pub(super) async fn commit(self, staging: Arc<Staging>, written: Written) -> Result<Summary> {
        let rows_out = written.files.iter().map(|file| file.rows).sum();
        let mut files = Vec::with_capacity(written.files.len());
        let mut finished = Vec::with_capacity(written.files.len() + 3);
        for WrittenFile { mut file, rows, .. } in written.files {
            files.push(FileSummary {
                path: file.path.clone(),
                rows,
                bytes: file.bytes,
            });
            file.rows = Some(rows);
            finished.push(file);
        }
        let told = finished.iter().map(FinishedFile::told).collect();
        let mut receipt = self.complete(written.receipt, &written.plan, told)?;
        let quarantine = written.quarantine.as_ref();
        receipt.output.quarantine = quarantine.map(|written| written.file.path.clone());
        for WrittenFile { mut file, rows, .. } in
            written.quarantine.into_iter().chain(written.scorecard)
        {
            file.rows = Some(rows);
            finished.push(file);
        }
        finished.extend(written.bookmark);
        finished.push(self.leave(&staging, &receipt).await?);
        let staging = Arc::into_inner(staging)
            .ok_or_else(|| Error::internal("a partition outlived its run"))?;
        if let Err(error) = self.follow() {
            drop(staging.abort().await);
            return Err(error);
        }
        let OutputReceipt {
            columns,
            quarantine,
            ..
        } = receipt.output;
        let committed = self.publish(staging, finished, columns).await?;
        Ok(Summary {
            version: Some(committed.version.version),
            quarantine,
            receipt: Some(receipt_file(&self.options.run_id)),
            checks: written.checks,
            ..self.summary(files, rows_out, Some(&written.plan))
        })
    }

    /// Writes the receipt, which appears with the rows.
    async fn leave(&self, staging: &Staging, receipt: &Receipt) -> Result<FinishedFile> {
        let writing = async {
            let logs = self.options.progress.logs();
            let text = receipt.write(|told| logs.clean_json(told))?;
            let mut file = staging.create(&receipt_file(&receipt.run)).await?;
            file.write(text.into()).await?;
            file.finish().await
        };
        let written = writing.await;
        if written.is_err() {
            drop(staging.abort().await);
        }
        written.context("write the receipt")
    }

    /// What is told where the output has all that the run would write, or is to stay as it is.
    pub(super) fn nothing_done(&self, plan: Option<&Planned>, why: &Beginning) -> Summary {
        let (version, why) = match why {
            Beginning::Committed(Some(past)) => {
                let version = past.version;
                (
                    Some(version),
                    format!("this run committed version {version} before"),
                )
            }
            Beginning::Committed(None) => (None, "this run committed before".to_owned()),
            Beginning::Ignored => {
                let why = "the output is there, and `mode = \"ignore\"` leaves it as it is";
                (None, why.to_owned())
            }
            Beginning::Ready(staging) => {
                let version = staging.base().map_or(0, Manifest::version);
                let why = format!("the input is as it was for version {version}");
                (Some(version), why)
            }
        };
        Summary {
            version,
            skipped: true,
            skipped_because: Some(why),
            ..self.summary(Vec::new(), 0, plan)
        }
    }

    /// What transforms wrote and deleted beside the output appears, and goes, with it.
    async fn publish(
        &self,
        staging: Staging,
        files: Vec<FinishedFile>,
        schema: Vec<SchemaColumn>,
    ) -> Result<Committed> {
        // A transform may have gone on after a decision could not be kept.
        if let Err(error) = self.options.audit.check() {
            drop(staging.abort().await);
            return Err(error);
        }
        let staging = staging.beside(Arc::clone(&self.side));
        let committed = staging.commit(files, schema).await;
        committed.with_context(|| format!("commit the output `{}`", self.application.output.uri))
    }

    fn summary(&self, files: Vec<FileSummary>, rows_out: u64, plan: Option<&Planned>) -> Summary {
        let steps = plan.map(Planned::steps).unwrap_or_default().into_iter();
        let mut steps: Vec<StepSummary> = steps.map(StepSummary::from).collect();
        let logs = self.options.progress.logs();
        for row in steps.iter_mut().flat_map(|step| &mut step.rejected) {
            row.reason = logs.clean(&row.reason).into_owned();
        }
        Summary {
            run_id: self.options.run_id.clone(),
            application: self.application.name.clone(),
            version: None,
            skipped: false,
            skipped_because: None,
            incremental: self.incremental(),
            rows_in: plan.map_or(0, Planned::rows_read),
            rows_out,
            rows_rejected: steps.iter().map(|step| step.rows_rejected).sum(),
            rows_failed: steps.iter().map(|step| step.rows_failed).sum(),
            bad_rows: self.bad_rows(),
            quarantine: None,
            receipt: None,
            attempts: self.retries.attempts(),
            kept: self
                .keeping
                .as_ref()
                .map(|keeping| keeping.kept())
                .unwrap_or_default(),
            bytes_read: self.meter.read.load(Ordering::Relaxed),
            bytes_written: self.meter.written.load(Ordering::Relaxed),
            seconds: self.started.elapsed().as_secs_f64(),
            peak_memory: self.engine.peak_memory(),
            steps,
            files,
            checks: Vec::new(),
            logs: self.options.progress.take_logs(),
            explain: plan.filter(|_| self.options.explain).map(Planned::explain),
        }
    }

    /// What was left out, by inputs and steps that say what becomes of bad rows.
    fn bad_rows(&self) -> Vec<BadRowsSummary> {
        let figures = self.engine.quarantine().figures().into_iter();
        figures.map(BadRowsSummary::from).collect()
    }
}
