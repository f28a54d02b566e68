//! Reads tier files: TOML, with a table `stages` for each stage. A key that is not known is an error, since it is more
//! often a slip than a wish.

use serde::Deserialize;

use super::limits::TIER_BYTES_MAX;
use super::tier::{StageOutline, Tier, TierStage};
use crate::domain::{Rejection, StageId};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    title: String,
    stages: Vec<FileStage>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileStage {
    id: StageId,
    status: String,
    prompt: String,
    /// `output`, if it is not given.
    output: Option<String>,
    #[serde(default)]
    scored: bool,
    #[serde(default)]
    judged: bool,
    /// Yes, if it is not given.
    approval: Option<bool>,
    /// The stage's own, if it is not given.
    counter: Option<String>,
}

pub(super) fn read(text: &str) -> Result<Tier, Rejection> {
    if text.len() > TIER_BYTES_MAX {
        return Err(Rejection::limit("bytes of a tier", TIER_BYTES_MAX));
    }
    let file: File = toml::from_str(text).map_err(|error| {
        // The whole message repeats lines of the file; what is wrong, and where, is enough.
        let line = error.span().map(|span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
        let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
        Rejection::invalid("tier", format!("{place}{}", error.message()))
    })?;
    let stages = file.stages.into_iter().map(read_stage).collect();
    let tier = Tier { name: file.name, title: file.title, stages };
    tier.check()?;
    Ok(tier)
}

fn read_stage(stage: FileStage) -> TierStage {
    let counter = stage.counter.unwrap_or_else(|| stage.id.to_string());
    let outline = StageOutline {
        id: stage.id,
        status: stage.status,
        output: stage.output.unwrap_or_else(|| "output".into()),
        scored: stage.scored,
        judged: stage.judged,
        approval: stage.approval.unwrap_or(true),
        counter,
    };
    TierStage { outline, prompt: stage.prompt }
}
