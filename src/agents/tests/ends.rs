//! However an agent ends, and whatever it leaves behind: afterwards nobody is left.

use super::*;

#[tokio::test]
async fn its_exit_code_is_told() {
    for code in [0, 1, 7, 255] {
        let (_, ended) = follow(Place::new().script(&format!("exit {code}"))).await;
        assert_eq!(ended, Ok(Ended::Exited(code)));
    }
}

#[tokio::test]
async fn a_signal_that_is_not_ours_is_told() {
    let (_, ended) = follow(Place::new().script("kill -9 $$")).await;
    assert_eq!(ended, Ok(Ended::Signal(9)));
}

#[tokio::test]
async fn it_is_ended_when_its_time_is_over() {
    let place = Place::new();
    let launch = Launch { time_out: Duration::from_millis(300), ..place.script("echo $$ > $NOTES/a; sleep 1000") };
    let (_, ended) = follow(launch).await;
    assert_eq!(ended, Ok(Ended::TimedOut));
    assert!(!runs(place.noted("a")));
}

#[tokio::test]
async fn what_it_says_when_asked_to_end_is_heard() {
    let place = Place::new();
    let script = r#"trap 'echo "{\"restage\":\"continue\",\"text\":\"half done\"}"; echo bye; exit 3' TERM
        echo ready; while :; do sleep 0.05; done"#;
    let mut agent = Agent::start(place.script(script)).unwrap();
    let mut all = Vec::new();
    while let Some(lines) = agent.lines().await {
        if texts(&lines, Stream::Out).contains(&"ready") {
            agent.stop();
        }
        all.extend(lines);
    }
    assert_eq!(texts(&all, Stream::Out), ["ready", "bye"]);
    assert!(all.contains(&Line::Said(Said::Continue("half done".into()))));
    assert_eq!(agent.wait().await, Ok(Ended::Stopped));
}

#[tokio::test]
async fn who_ignores_being_asked_is_killed_after_the_grace() {
    let place = Place::new();
    let script = "trap '' TERM HUP INT; echo $$ > $NOTES/a; while :; do sleep 0.05; done";
    let agent = Agent::start(Launch { grace: Duration::from_millis(300), ..place.script(script) }).unwrap();
    let pid = place.noted("a");
    let began = Instant::now();
    assert_eq!(agent.end().await, Ok(Ended::Stopped));
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert!(!runs(pid));
}

#[tokio::test]
async fn who_was_stopped_by_a_signal_is_ended_too() {
    let place = Place::new();
    let script = "echo $$ > $NOTES/a; kill -STOP $$; sleep 1000";
    let agent = Agent::start(Launch { grace: Duration::from_millis(100), ..place.script(script) }).unwrap();
    let pid = place.noted("a");
    assert_eq!(agent.end().await, Ok(Ended::Stopped));
    assert!(!runs(pid));
}

/// Ways to leave a process behind. Each writes its number into the note `left`.
const WAYS: &[(&str, &str)] = &[
    ("in the background", "(echo $(exec sh -c 'echo $PPID') > $NOTES/left; exec sleep 1000) &"),
    ("holding the pipe", "sh -c 'echo $$ > $NOTES/left; exec sleep 1000' &"),
    ("nohup", "nohup sh -c 'echo $$ > $NOTES/left; exec sleep 1000' >/dev/null 2>&1 </dev/null &"),
    ("a session of its own", "setsid sh -c 'echo $$ > $NOTES/left; exec sleep 1000' >/dev/null 2>&1 &"),
    (
        "forked twice, as a daemon does, and gone elsewhere",
        "setsid sh -c 'cd /; (echo $(exec sh -c \"echo \\$PPID\") > $NOTES/left; exec sleep 1000) & exit' </dev/null >/dev/null 2>&1",
    ),
    (
        "a session and an environment of its own, but our pipe",
        "env -i N=$NOTES PATH=$PATH setsid sh -c 'cd /; echo $$ > $N/left; exec sleep 1000' &",
    ),
    (
        "nothing of ours, but standing in the worktree",
        "env -i N=$NOTES PATH=$PATH setsid sh -c 'echo $$ > $N/left; exec sleep 1000' </dev/null >/dev/null 2>&1 &",
    ),
    (
        "nothing of ours, but a file of the worktree",
        "env -i N=$NOTES PATH=$PATH setsid sh -c 'exec 9>file; cd /; echo $$ > $N/left; exec sleep 1000' </dev/null >/dev/null 2>&1 &",
    ),
    (
        "deaf, and in a session of its own",
        "setsid sh -c 'trap \"\" TERM HUP; echo $$ > $NOTES/left; while :; do sleep 1; done' >/dev/null 2>&1 &",
    ),
];

