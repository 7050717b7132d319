//! Receipts as events of `OpenLineage`, <https://openlineage.io/spec/2-0-2/OpenLineage.json>.

use std::time::Duration;

use serde_json::{Map, Value, json};
use uuid::{Builder, Uuid};

use super::receipt::{ColumnLineage, InputReceipt, Receipt, receipt_file, time};
use crate::error::Result;
use crate::spec::{SchemaColumn, Scheme, Uri};

const EVENT: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";

/// Who produced an event, as its readers know programs.
const PRODUCER: &str = concat!(
    env!("CARGO_PKG_REPOSITORY"),
    "/tree/v",
    env!("CARGO_PKG_VERSION")
);

impl Receipt {
    /// The event that tells a catalog of the run: what it read and wrote, with columns and where they come from.
    /// `namespace` is that of the job, of which catalogs have one for each scheduler.
    ///
    /// # Errors
    ///
    /// Fails where the receipt's time or URIs make no sense.
    pub fn open_lineage(&self, namespace: &str) -> Result<Value> {
        let started = chrono::DateTime::<chrono::Utc>::from(self.started()?);
        // A receipt may have been changed to a time that nobody can add to.
        let lasted = Duration::try_from_secs_f64(self.seconds).unwrap_or_default();
        let lasted = chrono::TimeDelta::from_std(lasted).unwrap_or_default();
        let ended = started.checked_add_signed(lasted).unwrap_or(started);
        let inputs = self.inputs.iter().map(input).collect::<Result<Vec<_>>>()?;
        Ok(json!({
            "eventType": "COMPLETE",
            "eventTime": time(ended),
            "producer": PRODUCER,
            "schemaURL": EVENT,
            "run": {
                "runId": run_id(&self.run).to_string(),
                "facets": {
                    "processing_engine": facet("1-1-1/ProcessingEngineRunFacet", json!({
                        "name": "sluice",
                        "version": self.sluice,
                    })),
                    // What catalogs have no place for.
                    "sluice": custom(json!({
                        "run": self.run,
                        "receipt": receipt_file(&self.run),
                        "parameters": self.parameters,
                        "plugins": self.steps.iter().map(|step| json!({
                            "step": step.name,
                            "uri": step.plugin,
                            "sha256": step.sha256,
                        })).collect::<Vec<_>>(),
                    })),
                },
            },
            "job": {
                "namespace": namespace,
                "name": self.application,
                "facets": {
                    "jobType": facet("2-0-4/JobTypeJobFacet", json!({
                        "processingType": "BATCH",
                        "integration": "SLUICEGATE",
                        "jobType": "JOB",
                    })),
                    "sourceCode": facet("1-0-1/SourceCodeJobFacet", json!({
                        "language": "TOML",
                        "sourceCode": self.origin.text,
                    })),
                },
            },
            "inputs": inputs,
            "outputs": [self.dataset()?],
        }))
    }

    fn dataset(&self) -> Result<Value> {
        let output = &self.output;
        let (namespace, name) = named(&output.uri)?;
        let mut fields = Map::new();
        for lineage in &output.lineage {
            fields.insert(lineage.column.clone(), self.column(lineage)?);
        }
        let columns = json!({ "fields": fields });
        let mut facets = Map::from_iter([
            ("schema".to_owned(), schema(&output.columns)),
            (
                "columnLineage".to_owned(),
                facet("1-2-0/ColumnLineageDatasetFacet", columns),
            ),
        ]);
        if output.mode.starts_with("overwrite") {
            let change = json!({ "lifecycleStateChange": "OVERWRITE" });
            let change = facet("1-0-1/LifecycleStateChangeDatasetFacet", change);
            facets.insert("lifecycleStateChange".to_owned(), change);
        }
        Ok(json!({
            "namespace": namespace,
            "name": name,
            "facets": facets,
            "outputFacets": {
                "outputStatistics": facet("1-0-2/OutputStatisticsOutputDatasetFacet", json!({
                    "rowCount": output.rows,
                    "size": output.files.iter().map(|file| file.bytes).sum::<u64>(),
                    "fileCount": output.files.len(),
                })),
            },
        }))
    }

