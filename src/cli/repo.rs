//! `restage repo`.

use std::path::Path;

use serde_json::{Value, json};

use super::args::{RepoVerb, Settings};
use super::output::{Output, Table, line};
use super::site::Site;
use super::stop::Outcome;
use crate::api::{EntityId, Options, Repositories, RepositoryFacts, Restage, TaskOptions};

/// Repositories read at a time.
const PER_PAGE: usize = 500;

pub(super) async fn run(verb: RepoVerb, site: &Site, output: &mut Output) -> Outcome {
    let settings = &site.settings;
    let added = match verb {
        RepoVerb::Add { name, path } => {
            // Before a data folder is made for it.
            let name = EntityId::new(name)?;
            let path = site.absolute(&path)?;
            check(&name, &path, settings).await?;
            Some((name, path))
        }
        RepoVerb::List => None,
    };
    let restage = site.open(added.is_some()).await?;
    let done = match (restage.tasks(TaskOptions::default()), added) {
        (Ok(tasks), Some((name, path))) => add(tasks.repositories(), &name, &path, &settings.by, output).await,
        (Ok(tasks), None) => list(tasks.repositories(), output).await,
        (Err(error), _) => Err(error.into()),
    };
    let closed = site.close(restage).await;
    done?;
    closed
}

/// Whether a repository can be added, without a data folder.
async fn check(name: &EntityId, path: &Path, settings: &Settings) -> Outcome {
    let trial = Restage::in_memory(Options::default())?;
    let options = TaskOptions::default().worktrees(settings.data.join("worktrees"));
    let checked = trial.tasks(options)?.repositories().add(name, path, &settings.by).await;
    trial.shutdown().await?;
    checked?;
    Ok(())
}

async fn add(of: &Repositories, name: &EntityId, path: &Path, by: &str, output: &mut Output) -> Outcome {
    let facts = of.add(name, path, by).await?;
    Ok(output.data(&facts_json(name, &facts), |_| facts_text(name, &facts))?)
}

fn facts_json(name: &EntityId, facts: &RepositoryFacts) -> Value {
    json!({ "repository": name, "root": facts.root, "common": facts.common, "base": facts.base, "notes": facts.notes })
}

fn facts_text(name: &EntityId, facts: &RepositoryFacts) -> String {
    let mut text = format!("{name} is {}; tasks begin from {}\n", line(&facts.root), line(&facts.base));
    text.extend(facts.notes.iter().map(|note| format!("note: {}\n", line(note))));
    text
}

async fn list(repositories: &Repositories, output: &mut Output) -> Outcome {
    let mut table = Table::new(["REPOSITORY", "BASE", "WHERE"]);
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let page = repositories.list(after.as_ref(), PER_PAGE).await?;
        let Some(last) = page.last().cloned() else { break };
        for name in page {
            let facts = repositories.get(&name).await?;
            table.row([name.as_str().into(), facts.base.as_str().into(), facts.root.as_str().into()]);
            all.push(facts_json(&name, &facts));
        }
        after = Some(last);
    }
    if all.is_empty() {
        output.note("there are no repositories yet; add one: restage repo add NAME PATH");
    }
    Ok(output.data(&json!({ "repositories": all }), |width| table.text(width))?)
}
