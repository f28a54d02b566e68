//! Power cuts on real file systems: a loop-mounted image is shut down under load, so that what the kernel had not written
//! is gone, mounted again and looked at. A disk that is full, and a sync that fails, on the same ground.
//!
//! Needs root, loop devices and the tools. Without them the tests say so and do nothing, unless `CI` is set.
//! `RESTAGE_CUTS` says how many cuts there are.

mod load;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use load::mix;
use restage::workshop::{Message, Role, Template};
use restage::{EntityId, Restage, StageId};

/// Bytes of a message: small, larger than sled's pages, and far larger.
const PAYLOADS: [usize; 3] = [200, 20_000, 1_000_000];
const CUTS_PER_IMAGE: u64 = 6;

/// Runs a tool to its end.
fn tool(program: &str, arguments: &[&str]) -> Result<(), String> {
    let done = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let done = done.map_err(|error| format!("{program}: {error}"))?;
    let said = || format!("{program} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr).trim());
    done.status.success().then_some(()).ok_or_else(said)
}

/// Says why the test can't be done here. Where CI relies on it, that is a failure.
fn skip(why: &str) {
    assert!(env::var_os("CI").is_none(), "this has to run here, and can't: {why}");
    println!("skipped: {why}");
}

/// A file system in a file, mounted until dropped.
struct Image {
    file: PathBuf,
    at: PathBuf,
    _folder: tempfile::TempDir,
}

impl Image {
    fn new(kind: &str, megabytes: u64) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let (file, at) = (folder.path().join("image"), folder.path().join("mounted"));
        fs::File::create(&file).and_then(|f| f.set_len(megabytes << 20)).map_err(|error| error.to_string())?;
        fs::create_dir(&at).map_err(|error| error.to_string())?;
        let name = file.to_str().ok_or("the temporary folder is not text")?;
        match kind {
            "ext4" => tool("mkfs.ext4", &["-q", "-F", "-m", "0", name])?,
            _ => tool("mkfs.xfs", &["-q", "-f", name])?,
        }
        let image = Self { file, at, _folder: folder };
        image.mount()?;
        Ok(image)
    }

    fn mount(&self) -> Result<(), String> {
        tool("mount", &["-o", "loop", self.file.to_str().unwrap_or_default(), self.at.to_str().unwrap_or_default()])
    }

    /// Unmounts; whoever was killed may take a moment to let go.
    fn unmount(&self) -> Result<(), String> {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            match tool("umount", &[self.at.to_str().unwrap_or_default()]) {
                Err(_) if Instant::now() < until => thread::sleep(Duration::from_millis(20)),
                outcome => return outcome,
            }
        }
    }

    /// Cuts the power: nothing that is not on the disk will be.
    fn cut(&self) -> Result<(), String> {
        tool("xfs_io", &["-x", "-c", "shutdown", self.at.to_str().unwrap_or_default()])
    }

    fn data(&self) -> PathBuf {
        self.at.join("data")
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        if self.unmount().is_err() {
            let _ = tool("umount", &["-l", self.at.to_str().unwrap_or_default()]);
        }
    }
}

/// An image, or why there can't be one here.
fn image(kind: &str, megabytes: u64) -> Option<Image> {
    Image::new(kind, megabytes).map_err(|why| skip(&format!("no {kind} image: {why}"))).ok()
}

#[test]
fn a_power_cut_takes_nothing_that_was_acknowledged() {
    const NAME: &str = "a_power_cut_takes_nothing_that_was_acknowledged";
    load::be_the_load();
    if let Err(why) = tool("xfs_io", &["-V"]) {
        return skip(&why);
    }
    let cuts: u64 = env::var("RESTAGE_CUTS").map_or(36, |text| text.parse().expect("RESTAGE_CUTS is a number"));
    let mut acknowledgements = BTreeMap::new();
    let mut done = 0;
    for image_nth in 0..cuts.div_ceil(CUTS_PER_IMAGE) {
        let kind = if image_nth % 2 == 0 { "ext4" } else { "xfs" };
        let payload = PAYLOADS[usize::try_from(image_nth / 2 % 3).unwrap()];
        let Some(image) = image(kind, 1_500) else { return };
        let mut acknowledged = BTreeMap::new();
        for nth in 0..CUTS_PER_IMAGE.min(cuts - done) {
            let dice = mix(image_nth, nth);
            let running = load::start(NAME, &image.data(), payload);
            // One in six while it starts and recovers from the last.
            if nth % 6 != 4 {
                running.wait_for(1 + dice % 60, Duration::from_secs(30));
            }
            thread::sleep(Duration::from_micros(dice % 30_000));
            // What comes later may have been said about a disk that was gone already.
            let heard = running.heard();
            image.cut().unwrap();
            let after = running.kill();
            assert!(!after.ended.is_some_and(|why| why.starts_with("panicked")), "a cut disk is no panic");
            assert_eq!(heard.ended, None, "cut {nth} of {kind} with {payload} bytes");
            image.unmount().unwrap();
            image.mount().unwrap();
            load::remember(&mut acknowledged, &heard);
            *acknowledgements.entry((kind, payload)).or_insert(0) += heard.count;
            // Every other time the load itself is the next to open what is left.
            if nth % 2 == 1 || nth + 1 == CUTS_PER_IMAGE {
                load::open_and_check(&image.data(), payload, &mut acknowledged);
            }
            done += 1;
        }
    }
    println!("{done} power cuts; acknowledgements by file system and bytes: {acknowledgements:?}");
    assert!(acknowledgements.values().all(|count| *count > 5), "{acknowledgements:?}");
}