    fn column(&self, lineage: &ColumnLineage) -> Result<Value> {
        let mut from = Vec::new();
        for (input, column) in &lineage.from {
            let Some(input) = self.inputs.iter().find(|known| known.name == *input) else {
                continue;
            };
            let (namespace, name) = named(&input.uri)?;
            let masked = input.masked.contains(column);
            let subtype = if lineage.same && !masked {
                "IDENTITY"
            } else {
                "TRANSFORMATION"
            };
            from.push(json!({
                "namespace": namespace,
                "name": name,
                "field": column,
                "transformations": [
                    { "type": "DIRECT", "subtype": subtype, "description": "", "masking": masked }
                ],
            }));
        }
        Ok(json!({ "inputFields": from }))
    }
}

fn input(input: &InputReceipt) -> Result<Value> {
    let (namespace, name) = named(&input.uri)?;
    Ok(json!({
        "namespace": namespace,
        "name": name,
        "facets": { "schema": schema(&input.columns) },
        "inputFacets": match &input.files {
            None => json!({}),
            Some(files) => json!({
                "inputStatistics": facet("1-0-0/InputStatisticsInputDatasetFacet", json!({
                    "size": files.iter().map(|file| file.bytes).sum::<u64>(),
                    "fileCount": files.len(),
                })),
            }),
        },
    }))
}

fn schema(columns: &[SchemaColumn]) -> Value {
    let fields = columns
        .iter()
        .map(|column| json!({ "name": column.name, "type": column.data_type }));
    let fields: Vec<_> = fields.collect();
    facet("1-2-0/SchemaDatasetFacet", json!({ "fields": fields }))
}

/// A facet of the specification.
fn facet(file: &str, content: Value) -> Value {
    let name = file.rsplit('/').next().unwrap_or_default();
    with_source(
        &format!("https://openlineage.io/spec/facets/{file}.json#/$defs/{name}"),
        content,
    )
}

/// A facet of our own.
fn custom(content: Value) -> Value {
    with_source(
        "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunFacet",
        content,
    )
}

fn with_source(schema: &str, mut content: Value) -> Value {
    if let Some(content) = content.as_object_mut() {
        content.insert("_producer".to_owned(), PRODUCER.into());
        content.insert("_schemaURL".to_owned(), schema.into());
    }
    content
}

/// A dataset as the specification names those of each store.
fn named(uri: &str) -> Result<(String, String)> {
    let uri = Uri::parse(uri, None)?;
    let (folder, pattern) = uri.split_glob();
    let path = folder.path().trim_end_matches('/');
    let path = match pattern {
        Some(pattern) if path.is_empty() => pattern.to_owned(),
        Some(pattern) => format!("{path}/{pattern}"),
        None => path.to_owned(),
    };
    Ok(match uri.scheme() {
        Scheme::File => ("file".to_owned(), format!("/{path}")),
        _ if path.is_empty() => (
            uri.root().to_string().trim_end_matches('/').to_owned(),
            "/".to_owned(),
        ),
        _ => (
            uri.root().to_string().trim_end_matches('/').to_owned(),
            path,
        ),
    })
}

/// The run's name, if it is a UUID, and else one that is made of it: the specification wants one.
fn run_id(run: &str) -> Uuid {
    Uuid::parse_str(run).unwrap_or_else(|_| {
        let hash = blake3::hash(run.as_bytes());
        let mut bytes = [0; 16];
        bytes.copy_from_slice(hash.as_bytes().first_chunk::<16>().unwrap_or(&[0; 16]));
        Builder::from_custom_bytes(bytes).into_uuid()
    })
}
