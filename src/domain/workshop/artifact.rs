//! Artifacts: written as a new version each time, checked by the template's schema, confirmed by a person.

use super::command::{Cause, Reply};
use super::content::artifact_path;
use super::schema;
use super::state::{ArtifactRef, Fingerprint, Status, Workshop};
use super::template::Template;
use super::turn::Turn;
use crate::domain::limits::ARTIFACT_BYTES_MAX;
use crate::domain::{Read, Rejection, StageId};

/// The template, if it has a schema for this step.
pub(super) fn reads(state: &Workshop, stage: &StageId) -> Vec<Read> {
    let schema = state.outline.step(stage).and_then(|step| step.artifact);
    schema.map(|_| Read::Shared(state.outline.digest)).into_iter().collect()
}

pub(super) fn write(
    turn: &mut Turn<'_>,
    stage: &StageId,
    json: &str,
    expected_version: Option<u64>,
) -> Result<(), Rejection> {
    let mut step = turn.open_step(stage, "writing the artifact")?;
    if json.len() > ARTIFACT_BYTES_MAX {
        return Err(Rejection::limit("bytes of an artifact", ARTIFACT_BYTES_MAX));
    }
    let actual = step.artifact.map_or(0, |artifact| artifact.version);
    check_version(stage, expected_version, actual)?;
    let schema_version = check(turn, stage, json)?;

    step.artifact_version = step.artifact_version.saturating_add(1);
    step.artifact = Some(ArtifactRef {
        version: step.artifact_version,
        schema_version,
        bytes: u64::try_from(json.len()).unwrap_or(u64::MAX),
        digest: Fingerprint::of(&[json.as_bytes()]),
        confirmed: false,
    });
    step.changed = true;
    let version = step.artifact_version;
    turn.write(stage, artifact_path(version), json.as_bytes().to_vec());
    turn.set(stage, Cause::Artifact, step);
    turn.decision.reply = Reply::Artifact { version };
    Ok(())
}

/// Checks the artifact, by its schema if there is one, and says which version of the schema that was.
fn check(turn: &Turn<'_>, stage: &StageId, json: &str) -> Result<Option<u32>, Rejection> {
    let value = serde_json::from_str(json).map_err(|error| Rejection::invalid("artifact", error.to_string()))?;
    let Some(version) = turn.state.outline.step(stage).and_then(|step| step.artifact) else { return Ok(None) };
    let lost = || Rejection::refused("damaged", "the workshop's template is not in the store", "verify the store");
    let bytes = turn.input.shared(turn.state.outline.digest).ok_or_else(lost)?;
    let template = Template::from_bytes(bytes)?;
    let artifact = template.step(stage).and_then(|step| step.artifact.as_ref()).ok_or_else(lost)?;
    schema::validate(&artifact.schema, &value)?;
    Ok(Some(version))
}

pub(super) fn confirm(turn: &mut Turn<'_>, stage: &StageId, version: Option<u64>) -> Result<(), Rejection> {
    let step = turn.state.step(stage)?;
    let confirmed = step.artifact.filter(|artifact| artifact.confirmed);
    if step.status == Status::Complete
        && confirmed.is_some_and(|artifact| version.is_none_or(|v| v == artifact.version))
    {
        return Ok(());
    }
    let mut step = turn.open_step(stage, "confirming the artifact")?;
    let Some(artifact) = &mut step.artifact else {
        let what = format!("confirming the artifact of {stage}");
        return Err(Rejection::conflict(what, "there is none", "write the artifact first"));
    };
    check_version(stage, version, artifact.version)?;
    if !artifact.confirmed {
        artifact.confirmed = true;
        turn.set(stage, Cause::Confirmed, step);
    }
    Ok(())
}

fn check_version(stage: &StageId, expected: Option<u64>, actual: u64) -> Result<(), Rejection> {
    match expected {
        Some(expected) if expected != actual => {
            Err(Rejection::VersionMoved { what: format!("the artifact of {stage}"), expected, actual })
        }
        _ => Ok(()),
    }
}
