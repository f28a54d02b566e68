//! Reads template files: TOML, with a table `steps` for each step. A key that is not known is an error, since it is
//! more often a slip than a wish.

use serde::Deserialize;

use super::outline::ArcThresholds;
use super::schema;
use super::template::{ArtifactSchema, SubStep, Template, TemplateStep, Unchecked};
use crate::domain::limits::TEMPLATE_BYTES_MAX;
use crate::domain::{Rejection, StageId};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    title: String,
    arc: Option<ArcThresholds>,
    steps: Vec<FileStep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileStep {
    id: StageId,
    title: String,
    prompt: String,
    /// The step before, if it is not given.
    depends_on: Option<Vec<StageId>>,
    #[serde(default)]
    sub_steps: Vec<FileSubStep>,
    artifact: Option<FileSchema>,
    schema_version: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSubStep {
    id: StageId,
    title: String,
    prompt: String,
}

/// A JSON Schema, as JSON text or as the table that says the same.
#[derive(Deserialize)]
#[serde(untagged)]
enum FileSchema {
    Json(String),
    Table(toml::Table),
}

pub(super) fn read(text: &str) -> Result<Template, Rejection> {
    if text.len() > TEMPLATE_BYTES_MAX {
        return Err(Rejection::limit("bytes of a template", TEMPLATE_BYTES_MAX));
    }
    let file: File = toml::from_str(text).map_err(|error| {
        // The whole message repeats lines of the file; what is wrong, and where, is enough.
        let line = error.span().map(|span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
        let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        Rejection::invalid("template", format!("{place}{}", error.message()))
    })?;
    let mut steps: Vec<TemplateStep> = Vec::with_capacity(file.steps.len());
    for step in file.steps {
        let before = steps.last().map(|step| step.id.clone());
        steps.push(read_step(step, before)?);
    }
    Template::try_from(Unchecked { name: file.name, title: file.title, arc: file.arc.unwrap_or_default(), steps })
}

fn read_step(step: FileStep, before: Option<StageId>) -> Result<TemplateStep, Rejection> {
    let artifact = match step.artifact {
        Some(artifact) => Some(read_schema(&step.id, artifact, step.schema_version)?),
        None if step.schema_version.is_some() => {
            return Err(Rejection::invalid(format!("schema_version of {}", step.id), "the step has no artifact"));
        }
        None => None,
    };
    let sub_step = |sub: FileSubStep| SubStep { id: sub.id, title: sub.title, prompt: sub.prompt };
    Ok(TemplateStep {
        depends_on: step.depends_on.unwrap_or_else(|| before.into_iter().collect()),
        id: step.id,
        title: step.title,
        prompt: step.prompt,
        sub_steps: step.sub_steps.into_iter().map(sub_step).collect(),
        artifact,
    })
}

fn read_schema(stage: &StageId, schema: FileSchema, version: Option<u32>) -> Result<ArtifactSchema, Rejection> {
    let field = format!("artifact of {stage}");
    let no_json = |error: serde_json::Error| Rejection::invalid(&field, error.to_string());
    let value: serde_json::Value = match schema {
        FileSchema::Json(text) => serde_json::from_str(&text).map_err(no_json)?,
        FileSchema::Table(table) => serde_json::to_value(table).map_err(no_json)?,
    };
    schema::check(&field, &value)?;
    Ok(ArtifactSchema { version: version.unwrap_or(1), schema: value.to_string() })
}
