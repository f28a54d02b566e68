//! After a crash of ours the agents that we had are found and ended, and nobody else.

use super::*;

/// What [`host`] does when it is a process of its own: it starts an agent, tells what finds it again, and waits to be killed.
const HOST: &str = "agents::tests::leftovers::host";

#[test]
fn host() {
    let Some(root) = env::var_os("AGENTS_TEST_PLACE").filter(|_| is_child()) else { return };
    let root = PathBuf::from(root);
    let place = |name: &str| root.join(name);
    let launch = Launch {
        command: vec!["sh".into(), "-c".into(), fs::read_to_string(place("script")).unwrap()],
        worktree: place("worktree"),
        mark: Mark { store: root.display().to_string(), task: "t".into(), run: 1 },
        scratch: place("scratch"),
        environment: BTreeMap::from([("NOTES".into(), place("notes").display().to_string())]),
        ..launch(&[])
    };
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut agent = Agent::start(launch).unwrap();
        let Started { pid, start_time, boot } = agent.started().clone();
        fs::write(place("started.new"), format!("{pid} {start_time} {boot}")).unwrap();
        fs::rename(place("started.new"), place("started")).unwrap();
        while agent.lines().await.is_some() {}
    });
}

/// Starts an agent in a host that is killed as soon as the agent has written the notes.
fn crash(place: &Place, script: &str, notes: &[&str]) -> (Started, Vec<u32>) {
    fs::write(place.root.path().join("script"), script).unwrap();
    let mut command = as_process(HOST, &[("AGENTS_TEST_PLACE", place.root.path().to_str().unwrap())]);
    let mut host = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let file = place.root.path().join("started");
    eventually("the agent's start", || file.exists());
    let noted = notes.iter().map(|name| place.noted(name)).collect();
    host.kill().unwrap();
    host.wait().unwrap();
    let text = fs::read_to_string(file).unwrap();
    let parts: Vec<&str> = text.split(' ').collect();
    let (pid, start_time) = (parts[0].parse().unwrap(), parts[1].parse().unwrap());
    (Started { pid, start_time, boot: parts[2].into() }, noted)
}

const FAMILY: &str = "trap '' PIPE
    setsid sh -c 'echo $$ > $NOTES/session; exec sleep 1000' >/dev/null 2>&1 &
    nohup sh -c 'trap \"\" TERM; echo $$ > $NOTES/deaf; while :; do sleep 1; done' >/dev/null 2>&1 &
    echo $$ > $NOTES/agent; while :; do sleep 1; done";
const NOTES: [&str; 3] = ["session", "deaf", "agent"];

#[tokio::test]
async fn an_agent_and_all_that_came_of_it_are_ended_with_and_without_its_number() {
    for leave_group in ["", LEAVE_GROUP] {
        for with_number in [true, false] {
            let place = Place::new();
            let (started, noted) = crash(&place, &format!("{leave_group}{FAMILY}"), &NOTES);
            assert_eq!(noted[2], started.pid);
            assert!(noted.iter().all(|pid| runs(*pid)), "the crash of the host ended them");
            let (mark, worktree) = (place.mark(), place.worktree());
            let started = with_number.then_some(&started);
            let ended = end_leftovers(&mark, started, &worktree, Duration::from_millis(200)).await.unwrap();
            for pid in &noted {
                assert!(ended.contains(pid) && !runs(*pid), "{pid}: {ended:?}");
            }
            let again = end_leftovers(&mark, started, &worktree, Duration::from_millis(200)).await;
            assert_eq!(again, Ok(vec![]));
            assert_eq!(control_group::ControlGroup::find(&mark), []);
        }
    }
}

#[tokio::test]
async fn who_shed_all_that_is_ours_is_found_by_the_control_group_or_where_it_stands() {
    let script = "env -i N=$NOTES PATH=$PATH setsid sh -c 'cd $PLACE; echo $$ > $N/left; exec sleep 1000' </dev/null >/dev/null 2>&1 &
        echo $$ > $NOTES/agent; sleep 1000";
    for (leave_group, stands_in) in [("", "/"), (LEAVE_GROUP, ".")] {
        if !leave_group.is_empty() || is_root() {
            let place = Place::new();
            let script = format!("{leave_group}{}", script.replace("$PLACE", stands_in));
            let (started, noted) = crash(&place, &script, &["left", "agent"]);
            let ended = end_leftovers(&place.mark(), Some(&started), &place.worktree(), Duration::ZERO).await.unwrap();
            assert!(ended.contains(&noted[0]) && !runs(noted[0]), "{leave_group}");
        }
    }
}

#[tokio::test]
async fn a_number_that_is_another_process_now_is_not_touched() {
    let place = Place::new();
    let mut other = Bystander::start(Path::new("/"), &[]);
    let now = process::started(other.0.id()).unwrap().unwrap();
    let earlier = Started { start_time: now.start_time - 1, ..now.clone() };
    let other_boot = Started { boot: "another boot".into(), ..now };
    for started in [earlier, other_boot] {
        let ended = end_leftovers(&place.mark(), Some(&started), &place.worktree(), Duration::ZERO).await;
        assert_eq!(ended, Ok(vec![]));
        other.assert_untouched();
    }
}

#[tokio::test]
async fn a_person_at_work_in_the_worktree_is_not_touched() {
    let place = Place::new();
    let (started, _) = crash(&place, FAMILY, &NOTES);
    let mut later = Bystander::start(&place.worktree(), &[]);
    // What a shell of theirs has started there; the shell ends it when its input is closed.
    let mut shell = Command::new("sh");
    shell.args(["-c", "sleep 1000 & echo $! > $0/theirs; read line; kill $!"]).arg(place.notes());
    let mut shell = shell.current_dir(place.worktree()).stdin(Stdio::piped()).spawn().unwrap();
    let theirs = place.noted("theirs");
    end_leftovers(&place.mark(), Some(&started), &place.worktree(), Duration::from_millis(100)).await.unwrap();
    later.assert_untouched();
    assert!(runs(theirs));
    drop(shell.stdin.take());
    shell.wait().unwrap();
}
