//! How long going back takes beside what one would do with the git program. A rough measurement, not a check:
//! `cargo test --release --lib -- --ignored --nocapture a_large_worktree`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::repo::{Repo, vcs};
use super::scene::{Scene, request};
use crate::vcs::{To, Vcs as _};

const DIRECTORIES: usize = 500;
const FILES: usize = 100;
const ROUNDS: u64 = 5;

fn name(n: usize) -> String {
    format!("d{}/f{}", n % DIRECTORIES, n / DIRECTORIES)
}

/// About a kilobyte that does not compress well.
fn content(n: usize) -> String {
    let mut x = u64::try_from(n).unwrap().wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::new();
    while text.len() < 1000 {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        text += &format!("{x:x}\n");
    }
    text
}

/// 200 files changed, 20 deleted, 300 new.
fn mess(tree: &Path, round: usize) {
    for n in 0..200 {
        fs::write(tree.join(name(n * 231 + 1)), content(1_000_000 * (round + 1) + n)).unwrap();
    }
    for n in 0..20 {
        fs::remove_file(tree.join(name(n * 2003 + 2))).unwrap();
    }
    for n in 0..300 {
        fs::write(tree.join(format!("d{n}/new")), content(2_000_000 * (round + 1) + n)).unwrap();
    }
}

fn timed<T>(times: &mut Vec<Duration>, work: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let done = work();
    times.push(begun.elapsed());
    done
}

fn median(times: &mut [Duration]) -> u128 {
    times.sort();
    times[times.len() / 2].as_millis()
}

#[test]
#[ignore = "takes minutes"]
fn a_large_worktree() {
    let repo = Repo::empty(&[]);
    repo.git(&["config", "gc.auto", "0"]);
    for n in 0..DIRECTORIES * FILES {
        repo.write(&name(n), &content(n));
    }
    repo.commit_all("first");
    repo.git(&["gc", "-q"]);
    let mut scene = Scene::over(repo);
    scene.git = vcs();
    let base = scene.base();
    for n in 0..500 {
        scene.write(&name(n * 97 + 3), &content(n + 500_000));
    }
    let tip = scene.stage("plan", 1).unwrap();

    let mut times: [Vec<Duration>; 6] = Default::default();
    for round in 0..ROUNDS {
        let salt = usize::try_from(round).unwrap();
        mess(scene.tree(), salt);
        timed(&mut times[0], || {
            scene.run(&["stash", "push", "-q", "-u"]);
            scene.run(&["reset", "-q", "--hard", &base.to_string()]);
        });
        scene.run(&["reset", "-q", "--hard", &tip.to_string()]);
        mess(scene.tree(), salt + 100);
        timed(&mut times[1], || scene.run(&["--no-optional-locks", "status", "--porcelain"]));
        timed(&mut times[2], || scene.git.look(&scene.place, Some(&To::Commit(base))).unwrap());
        timed(&mut times[3], || scene.git.candidate(&scene.place).unwrap());
        timed(&mut times[4], || scene.git.go_back(&scene.place, &request(2 * round + 1, To::Commit(base))).unwrap());
        timed(&mut times[5], || {
            scene.git.go_back(&scene.place, &request(2 * round + 2, To::Snapshot(2 * round + 1))).unwrap()
        });
        scene.run(&["reset", "-q", "--hard", &tip.to_string()]);
        scene.run(&["clean", "-fdq"]);
    }
    let names = ["git stash -u + reset --hard", "git status", "look", "candidate", "go back", "undo"];
    for (name, times) in names.iter().zip(&mut times) {
        println!("{name}: {} ms of {:?}", median(times), times);
    }
}
