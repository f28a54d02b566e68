//! A reply that streams in, saved a thousand times a second.

use std::path::Path;
use std::time::{Duration, Instant};

use restage::workshop::Message;
use restage::{EntityId, Options, Restage, StageId};

use crate::Result;
use crate::reset::{message, template};
use crate::table::{Goal, Table};

pub(crate) async fn run(dir: &Path, quick: bool, table: &mut Table) -> Result<()> {
    const SAVES_PER_SECOND: usize = 1_000;
    const COMMIT_EVERY: f64 = 2.0;
    let seconds = if quick { 4 } else { 21 };
    let restage = Restage::open_with(dir, Options::default()).await?;
    let (workshop, step) = (restage.workshops()?.get(&EntityId::new("auto-save")?), StageId::new("talk")?);
    workshop.create("Bench", &template()?).await?;
    let before = workshop.view().await?.revision;
    let began = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_secs(1) / u32::try_from(SAVES_PER_SECOND)?);
    for save in 0..seconds * SAVES_PER_SECOND {
        tick.tick().await;
        // A new message begins every hundred saves; each save has a little more of it.
        let part = Message { finished: false, ..message(save / 100, 10 + save % 100) };
        workshop.auto_save(&step, vec![part]).await?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let commits = workshop.view().await?.revision - before;
    table.figure("auto-save, drafts taken", (seconds.round() * SAVES_PER_SECOND as f64) / seconds, "/s")?;
    let allowed = (seconds / COMMIT_EVERY).floor();
    table.row("auto-save, commits beside one per 2 s", commits as f64, allowed, "commits", Goal::AtMost(1.0))?;
    Ok(restage.shutdown().await?)
}
