//! The board, and the pages of a task: a real repository, agents that are real programs, a person with a browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::browser::{Browser, Look};
use crate::patience::until;
use crate::target::{button, link};
use crate::world::World;

/// An agent that goes on for ever when it implements, and says so.
const TIRELESS: &str = r#"
case $RESTAGE_STAGE in
implement)
    echo changed >> read.md
    echo untracked > 'a new file'
    n=0
    while :; do n=$((n + 1)); printf '\033[1;32mthinking\033[0m, line %s\n' $n; sleep 0.05; done
    ;;
*) echo "by $RESTAGE_STAGE" > note; echo '{"restage":"output","text":"the **plan**"}' ;;
esac
"#;

/// An agent that writes what pages must show and not obey.
const HOSTILE: &str = r#"
printf 'x\n' > '"><img src=x onerror=alert(1)>.html'
printf '<script>alert(2)</script>\n' > page.html
printf 'from \342\200\256the right\033]52;c;cHduZWQ=\007 <img src=x onerror=alert(3)>\n'
printf '<svg onload=alert(4)>\n' >&2
printf '%s\n' '{"restage":"output","text":"before <script>alert(5)</script> [a link](javascript:alert(6)) after"}'
printf '%s\n' '{"restage":"handoff","text":"<img src=x onerror=alert(7)> ![picture](https://example.com/leak.png)"}'
printf '%s\n' '{"restage":"todos","items":[{"text":"<b hx-get=/sign-out hx-trigger=load>todo</b>","done":false}]}'
"#;

/// A server whose agents do this; without a script the one that comes with the program.
fn world(script: Option<&str>) -> Option<World> {
    let world = World::with(|place, _| {
        let Some(script) = script else { return };
        let (file, folder) = (place.path("agent.sh"), place.path(".config/restage"));
        fs::write(&file, script).unwrap();
        fs::create_dir_all(&folder).unwrap();
        let command = format!("[\"sh\", \"{}\"]", file.display());
        let agents = format!("[agents.own]\ncommand = {command}\ngrace = \"1s\"\n[stages]\ndefault = \"own\"\n");
        fs::write(folder.join("agents.toml"), agents).unwrap();
    })?;
    repository(&world.place.path("repository"));
    Some(world)
}

fn repository(at: &Path) {
    fs::create_dir_all(at).unwrap();
    fs::write(at.join("read.md"), "read me\n").unwrap();
    git(at, &["init", "-q", "-b", "main"]);
    git(at, &["add", "-A"]);
    git(at, &["commit", "-q", "-m", "first"]);
}

fn git(at: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]).args(arguments).current_dir(at);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

fn register(world: &World) {
    world.post("/v1/repositories", json!({ "name": "app", "path": world.place.path("repository") }));
}

fn make(world: &World, id: &str, title: &str) {
    let new = json!({ "id": id, "title": title, "repository": "app", "tier": "L1", "brief": "All **of** it." });
    world.post("/v1/tasks", new);
}

fn start(world: &World, id: &str) {
    world.post(&format!("/v1/tasks/{id}/start?wait=60"), json!({}));
}

/// Asks until a task is as it should be.
fn when(world: &World, id: &str, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
    until(what, || Some(world.get(&format!("/v1/tasks/{id}"))).filter(&holds))
}

/// Runs the stage that a task is in, to its end.
fn run_stage(world: &World, id: &str) {
    world.post(&format!("/v1/tasks/{id}/run"), json!({}));
    when(world, id, "the run ends", |task| task["run"].is_null());
}

fn approve(world: &World, id: &str) {
    world.post(&format!("/v1/tasks/{id}/approve?wait=60"), json!({}));
}

/// Presses Tab until something has the focus.
fn tab_to(browser: &Browser, what: &str) {
    let mut seen = Vec::new();
    for _ in 0..60 {
        browser.keys("Tab");
        let focused = browser.focused();
        if focused == what {
            return;
        }
        seen.push(focused);
    }
    panic!("{what} never has the focus, but {seen:#?}");
}

