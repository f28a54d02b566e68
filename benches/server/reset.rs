//! Taking a workflow back to a gate, with few and with many tasks.

use std::path::Path;
use std::time::Instant;

use restage::workshop::Template;
use serde_json::json;

use crate::Result;
use crate::child::Server;
use crate::process::rest;
use crate::table::{Goal, Table, median};

/// A template of one step, as small as one can be.
pub(crate) const TEMPLATE: &str = r#"
name = "bench"
title = "Bench"
[[steps]]
id = "talk"
title = "Talk"
prompt = "Talk."
depends_on = []
"#;

pub(crate) fn template() -> Result<Template> {
    Ok(Template::from_toml(TEMPLATE)?)
}

const PER_COMMAND: usize = 1_000;
const PAIRS: usize = 40;

pub(crate) async fn run(dir: &Path, quick: bool, table: &mut Table) -> Result<()> {
    let sizes: [usize; 3] = if quick { [10, 1_000, 10_000] } else { [10, 1_000, 100_000] };
    let server = Server::start(dir)?;
    let mut connection = server.connect().await?;
    for size in sizes {
        let id = format!("of-{size}");
        connection.ask("/v1/workflows", &json!({ "id": id, "title": "Bench", "story": "bench" })).await?;
        for begin in (0..size).step_by(PER_COMMAND) {
            let tasks: Vec<_> = (begin..size.min(begin + PER_COMMAND))
                .map(|number| json!({ "domain": "fe", "title": format!("task {number}"), "input": { "number": number } }))
                .collect();
            connection.ask(&format!("/v1/workflows/{id}/tasks"), &json!({ "tasks": tasks })).await?;
        }
    }
    rest().await;
    let mut taken: [Vec<f64>; 3] = Default::default();
    for _ in 0..PAIRS {
        for (size, taken) in sizes.iter().zip(&mut taken) {
            let asked = Instant::now();
            connection.ask(&format!("/v1/workflows/of-{size}/reset"), &json!({ "reason": "bench" })).await?;
            taken.push(asked.elapsed().as_secs_f64() * 1e6);
            connection.ask(&format!("/v1/workflows/of-{size}/undo"), &json!({ "reason": "bench" })).await?;
        }
    }
    let [few, some, many] = taken.map(median);
    let name = |size: usize| format!("reset of {size} tasks beside {}", sizes[0]);
    table.row(&name(sizes[1]), some, few, "us", Goal::AtMost(2.0))?;
    table.row(&name(sizes[2]), many, few, "us", Goal::AtMost(2.0))
}
