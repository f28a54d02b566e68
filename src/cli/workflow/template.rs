//! `restage workflow template`, and the template that a workflow is made from.

use std::path::Path;

use serde_json::json;

use crate::api::workflow::Template;
use crate::cli::args::workflow::FlowTemplateVerb;
use crate::cli::output::{Output, Table};
use crate::cli::site::Site;
use crate::cli::stop::{Outcome, Stop};
use crate::cli::template::names_a_file;

pub(super) async fn run(verb: &FlowTemplateVerb, site: &Site, output: &mut Output) -> Outcome {
    match verb {
        FlowTemplateVerb::List => list(output),
        FlowTemplateVerb::Show { template } => show(template, site, output).await,
    }
}

fn list(output: &mut Output) -> Outcome {
    let mut table = Table::new(["NAME", "TITLE", "GATES"]);
    let mut all = Vec::new();
    for name in Template::built_in_names() {
        let template = Template::built_in(name)?;
        let gates: Vec<&str> = template.gates.iter().map(|gate| gate.id.as_str()).collect();
        table.row([name.into(), template.title.as_str().into(), gates.join(", ").into()]);
        all.push(json!({ "name": name, "title": template.title, "gates": gates }));
    }
    Ok(output.data(&json!({ "templates": all }), |width| table.text(width))?)
}

async fn show(name: &str, site: &Site, output: &mut Output) -> Outcome {
    let (text, template) = if names_a_file(name) {
        let text = site.read_text(Path::new(name), "the template").await?;
        let template = from_text(name, &text)?;
        (text, template)
    } else {
        (Template::built_in_text(name)?.to_owned(), Template::built_in(name)?)
    };
    if output.is_json() {
        return Ok(output.data(&template, |_| String::new())?);
    }
    Ok(output.bytes(text.as_bytes())?)
}

/// A template by the name of one that comes with the program, or by that of a file.
pub(super) async fn find(name: &str, site: &Site) -> Outcome<Template> {
    if names_a_file(name) {
        return from_text(name, &site.read_text(Path::new(name), "the template").await?);
    }
    Ok(Template::built_in(name)?)
}

fn from_text(name: &str, text: &str) -> Outcome<Template> {
    Template::from_toml(text).map_err(|rejection| {
        Stop::from(rejection).map(|problem| {
            problem.why = Some(std::mem::replace(&mut problem.what, format!("{name} is no template of workflows")));
            problem.hint = Some("see one that is: restage workflow template show delivery".into());
        })
    })
}
