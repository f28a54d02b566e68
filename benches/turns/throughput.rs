//! Durable turns a second, and how long one takes.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::Result;
use crate::baselines::{BareFile, BareSled, Grouped, Sqlite};
use crate::load::{Sample, Window, closed_loop};
use crate::ours::{Ours, open};
use crate::process::rest;
use crate::table::{Goal, Table, median};

const LEVELS: [usize; 5] = [1, 16, 64, 256, 4096];
/// More than any caller sends in one loop.
const NUMBERS_PER_ROUND: u64 = 1 << 32;

struct Plan {
    rounds: u64,
    window: Window,
}

impl Plan {
    fn new(quick: bool) -> Self {
        let (rounds, warm, measured) = if quick { (3, 50, 200) } else { (5, 300, 1_500) };
        let window = Window { warm: Duration::from_millis(warm), measured: Duration::from_millis(measured) };
        Self { rounds, window }
    }
}

/// Samples of several rounds, as one.
fn middle(samples: &[Sample]) -> Sample {
    let of = |figure: fn(&Sample) -> f64| median(samples.iter().map(figure));
    Sample { per_second: of(|s| s.per_second), p50_us: of(|s| s.p50_us), p99_us: of(|s| s.p99_us) }
}

/// Many actors with one command each, beside a file, sled and SQLite.
pub(crate) async fn durable(dir: &Path, quick: bool, table: &mut Table) -> Result<()> {
    fs::create_dir_all(dir)?;
    let plan = Plan::new(quick);
    let restage = open(&dir.join("ours")).await?;
    let most = LEVELS[LEVELS.len() - 1];
    let ours = Arc::new(Ours::new(&restage, most, most)?);
    let file = Arc::new(Grouped::new(BareFile::open(&dir.join("file"))?));
    let sled = Arc::new(Grouped::new(BareSled::open(&dir.join("sled"))?));
    let sqlite = Arc::new(Grouped::new(Sqlite::open(&dir.join("sqlite"))?));
    // Brings the entities into memory.
    closed_loop(&ours, most, 0, Window { warm: Duration::ZERO, measured: Duration::from_millis(200) }).await?;
    let mut from = 0;
    for callers in LEVELS {
        let mut samples: [Vec<Sample>; 4] = Default::default();
        for _ in 0..plan.rounds {
            from += NUMBERS_PER_ROUND;
            rest().await;
            samples[0].push(closed_loop(&ours, callers, from, plan.window).await?);
            rest().await;
            samples[1].push(closed_loop(&file, callers, from, plan.window).await?);
            rest().await;
            samples[2].push(closed_loop(&sled, callers, from, plan.window).await?);
            rest().await;
            samples[3].push(closed_loop(&sqlite, callers, from, plan.window).await?);
        }
        let [ours, file, sled, sqlite] = samples.map(|samples| middle(&samples));
        let few = callers <= 16;
        let against_file = if few { Goal::AtLeast(0.75) } else { Goal::None };
        let against_sqlite = if (16..=256).contains(&callers) { Goal::MoreThan(1.0) } else { Goal::None };
        let p50 = if callers == 1 { Goal::AtMost(1.5) } else { Goal::None };
        let name = |what: &str| format!("{callers} actors, {what}");
        table.row(&name("turns beside a bare file"), ours.per_second, file.per_second, "/s", against_file)?;
        table.row(&name("turns beside sled"), ours.per_second, sled.per_second, "/s", Goal::AtLeast(1.0))?;
        table.row(&name("turns beside SQLite"), ours.per_second, sqlite.per_second, "/s", against_sqlite)?;
        table.row(&name("p50 beside a bare file"), ours.p50_us, file.p50_us, "us", p50)?;
        table.row(&name("p99 beside a bare file"), ours.p99_us, file.p99_us, "us", Goal::None)?;
        table.row(&name("p50 beside sled"), ours.p50_us, sled.p50_us, "us", Goal::None)?;
        table.row(&name("p99 beside sled"), ours.p99_us, sled.p99_us, "us", Goal::AtMost(2.0))?;
    }
    Ok(restage.shutdown().await?)
}

/// Many actors for so long that what is held back of the index, and of snapshots, has to be paid for.
pub(crate) async fn sustained(dir: &Path, quick: bool, table: &mut Table) -> Result<()> {
    const CALLERS: usize = 256;
    fs::create_dir_all(dir)?;
    let seconds = if quick { 3 } else { 20 };
    let window = Window { warm: Duration::from_millis(200), measured: Duration::from_secs(seconds) };
    let restage = open(&dir.join("ours")).await?;
    let ours = Arc::new(Ours::new(&restage, CALLERS, CALLERS)?);
    let sled = Arc::new(Grouped::new(BareSled::open(&dir.join("sled"))?));
    let ours = closed_loop(&ours, CALLERS, 0, window).await?;
    restage.shutdown().await?;
    rest().await;
    let sled = closed_loop(&sled, CALLERS, 0, window).await?;
    let name = |what: &str| format!("{CALLERS} actors for {seconds} s, {what}");
    table.row(&name("turns beside sled"), ours.per_second, sled.per_second, "/s", Goal::AtLeast(1.0))?;
    table.row(&name("p50 beside sled"), ours.p50_us, sled.p50_us, "us", Goal::None)?;
    table.row(&name("p99 beside sled"), ours.p99_us, sled.p99_us, "us", Goal::AtMost(2.0))
}

/// One actor with many commands under way, beside as many actors with one each.
pub(crate) async fn hot(dir: &Path, quick: bool, table: &mut Table) -> Result<()> {
    const CALLERS: usize = 64;
    let plan = Plan::new(quick);
    let restage = open(dir).await?;
    let (one, many) = (Arc::new(Ours::new(&restage, CALLERS, 1)?), Arc::new(Ours::new(&restage, CALLERS, CALLERS)?));
    let mut samples: [Vec<Sample>; 2] = Default::default();
    for _ in 0..plan.rounds {
        rest().await;
        samples[0].push(closed_loop(&one, CALLERS, 0, plan.window).await?);
        rest().await;
        samples[1].push(closed_loop(&many, CALLERS, 0, plan.window).await?);
    }
    let [one, many] = samples.map(|samples| middle(&samples));
    table.row(
        "one actor, 64 under way, beside 64 actors",
        one.per_second,
        many.per_second,
        "/s",
        Goal::AtLeast(0.5),
    )?;
    Ok(restage.shutdown().await?)
}