#[tokio::test]
async fn nobody_that_it_left_behind_lives_on() {
    let wait_for_note = "while ! [ -s $NOTES/left ]; do sleep 0.01; done\n";
    for leave_group in ["", LEAVE_GROUP] {
        for (way, script) in WAYS {
            for (end, expected) in [("exit 5", Ended::Exited(5)), ("sleep 1000", Ended::Stopped)] {
                let place = Place::new();
                let script = format!("{leave_group}{script}\n{wait_for_note}{end}");
                let mut agent =
                    Agent::start(Launch { grace: Duration::from_millis(100), ..place.script(&script) }).unwrap();
                let left = place.noted("left");
                if expected == Ended::Stopped {
                    agent.stop();
                }
                assert_eq!(agent.wait().await, Ok(expected), "{way}");
                assert!(!runs(left), "{way}, group left: {}", !leave_group.is_empty());
            }
        }
    }
}

#[tokio::test]
async fn who_holds_the_pipe_delays_nothing() {
    let place = Place::new();
    let script = "(echo $$ > $NOTES/a; sleep 1000) & while ! [ -s $NOTES/a ]; do sleep 0.01; done; echo done; exit 4";
    let began = Instant::now();
    let (lines, ended) = follow(place.script(script)).await;
    assert_eq!(ended, Ok(Ended::Exited(4)));
    assert_eq!(texts(&lines, Stream::Out), ["done"]);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn who_closes_its_streams_is_followed_to_its_end() {
    let place = Place::new();
    let (lines, ended) = follow(place.script("exec >&- 2>&- <&-; sleep 0.3; exit 6")).await;
    assert_eq!((lines, ended), (Vec::new(), Ok(Ended::Exited(6))));
}

/// A storm of processes that each start another and end, in sessions of their own. It has a limit, should it win.
const STORM: &str = r#"
    storm='i=$1; [ $i -gt 3000 ] && exit; echo $$ > $NOTES/$2-$i
           setsid sh -c "$STORM" sh $((i + 1)) $2 & setsid sleep 1000 & exit'
    export STORM="$storm"
    for n in 1 2 3 4; do setsid sh -c "$storm" sh 0 $n >/dev/null 2>&1 & done
    sleep 1000"#;

#[tokio::test]
async fn a_storm_of_forks_is_over_when_the_agent_is() {
    for leave_group in ["", LEAVE_GROUP] {
        let place = Place::new();
        let launch = Launch { grace: PATIENCE * 10, ..place.script(&format!("{leave_group}{STORM}")) };
        let agent = Agent::start(launch).unwrap();
        eventually("a hundred processes", || fs::read_dir(place.notes()).unwrap().count() > 100);
        assert_eq!(agent.end().await, Ok(Ended::Stopped));
        let count = || fs::read_dir(place.notes()).unwrap().count();
        let at_end = count();
        assert!(at_end < 4 * 3000, "the storm ended by itself");
        assert_eq!(place.all_noted().into_iter().filter(|pid| runs(*pid)).count(), 0);
        assert_eq!(end_leftovers(&place.mark(), None, &place.worktree(), Duration::ZERO).await, Ok(vec![]));
        assert_eq!(count(), at_end);
    }
}

#[tokio::test]
async fn nobody_else_is_touched() {
    let place = Place::new();
    let mark = place.mark();
    let mut before = Bystander::start(&place.worktree(), &[]);
    let mut above = Bystander::start(place.worktree().parent().unwrap(), &[]);
    let agent = Agent::start(place.script("echo $$ > $NOTES/a; sleep 1000")).unwrap();
    place.noted("a");
    let mut later = Bystander::start(&place.worktree(), &[]);
    let mut other_run = Bystander::start(Path::new("/"), &[(Mark::VARIABLE, format!("{mark}1"))]);
    let mut other_name = Bystander::start(Path::new("/"), &[("X_RESTAGE_RUN", mark.to_string())]);
    assert_eq!(agent.end().await, Ok(Ended::Stopped));
    assert_eq!(end_leftovers(&mark, None, &place.worktree(), Duration::ZERO).await, Ok(vec![]));
    for bystander in [&mut before, &mut above, &mut later, &mut other_run, &mut other_name] {
        bystander.assert_untouched();
    }
}

#[tokio::test]
async fn an_agent_that_is_dropped_ends() {
    let place = Place::new();
    let agent = Agent::start(place.script("echo $$ > $NOTES/a; sleep 1000")).unwrap();
    let pid = place.noted("a");
    drop(agent);
    let began = Instant::now();
    // Its control group is the last to go.
    while !control_group::ControlGroup::find(&place.mark()).is_empty() || runs(pid) {
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn an_agent_whose_runtime_ends_is_killed() {
    let place = Place::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let script = "trap '' TERM; setsid sh -c 'echo $$ > $NOTES/b; exec sleep 1000' & echo $$ > $NOTES/a; sleep 1000";
    let agent = {
        let _inside = runtime.enter();
        Agent::start(place.script(script)).unwrap()
    };
    let pid = place.noted("a");
    place.noted("b");
    drop(runtime);
    eventually("its end", || !runs(pid));
    drop(agent);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert!(runtime.block_on(end_leftovers(&place.mark(), None, &place.worktree(), Duration::ZERO)).is_ok());
    assert_eq!(control_group::ControlGroup::find(&place.mark()), []);
}

#[tokio::test]
async fn nothing_is_left_in_scratch_and_no_control_group_stays() {
    let place = Place::new();
    let launch = Launch { prompt_by: PromptBy::File, ..place.script("echo x > $RESTAGE_PROMPT_FILE.more") };
    let scratch = launch.scratch.clone();
    let agent = Agent::start(launch).unwrap();
    assert!(scratch.is_dir());
    assert!(agent.end().await.is_ok());
    assert!(!scratch.exists());
    assert_eq!(control_group::ControlGroup::find(&place.mark()), []);
}

#[tokio::test]
async fn what_can_not_be_started_leaves_nothing() {
    let place = Place::new();
    fs::write(place.worktree().join("text"), "").unwrap();
    let refused = |command: &[&str]| Agent::start(place.launch(command)).map(|_| ()).unwrap_err();
    assert_eq!(refused(&["no-such-program"]), AgentError::NoProgram("no-such-program".into()));
    assert_eq!(refused(&["./no-such-program"]), AgentError::NoProgram("./no-such-program".into()));
    assert_eq!(refused(&[]), AgentError::NoProgram(String::new()));
    assert!(matches!(refused(&["./text"]), AgentError::Start { why, .. } if why.contains("may not be executed")));
    assert!(matches!(refused(&["true", "a\0b"]), AgentError::Start { why, .. } if why.contains("zero byte")));
    let elsewhere = Launch { worktree: place.worktree().join("none"), ..place.launch(&["true"]) };
    assert!(matches!(Agent::start(elsewhere), Err(AgentError::Start { why, .. }) if why.contains("no folder")));
    assert!(!place.launch(&[]).scratch.exists());
    assert_eq!(control_group::ControlGroup::find(&place.mark()), []);
}
