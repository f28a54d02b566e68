//! `restage template`.

use std::path::Path;

use serde_json::json;

use super::args::TemplateVerb;
use super::output::{Output, Table};
use super::site::Site;
use super::stop::{Outcome, Stop};
use crate::api::workshop::Template;

pub(super) async fn run(verb: TemplateVerb, site: &Site, output: &mut Output) -> Outcome {
    match verb {
        TemplateVerb::List => list(output),
        TemplateVerb::Show { name } => show(&name, output),
        TemplateVerb::Check { file } => check(&file, site, output).await,
    }
}

fn list(output: &mut Output) -> Outcome {
    let mut table = Table::new(["NAME", "TITLE", "STEPS"]);
    let mut all = Vec::new();
    for name in Template::built_in_names() {
        let template = Template::built_in(name)?;
        table.row([name.into(), template.title().into(), template.steps().len().to_string().into()]);
        all.push(json!({ "name": name, "title": template.title(), "steps": template.steps().len() }));
    }
    Ok(output.data(&json!({ "templates": all }), |width| table.text(width))?)
}

fn show(name: &str, output: &mut Output) -> Outcome {
    let text = Template::built_in_text(name)?;
    if output.is_json() {
        let template = Template::built_in(name)?;
        return Ok(output.data(&template, |_| String::new())?);
    }
    Ok(output.bytes(text.as_bytes())?)
}

async fn check(file: &Path, site: &Site, output: &mut Output) -> Outcome {
    let template = from_file(file, site).await?;
    let (name, steps) = (template.name(), template.steps().len());
    let answer = json!({ "name": name, "title": template.title(), "steps": steps });
    Ok(output.data(&answer, |_| format!("{name} is a template of {steps} steps"))?)
}

/// A template by the name of one that comes with the program, or by that of a file.
pub(super) async fn find(name: &str, site: &Site) -> Outcome<Template> {
    if names_a_file(name) { from_file(Path::new(name), site).await } else { Ok(Template::built_in(name)?) }
}

/// Whether a name looks like that of a TOML file, rather than of something that comes with the program.
pub(super) fn names_a_file(name: &str) -> bool {
    name.contains(['/', '\\']) || Path::new(name).extension().is_some_and(|extension| extension == "toml")
}

async fn from_file(file: &Path, site: &Site) -> Outcome<Template> {
    let text = site.read_text(file, "the template").await?;
    Template::from_toml(&text).map_err(|rejection| {
        Stop::from(rejection).map(|problem| {
            problem.why = Some(std::mem::replace(&mut problem.what, format!("{} is no template", file.display())));
            problem.hint = Some("see one that is: restage template show design-thinking".into());
        })
    })
}