#[test]
fn a_task_is_done_from_its_repository_to_its_merge() {
    let Some(world) = world(None) else { return };
    let browser = world.signed_in(Look::DESKTOP);
    browser.open("/ui/tasks");
    browser.reads("There is no task yet");
    browser.click(link("New task"));
    browser.reads("None is registered yet");
    browser.write("#name", "app");
    browser.write("#path", world.place.path("repository").to_str().unwrap());
    browser.click(button("Register"));
    browser.write("#title", "Greet <whoever> comes");
    browser.write("#brief", "Say **hello**.");
    browser.choose("#tier", "L1: plan, implement");
    browser.click("form.fields details summary");
    browser.write("#id", "t1");
    browser.screenshot("task-new");
    browser.axe();
    browser.click(button("Make the task"));
    browser.arrives_at("/ui/tasks/t1");

    browser.click(button("Start"));
    for stage in ["plan", "implement"] {
        browser.click(button(&format!("Run {stage}")));
        browser.sees(button(&format!("Approve {stage}")));
        browser.reads("What you approve is committed");
        browser.click(button(&format!("Approve {stage}")));
    }
    browser.click(button("Merge into main"));
    browser.misses(button("Merge into main"));
    browser.reads("Merged");
    let merged = world.get("/v1/tasks/t1")["merged"].clone();
    assert_eq!(merged, git(&world.place.path("repository"), &["rev-parse", "main"]));
    browser.click(link("Commits"));
    browser.reads("task/t1: complete implement stage");
    browser.click(link("Changes"));
    browser.reads("notes/plan.md");
}

#[test]
fn a_rejected_stage_is_done_again_with_the_words_of_its_rejection() {
    let Some(world) = world(None) else { return };
    register(&world);
    make(&world, "t1", "A task");
    start(&world, "t1");
    run_stage(&world, "t1");
    let browser = world.signed_in(Look::DESKTOP);
    browser.open("/ui/tasks/t1");
    browser.click("details.reject summary");
    browser.write(".reject textarea", "name the <files>");
    // What goes on elsewhere takes neither the words away nor the fold.
    make(&world, "t2", "Another");
    world.post("/v1/tasks", json!({ "title": "After", "repository": "app", "depends_on": ["t1"] }));
    browser.reads("Awaited by");
    assert_eq!(browser.value(".reject textarea"), "name the <files>");
    browser.click(button("Reject plan"));
    browser.click(button("Run plan again"));
    browser.sees(button("Approve plan"));
    browser.reads("name the <files>");
    browser.reads("Rejections of plan");
}

#[test]
fn a_restart_under_a_running_agent_is_shown_first_and_its_undo_gives_all_back() {
    let Some(world) = world(Some(TIRELESS)) else { return };
    register(&world);
    make(&world, "t1", "A task");
    start(&world, "t1");
    run_stage(&world, "t1");
    approve(&world, "t1");
    let browser = world.signed_in(Look::DESKTOP);
    browser.open("/ui/tasks/t1");
    browser.click(button("Run implement"));
    // What the agent puts out is seen as it comes, without its colours.
    until("its output goes on", || browser.text("pre.live").contains("thinking, line 40").then_some(()));
    browser.screenshot("task-running");
    browser.axe();
    let worktree = PathBuf::from(world.get("/v1/tasks/t1")["place"]["worktree"].as_str().unwrap());

    browser.click("#restart-menu summary");
    browser.screenshot("task-restart-menu");
    browser.sees(button("Full restart"));
    browser.sees(button("Restart implement"));
    browser.click(button("Restart plan"));
    for words in ["Cleared", "its processes are ended", "task/t1: complete plan stage", "a new file", "can be undone"] {
        browser.reads(words);
    }
    browser.screenshot("task-restart-dialog");
    browser.axe();
    browser.write("#verb-reason", "another plan");
    browser.click(button("Restart").inside("dialog"));
    browser.reads("Done: Restart.");
    browser.sees(button("Run plan"));
    assert!(!worktree.join("a new file").exists() && !worktree.join("note").exists());

    browser.click(button("Undo").inside("#bars"));
    browser.reads("what is there now goes into snapshot");
    browser.click(button("Undo").inside("dialog"));
    browser.sees(button("Retry"));
    browser.reads("interrupted");
    assert_eq!(fs::read_to_string(worktree.join("a new file")).unwrap(), "untracked\n");
    browser.click(link("Snapshots"));
    browser.reads("git show --stat refs/restage/snapshots/t1/");
}

