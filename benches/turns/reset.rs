//! Starting a step over, with few and with many messages in it.

use std::path::Path;
use std::time::Instant;

use restage::workshop::{Message, Role, Template};
use restage::{EntityId, Options, Restage, StageId, Workshop};

use crate::Result;
use crate::process::rest;
use crate::table::{Goal, Table, median};

/// A template of three steps, as small as one can be.
const TEMPLATE: &str = r#"
name = "bench"
title = "Bench"
[[steps]]
id = "talk"
title = "Talk"
prompt = "Talk."
depends_on = []
[[steps]]
id = "sum-up"
title = "Sum up"
prompt = "Sum up."
depends_on = ["talk"]
"#;

pub(crate) fn template() -> Result<Template> {
    Ok(Template::from_toml(TEMPLATE)?)
}

pub(crate) fn message(number: usize, bytes: usize) -> Message {
    Message {
        id: format!("m{number}"),
        role: if number.is_multiple_of(2) { Role::User } else { Role::Assistant },
        content: "x".repeat(bytes),
        finished: true,
        sub_step: None,
        by: None,
        source: None,
    }
}

pub(crate) async fn run(dir: &Path, quick: bool, table: &mut Table) -> Result<()> {
    const PER_SAVE: usize = 1_000;
    // Each reset and each undo leaves an undo point; this many stay below the most that are kept.
    const PAIRS: usize = 60;
    let sizes: [usize; 3] = if quick { [10, 1_000, 50_000] } else { [10, 10_000, 1_000_000] };
    let restage = Restage::open_with(dir, Options::default()).await?;
    let (workshops, step) = (restage.workshops()?, StageId::new("talk")?);
    let mut filled: Vec<Workshop> = Vec::new();
    for size in sizes {
        let workshop = workshops.get(&EntityId::new(format!("of-{size}"))?);
        workshop.create("Bench", &template()?).await?;
        let all: Vec<usize> = (0..size).collect();
        for some in all.chunks(PER_SAVE) {
            workshop.save(&step, some.iter().map(|number| message(*number, 100)).collect()).await?;
        }
        filled.push(workshop);
    }
    rest().await;
    let mut taken: [Vec<f64>; 3] = Default::default();
    for _ in 0..PAIRS {
        for (workshop, taken) in filled.iter().zip(&mut taken) {
            let asked = Instant::now();
            workshop.reset(&step).await?;
            taken.push(asked.elapsed().as_secs_f64() * 1e6);
            workshop.handle().undo(None).await?;
        }
    }
    let [few, some, many] = taken.map(median);
    let name = |size: usize| format!("reset of {size} messages beside {}", sizes[0]);
    table.row(&name(sizes[1]), some, few, "us", Goal::AtMost(1.5))?;
    table.row(&name(sizes[2]), many, few, "us", Goal::AtMost(1.5))?;
    Ok(restage.shutdown().await?)
}