fn message(nth: usize, bytes: usize) -> Message {
    let content = format!("{nth} ").repeat(bytes / 8 + 1);
    Message { id: format!("m{nth}"), role: Role::User, content, finished: true, sub_step: None, by: None, source: None }
}

/// Fills a file system to the last byte.
fn fill(file: &Path) {
    use std::io::Write;
    let mut filler = fs::File::create(file).unwrap();
    for piece in [vec![1; 1 << 20], vec![1; 4096], vec![1; 1]] {
        while filler.write_all(&piece).is_ok() {}
    }
    let _ = filler.sync_all();
}

#[test]
fn on_a_full_disk_going_back_works_and_writing_goes_on_when_there_is_space() {
    let Some(image) = image("ext4", 300) else { return };
    tokio::runtime::Runtime::new().unwrap().block_on(full_disk(&image));
}

async fn full_disk(image: &Image) {
    let step = StageId::new("talk").unwrap();
    let id = EntityId::new("w").unwrap();
    let restage = Restage::open(image.data()).await.unwrap();
    let workshop = restage.workshops().unwrap().get(&id);
    let template = Template::from_toml("name='t'\ntitle='T'\n[[steps]]\nid='talk'\ntitle='Talk'\nprompt='p'").unwrap();
    workshop.create("A title", &template).await.unwrap();
    for nth in 0..20 {
        workshop.save(&step, vec![message(nth, 5_000)]).await.unwrap();
    }
    let before = workshop.conversation(&step).await.unwrap();
    let filler = image.at.join("filler");
    let file = filler.clone();
    tokio::task::spawn_blocking(move || fill(&file)).await.unwrap();

    // What was looked at a moment ago is believed for a second, so that the first may go through.
    let until = Instant::now() + Duration::from_secs(30);
    let mut saved = Vec::new();
    let refused = loop {
        let nth = 100 + saved.len();
        match workshop.save(&step, vec![message(nth, 5_000)]).await {
            Ok(_) => saved.push(nth),
            Err(error) => break error,
        }
        assert!(Instant::now() < until, "a full disk takes everything");
    };
    assert_eq!(refused.code(), "disk_full", "{refused}");
    let now = workshop.conversation(&step).await.unwrap();
    assert_eq!(now.len(), before.len() + saved.len(), "reading works, and what was refused is not there");
    workshop.reset(&step).await.expect("a reset works on a full disk");
    assert_eq!(workshop.conversation(&step).await.unwrap(), []);
    workshop.handle().undo(None).await.expect("so does an undo");
    assert_eq!(workshop.conversation(&step).await.unwrap(), now);

    fs::remove_file(&filler).unwrap();
    let until = Instant::now() + Duration::from_secs(30);
    while let Err(error) = workshop.save(&step, vec![message(900, 5_000)]).await {
        assert_eq!(error.code(), "disk_full", "{error}");
        assert!(Instant::now() < until, "there is space again, and nothing is taken");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let now = workshop.conversation(&step).await.unwrap();
    restage.shutdown().await.unwrap();

    // A start on a full disk works, or says why it does not.
    let file = filler.clone();
    tokio::task::spawn_blocking(move || fill(&file)).await.unwrap();
    match Restage::open(image.data()).await {
        Ok(restage) => {
            let workshop = restage.workshops().unwrap().get(&id);
            assert_eq!(workshop.conversation(&step).await.unwrap(), now);
            println!("a start on a full disk works");
            if let Err(error) = restage.shutdown().await {
                assert_eq!(error.code(), "disk_full", "{error}");
            }
        }
        Err(error) => {
            assert_eq!(error.code(), "disk_full", "{error}");
            println!("a start on a full disk is refused: {error}");
        }
    }
    fs::remove_file(&filler).unwrap();
    let restage = Restage::open(image.data()).await.unwrap();
    assert_eq!(restage.workshops().unwrap().get(&id).conversation(&step).await.unwrap(), now);
    restage.shutdown().await.unwrap();
}

#[test]
fn after_a_sync_that_fails_nothing_is_acknowledged_and_the_next_start_reads_the_truth() {
    const NAME: &str = "after_a_sync_that_fails_nothing_is_acknowledged_and_the_next_start_reads_the_truth";
    load::be_the_load();
    if let Err(why) = tool("strace", &["-V"]) {
        return skip(&why);
    }
    let (mut failed, mut acknowledgements) = (0, 0);
    for when in [1, 2, 3, 5, 8, 13, 21, 34, 55, 89] {
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("trace");
        let data = folder.path().join("data");
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o"]).arg(&trace).args(["-e", "trace=fdatasync", "-e"]);
        command.arg(format!("inject=fdatasync:error=EIO:when={when}"));
        command.arg(env::current_exe().unwrap()).args(["--exact", NAME, "--nocapture"]);
        let running = load::start_command(command, &data, 300);
        let heard = running.wait_for(u64::MAX, Duration::from_secs(60));
        let why = heard.ended.clone().unwrap_or_else(|| panic!("it goes on after sync {when} has failed: {heard:?}"));
        assert!(
            why.starts_with("failed poisoned") || why.starts_with("refused io") || why.starts_with("failed io"),
            "{why}"
        );
        let heard = running.kill();
        if !fs::read_to_string(&trace).unwrap().contains("EIO") {
            return skip("strace injects nothing here");
        }
        failed += 1;
        acknowledgements += heard.count;
        let mut acknowledged = heard.acknowledged.clone();
        load::open_and_check(&data, 300, &mut acknowledged);
        // The turns that were on their way may be there or not, but what is there now stays.
        load::open_and_check(&data, 300, &mut acknowledged);
    }
    println!("{failed} failed syncs after {acknowledgements} acknowledgements");
}