#[test]
fn what_agents_write_is_shown_and_not_obeyed() {
    let Some(world) = world(Some(HOSTILE)) else { return };
    register(&world);
    make(&world, "t1", "\"><script>alert(8)</script>");
    start(&world, "t1");
    run_stage(&world, "t1");
    let browser = world.signed_in(Look::DESKTOP);
    let shown: [(&str, &[&str]); 5] = [
        ("/ui/tasks", &["\"><script>alert(8)</script>"]),
        (
            "/ui/tasks/t1",
            &["alert(8)", "before <script>alert(5)</script>", "<img src=x onerror=alert(7)>", "<b hx-get=/sign-out"],
        ),
        ("/ui/tasks/t1/log", &["from U+202Ethe rightU+001B]52;c;cHduZWQ=U+0007 <img", "<svg onload=alert(4)>"]),
        ("/ui/tasks/t1/changes", &["\"><img src=x onerror=alert(1)>.html", "<script>alert(2)</script>"]),
        ("/ui/tasks/t1/commits", &["\"><img src=x onerror=alert(1)>.html"]),
    ];
    for (path, words) in shown {
        browser.open(path);
        words.iter().for_each(|words| browser.reads(words));
        assert_eq!(browser.alert(), None, "{path}");
        assert_eq!(
            browser.count("main script, main img, main svg[onload], main [onerror], main [hx-get]"),
            0,
            "{path}"
        );
        browser.axe();
    }
    browser.open("/ui/tasks/t1");
    browser.click("#restart-menu summary");
    browser.click(button("Restart plan"));
    browser.reads("\"><img src=x onerror=alert(1)>.html");
    assert_eq!((browser.alert(), browser.count("dialog img")), (None, 0));
}

#[test]
fn the_board_moves_by_itself_and_has_what_is_looked_for_in_its_address() {
    let Some(world) = world(None) else { return };
    register(&world);
    make(&world, "t1", "First of all");
    make(&world, "t2", "Second to none");
    let browser = world.signed_in(Look::PHONE);
    browser.open("/ui/tasks");
    browser.reads("2 tasks");
    assert_eq!(browser.count(".column"), 2);
    start(&world, "t1");
    browser.reads("planning 1");
    run_stage(&world, "t1");
    browser.reads("to approve");
    assert_eq!(browser.overflow(), 0);
    browser.screenshot("board");
    browser.axe();

    browser.write("#words", "SECOND");
    browser.click(button("Show"));
    browser.reads("1 of 2 tasks");
    assert!(browser.path().contains("words=SECOND"), "{}", browser.path());
    browser.open("/ui/tasks?waiting=true&repository=app");
    browser.reads("First of all");
    assert!(!browser.words().contains("Second to none"));
    browser.click(link("First of all"));
    browser.arrives_at("/ui/tasks/t1");
    assert_eq!(browser.overflow(), 0);
    browser.axe();
}

