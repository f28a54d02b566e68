//! Many workshops on disk, few of them active: how long opening takes, and what memory it takes.
//!
//! Memory is measured in a process of its own, which has nothing of the filling in it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use restage::workshop::Template;
use restage::{EntityId, Options, Restage, Workshops};

use crate::Result;
use crate::process::{resident_mib, rest};
use crate::reset::template;
use crate::table::{Goal, Table};

/// The folder that a process of its own shall open.
const CHILD: &str = "RESTAGE_BENCH_POPULATION";
const ACTIVE: [usize; 2] = [10, 1_000];

/// What the process of its own found.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Found {
    open_ms: f64,
    opened_mib: f64,
    /// With 10 and with 1,000 active workshops.
    active_mib: [f64; 2],
}

pub(crate) fn asked_as_child() -> Option<PathBuf> {
    std::env::var_os(CHILD).map(PathBuf::from)
}

fn id(number: usize) -> Result<EntityId> {
    Ok(EntityId::new(format!("w{number:07}"))?)
}

/// Opens the folder, looks at some workshops, and prints what that took.
pub(crate) async fn as_child(folder: &Path) -> Result<()> {
    let began = Instant::now();
    let restage = Restage::open_with(folder, Options::default()).await?;
    let open_ms = began.elapsed().as_secs_f64() * 1e3;
    let opened_mib = resident_mib();
    let workshops = restage.workshops()?;
    let mut active_mib = [0.0; 2];
    for (active, mib) in ACTIVE.into_iter().zip(&mut active_mib) {
        for number in 0..active {
            workshops.get(&id(number)?).view().await?;
        }
        *mib = resident_mib();
    }
    println!("{}", serde_json::to_string(&Found { open_ms, opened_mib, active_mib })?);
    Ok(restage.shutdown().await?)
}

/// Makes a folder of so many workshops and measures it.
async fn measure(folder: &Path, count: usize) -> Result<Found> {
    const WRITERS: usize = 1_024;
    let restage = Restage::open_with(folder, Options::default().idle(Duration::from_millis(500))).await?;
    let (workshops, template) = (restage.workshops()?, Arc::new(template()?));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(fill(workshops.clone(), Arc::clone(&template), (writer, WRITERS), count)))
        .collect();
    for writer in writers {
        writer.await??;
    }
    rest().await;
    restage.shutdown().await?;
    let child = Command::new(std::env::current_exe()?).env(CHILD, folder).output()?;
    if !child.status.success() {
        return Err(format!("the measuring process failed: {}", String::from_utf8_lossy(&child.stderr)).into());
    }
    Ok(serde_json::from_slice(&child.stdout)?)
}

async fn fill(workshops: Workshops, template: Arc<Template>, (first, step): (usize, usize), end: usize) -> Result<()> {
    for number in (first..end).step_by(step) {
        workshops.get(&id(number)?).create("Bench", &template).await?;
    }
    Ok(())
}

pub(crate) async fn run(dir: &Path, quick: bool, table: &mut Table) -> Result<()> {
    let (few, many) = (2_000, if quick { 20_000 } else { 1_000_000 });
    std::fs::create_dir_all(dir)?;
    let small = measure(&dir.join("few"), few).await?;
    let large = measure(&dir.join("many"), many).await?;
    let name = |what: &str| format!("{many} workshops, {what}");
    table.row(&name("opening, beside 2000"), large.open_ms, small.open_ms, "ms", Goal::None)?;
    table.row(&name("opened, beside 2000"), large.opened_mib, small.opened_mib, "MiB", Goal::None)?;
    table.row(&name("10 active, beside 2000"), large.active_mib[0], small.active_mib[0], "MiB", Goal::None)?;
    table.row(&name("1000 active, beside 2000"), large.active_mib[1], small.active_mib[1], "MiB", Goal::None)?;
    Ok(())
}
