//! `restage backup`, `restage restore`, `restage verify`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::args::{BackupArgs, RestoreArgs, Settings, VerifyArgs};
use super::output::Output;
use super::site::Site;
use super::stop::{Outcome, Stop};
use super::time;
use crate::api::{BackupInfo, Error, IndexState, Position, Restage, UpTo, VerifyReport};

/// Opens the data folder. Only what makes something in it makes it; a name that was mistyped must not.
pub(super) async fn open(settings: &Settings, make: bool) -> Outcome<Restage> {
    if !make {
        check_is_there(&settings.data)?;
    }
    Ok(Restage::open(&settings.data).await?)
}

fn check_is_there(folder: &Path) -> Outcome {
    if folder.is_file() || fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Ok(());
    }
    let what = format!("there is no data folder at {}", folder.display());
    let hint = "name another with --data DIR, or begin: restage workshop new garden, restage repo add app";
    Err(Stop::problem("not_found", what, hint))
}

/// A backup that can't be read: what to do about it is not what one does about a data folder.
fn bad_backup(error: Error) -> Stop {
    let mut stop = Stop::from(error);
    if let Stop::Problem(problem) = &mut stop
        && problem.code == "damaged"
    {
        problem.hint = Some("take another backup, or copy this one again: the file is not whole".into());
    }
    stop
}

/// Files that are being written can't be compared: what to do instead.
fn in_use(error: Error) -> Stop {
    Stop::from(error).map(|problem| {
        if problem.code == "in_use" {
            problem.hint =
                Some("verify a backup of it: restage backup FILE, restage verify FILE; or stop it first".into());
        }
    })
}

pub(super) async fn backup(args: &BackupArgs, site: &Site, output: &mut Output) -> Outcome {
    let file = site.absolute(&args.file)?;
    if file.exists() {
        let what = format!("{} is there already", args.file.display());
        return Err(Stop::problem("exists", what, "name another file: a backup is not written over"));
    }
    let restage = site.open(false).await?;
    let progress = output.progress("writing");
    let bar = progress.clone();
    let written = restage.backup(&file, move |done, total| bar.at(done, total)).await;
    progress.end();
    site.close(restage).await?;
    let info = written?;
    let text =
        |_| format!("{}: {} bytes, all up to position {} in it", args.file.display(), info.bytes, info.newest.0.0);
    Ok(output.data(&described(&info), text)?)
}

fn described(info: &BackupInfo) -> Value {
    let point = |(position, at): (Position, i64)| json!({ "position": position, "at": time::rfc3339(at) });
    json!({
        "store": info.store.to_string(),
        "oldest": point(info.oldest),
        "newest": point(info.newest),
        "entries": info.entries,
        "frames": info.frames,
        "bytes": info.bytes,
    })
}

pub(super) async fn restore(args: &RestoreArgs, output: &mut Output) -> Outcome {
    let until = args.until.as_deref().map(time::parse).transpose().map_err(|problem| {
        Stop::problem("usage", format!("--until is no time: {problem}"), "give it like 2026-11-21T12:00:00Z")
    })?;
    let upto = args.position.map(|position| UpTo::Position(Position(position))).or(until.map(UpTo::AtMs));
    fs::metadata(&args.file).map_err(|error| Stop::file("reading", &args.file, &error))?;
    let progress = output.progress("restoring");
    let bar = progress.clone();
    let restored = Restage::restore(&args.file, &args.into, upto, move |done, total| bar.at(done, total)).await;
    progress.end();
    let position = restored.map_err(bad_backup)?;
    let answer = json!({ "folder": args.into, "position": position });
    let text = |_| {
        let folder = args.into.display();
        format!("{folder} is as it was at position {}; use it with --data {folder}", position.0)
    };
    Ok(output.data(&answer, text)?)
}

pub(super) async fn verify(args: VerifyArgs, settings: &Settings, output: &mut Output) -> Outcome {
    match args.file {
        Some(file) => verify_backup(&file, output).await,
        None => verify_folder(settings, args.deep, output).await,
    }
}

async fn verify_backup(file: &Path, output: &mut Output) -> Outcome {
    fs::metadata(file).map_err(|error| Stop::file("reading", file, &error))?;
    let progress = output.progress("reading");
    let bar = progress.clone();
    let checked = Restage::check_backup(file, move |done, total| bar.at(done, total)).await;
    progress.end();
    let info = checked.map_err(bad_backup)?;
    let text = |_| {
        let newest = time::rfc3339(info.newest.1);
        let since = if info.oldest.0.0 == 0 { "the beginning".into() } else { time::rfc3339(info.oldest.1) };
        format!("sound: {} entries and {} frames, from {since} to {newest}", info.entries, info.frames)
    };
    Ok(output.data(&described(&info), text)?)
}