#[test]
fn a_task_is_brought_forward_and_back_without_a_mouse() {
    let Some(world) = world(None) else { return };
    register(&world);
    make(&world, "t1", "A task");
    start(&world, "t1");
    run_stage(&world, "t1");
    let browser = world.signed_in(Look::DESKTOP);
    browser.open("/ui/tasks");
    tab_to(&browser, "link A task");
    browser.keys("Enter");
    browser.arrives_at("/ui/tasks/t1");
    tab_to(&browser, "button Approve plan");
    browser.keys("Enter");
    browser.sees(button("Run implement"));
    browser.open("/ui/tasks/t1");
    tab_to(&browser, "DisclosureTriangle Restart ▾");
    browser.keys("Enter");
    tab_to(&browser, "button Restart plan");
    browser.keys("Enter");
    browser.reads("can be undone until");
    browser.types("again");
    tab_to(&browser, "button Restart");
    browser.keys("Enter");
    browser.sees(button("Run plan"));
    browser.reads("Done: Restart.");
}

#[test]
fn every_page_of_a_task_is_good_to_look_at_in_all_sizes_and_themes() {
    let Some(world) = world(None) else { return };
    register(&world);
    make(&world, "t1", "A task with a title that is longer than a phone is wide");
    start(&world, "t1");
    run_stage(&world, "t1");
    approve(&world, "t1");
    run_stage(&world, "t1");
    let browser = world.signed_in(Look::DESKTOP);
    for look in Look::ALL {
        browser.look_as(look);
        for (name, path) in [
            ("task", "/ui/tasks/t1"),
            ("task-stage", "/ui/tasks/t1?stage=plan"),
            ("task-log", "/ui/tasks/t1/log"),
            ("task-changes", "/ui/tasks/t1/changes"),
            ("task-commits", "/ui/tasks/t1/commits"),
            ("task-snapshots", "/ui/tasks/t1/snapshots"),
            ("task-late", "/ui/tasks/t1/late"),
            ("board", "/ui/tasks"),
            ("task-new", "/ui/new-task"),
        ] {
            browser.open(path);
            browser.sees("h1");
            browser.axe();
            assert!(browser.overflow() <= 0, "{path} {}", look.name());
            browser.screenshot(name);
        }
    }
}

#[test]
fn who_may_only_look_is_offered_nothing() {
    let Some(world) = world(None) else { return };
    register(&world);
    make(&world, "t1", "A task");
    start(&world, "t1");
    run_stage(&world, "t1");
    let browser = world.signed_in_as(Look::DESKTOP, "eve", "read");
    for path in ["/ui/tasks", "/ui/tasks/t1", "/ui/tasks/t1/snapshots", "/ui/new-task"] {
        browser.open(path);
        browser.sees("h1");
        assert_eq!(browser.count("main [data-post], main [data-verb]"), 0, "{path}");
    }
    browser.open("/ui/tasks/t1");
    browser.reads("to approve");
}

#[test]
fn a_task_whose_dependency_went_back_says_so_and_can_be_accepted() {
    let Some(world) = world(None) else { return };
    register(&world);
    make(&world, "t1", "First");
    let after = json!({ "id": "t2", "title": "After", "repository": "app", "tier": "L1", "depends_on": ["t1"] });
    world.post("/v1/tasks", after);
    let browser = world.signed_in(Look::DESKTOP);
    browser.open("/ui/tasks/t2");
    browser.reads("It can be started when these are done: t1");
    assert!(!browser.is_shown(button("Start")));
    start(&world, "t1");
    for _ in ["plan", "implement"] {
        run_stage(&world, "t1");
        approve(&world, "t1");
    }
    browser.click(button("Start"));
    browser.sees(button("Run plan"));
    let plan = world.post("/v1/tasks/t1/restart/plan", json!({ "stage": "implement" }));
    let restart = json!({ "stage": "implement", "plan": plan["token"] });
    world.post("/v1/tasks/t1/restart?wait=60", restart);
    browser.reads("t1 was taken back, and is not done again");
    browser.screenshot("task-stale");
    browser.axe();
    browser.click(button("Accept"));
    browser.click(button("Accept").inside("dialog"));
    browser.reads("Done: Accept.");
    browser.misses(".notice.warn");
    let other = world.signed_in(Look::PHONE);
    other.open("/ui/tasks/t2");
    other.sees("h1");
    other.misses(".notice.warn");
}
