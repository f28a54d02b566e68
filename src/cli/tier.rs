//! `restage tier`.

use std::path::Path;

use serde_json::{Value, json};

use super::args::TierVerb;
use super::output::{Output, Table};
use super::site::Site;
use super::stop::{Outcome, Stop};
use super::template::names_a_file;
use crate::api::task::Tier;

pub(super) async fn run(verb: TierVerb, site: &Site, output: &mut Output) -> Outcome {
    match verb {
        TierVerb::List => list(output),
        TierVerb::Show { tier } => show(&tier, site, output).await,
    }
}

fn list(output: &mut Output) -> Outcome {
    let mut table = Table::new(["NAME", "TITLE", "STAGES"]);
    let mut all = Vec::new();
    for name in Tier::names() {
        let tier = Tier::built_in(name)?;
        let stages: Vec<&str> = tier.stages.iter().map(|stage| stage.outline.id.as_str()).collect();
        table.row([name.into(), tier.title.as_str().into(), stages.join(", ").into()]);
        all.push(json!({ "name": name, "title": tier.title, "stages": stages }));
    }
    Ok(output.data(&json!({ "tiers": all }), |width| table.text(width))?)
}

async fn show(name: &str, site: &Site, output: &mut Output) -> Outcome {
    let (text, tier) = if names_a_file(name) {
        let text = site.read_text(Path::new(name), "the tier").await?;
        let tier = from_text(Path::new(name), &text)?;
        (text, tier)
    } else {
        (Tier::built_in_text(name)?.to_owned(), Tier::built_in(name)?)
    };
    if output.is_json() {
        return Ok(output.data(&json(&tier), |_| String::new())?);
    }
    Ok(output.bytes(text.as_bytes())?)
}

fn json(tier: &Tier) -> Value {
    let stages = tier.stages.iter().map(|stage| {
        let outline = &stage.outline;
        json!({
            "stage": outline.id,
            "status": outline.status,
            "output": outline.output,
            "scored": outline.scored,
            "judged": outline.judged,
            "approval": outline.approval,
            "counter": outline.counter,
            "prompt": stage.prompt,
        })
    });
    json!({ "name": tier.name, "title": tier.title, "stages": stages.collect::<Vec<_>>() })
}

/// A tier by the name of one that comes with the program, or by that of a file.
pub(super) async fn find(name: &str, site: &Site) -> Outcome<Tier> {
    if names_a_file(name) {
        return from_text(Path::new(name), &site.read_text(Path::new(name), "the tier").await?);
    }
    Ok(Tier::built_in(name)?)
}

fn from_text(file: &Path, text: &str) -> Outcome<Tier> {
    Tier::from_toml(text).map_err(|rejection| {
        Stop::from(rejection).map(|problem| {
            problem.why = Some(std::mem::replace(&mut problem.what, format!("{} is no tier", file.display())));
            problem.hint = Some("see one that is: restage tier show L2".into());
        })
    })
}