async fn verify_folder(settings: &Settings, deep: bool, output: &mut Output) -> Outcome {
    check_is_there(&settings.data)?;
    let progress = output.progress("reading");
    let bar = progress.clone();
    let checked = Restage::verify(&settings.data, move |done, total| bar.at(done, total)).await;
    progress.end();
    let report = checked.map_err(in_use)?;
    let mut findings: Vec<String> = report
        .findings
        .iter()
        .map(|finding| {
            let place = finding.offset.map(|offset| format!(" at byte {offset}")).unwrap_or_default();
            format!("{}{place}: {}", finding.file.display(), finding.problem)
        })
        .collect();
    let mut checked = None;
    if deep && findings.is_empty() {
        let (counts, unsound) = verify_entities(settings, output).await?;
        checked = Some(counts);
        findings.extend(unsound);
    }
    output.data(&report_json(&report, checked, &findings), |_| report_text(&report, checked, &findings))?;
    if findings.is_empty() {
        return Ok(());
    }
    let what = format!("{} is damaged: {} findings", settings.data.display(), findings.len());
    let hint = "restore the latest backup into a new folder: restage restore FILE --into DIR";
    Err(Stop::problem("damaged", what, hint))
}

/// What was checked beneath the files.
#[derive(Clone, Copy)]
struct Checked {
    workshops: u64,
    tasks: u64,
    repositories: u64,
    workflows: u64,
}

async fn verify_entities(settings: &Settings, output: &mut Output) -> Outcome<(Checked, Vec<String>)> {
    let restage = open(settings, false).await?;
    let progress = output.progress("checking what is in it");
    let bar = progress.clone();
    let checked = restage.verify_entities(move |done| bar.at(done, done)).await;
    progress.end();
    restage.shutdown().await?;
    let (counts, unsound) = checked?;
    let count = |kind| counts.iter().find(|(of, _)| *of == kind).map_or(0, |(_, count)| *count);
    let counts = Checked {
        workshops: count("workshop"),
        tasks: count("task"),
        repositories: count("repository"),
        workflows: count("workflow"),
    };
    Ok((counts, unsound.iter().map(|found| format!("{} {}: {}", found.kind, found.id, found.problem)).collect()))
}

fn report_json(report: &VerifyReport, checked: Option<Checked>, findings: &[String]) -> Value {
    let index = match &report.index {
        IndexState::Compared { keys, applied } => json!({ "compared": { "keys": keys, "applied": applied } }),
        IndexState::Unused(why) => json!({ "unused": why }),
        IndexState::Incomparable => json!("incomparable"),
    };
    json!({
        "store": report.store.to_string(),
        "snapshot": report.snapshot.map(|(position, keys)| json!({ "position": position, "keys": keys })),
        "segments": report.segments,
        "frames": report.frames,
        "newest": report.newest,
        "keys": report.keys,
        "index": index,
        "workshops": checked.map(|checked| checked.workshops),
        "tasks": checked.map(|checked| checked.tasks),
        "repositories": checked.map(|checked| checked.repositories),
        "workflows": checked.map(|checked| checked.workflows),
        "findings": findings,
    })
}

fn report_text(report: &VerifyReport, checked: Option<Checked>, findings: &[String]) -> String {
    let mut lines = vec![format!(
        "log: {} frames in {} segments, up to position {}; {} keys live",
        report.frames, report.segments, report.newest.0, report.keys
    )];
    lines.extend(report.snapshot.map(|(position, keys)| format!("snapshot: {keys} keys, at position {}", position.0)));
    lines.push(match &report.index {
        IndexState::Compared { keys, .. } => format!("index: {keys} keys, compared"),
        IndexState::Unused(why) => format!("index: not compared, it is built anew at the next start: {why}"),
        IndexState::Incomparable => "index: not compared, since what it comes from is damaged".into(),
    });
    lines.extend(checked.map(|Checked { workshops, tasks, repositories, workflows }| {
        format!("checked: workshops {workshops}, tasks {tasks}, repositories {repositories}, workflows {workflows}")
    }));
    lines.extend(findings.iter().map(|finding| format!("damaged: {finding}")));
    lines.push(if findings.is_empty() { "sound".into() } else { format!("{} findings", findings.len()) });
    lines.join("\n")
}
