//! What the system says about this machine and this process.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::Result;

/// What the bench runs on.
pub(crate) fn environment(dir: &Path) -> Result<String> {
    let cores = std::thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_else(|_| "unknown".into());
    let (system, mount) = file_system(dir)?;
    let memory = field("/proc/meminfo", "MemTotal:").unwrap_or_default() / 1024;
    Ok(format!(
        "{cores} cores, {memory} MiB of memory, kernel {}, {system} at {mount}, files in {}",
        kernel.trim(),
        dir.display()
    ))
}

/// Type of the file system that holds a folder, and where it is mounted.
fn file_system(dir: &Path) -> Result<(String, String)> {
    let dir = fs::canonicalize(dir)?;
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let fitting = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (mount, system) = (words.next()?, words.next()?);
        dir.starts_with(mount).then(|| (system.to_owned(), mount.to_owned()))
    });
    let deepest = fitting.max_by_key(|(_, mount)| mount.len());
    Ok(deepest.unwrap_or_else(|| ("an unknown file system".into(), "?".into())))
}

/// Resident memory of this process, in MiB.
#[allow(dead_code, reason = "only one bench looks at its own memory")]
pub(crate) fn resident_mib() -> f64 {
    field("/proc/self/status", "VmRSS:").unwrap_or_default() as f64 / 1024.0
}

fn field(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Waits until this process has nothing more to do, so that what one part left behind does not slow down the next.
pub(crate) async fn rest() {
    const LOOK: Duration = Duration::from_millis(100);
    const LOOKS_MOST: usize = 300;
    let mut before = cpu_ticks();
    for _ in 0..LOOKS_MOST {
        tokio::time::sleep(LOOK).await;
        let now = cpu_ticks();
        if now - before <= 1 {
            return;
        }
        before = now;
    }
}

/// Processor time of this process, in hundredths of a second.
fn cpu_ticks() -> u64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in parentheses, may hold spaces.
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
}
