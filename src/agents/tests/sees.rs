//! What an agent sees of the world around it.

use super::*;

#[test]
fn nothing_of_our_environment_reaches_it_but_what_is_promised() {
    if !is_child() {
        let planted = [
            ("GIT_DIR", "/planted"),
            ("GIT_INDEX_FILE", "/planted"),
            ("GIT_CONFIG_COUNT", "7"),
            ("LD_LIBRARY_PATH", "/planted"),
            ("LD_PRELOAD", ""),
            ("MY_SECRET", "planted"),
            ("RESTAGE_RUN", "planted"),
            ("RESTAGE_HOME", "planted"),
            ("CHAT_KEY", "k"),
            ("LC_TIME", "C"),
            ("TZ", "UTC"),
            ("USER", "u"),
            ("LANG", "C"),
            ("TERM", "xterm"),
            ("HOME", "/h"),
        ];
        let test = "agents::tests::sees::nothing_of_our_environment_reaches_it_but_what_is_promised";
        return assert_one_passed(&as_process(test, &planted).output().unwrap());
    }
    let place = Place::new();
    let mut launch = place.launch(&["env"]);
    launch.pass = vec!["CHAT_KEY".into()];
    launch.environment = BTreeMap::from([("RESTAGE_TASK".into(), "t".into()), ("RESTAGE_STAGE".into(), "plan".into())]);
    let (lines, _) = tokio::runtime::Runtime::new().unwrap().block_on(follow(launch));
    let mut seen = texts(&lines, Stream::Out);
    // What a shell may add when it is asked to become the program.
    seen.retain(|line| !["SHLVL=", "OLDPWD=", "_="].iter().any(|start| line.starts_with(start)));
    seen.sort_unstable();
    let mut expected = vec![
        "CHAT_KEY=k".to_owned(),
        "GIT_CONFIG_COUNT=2".into(),
        "GIT_CONFIG_KEY_0=gc.auto".into(),
        "GIT_CONFIG_KEY_1=maintenance.auto".into(),
        "GIT_CONFIG_VALUE_0=0".into(),
        "GIT_CONFIG_VALUE_1=false".into(),
        "GIT_OPTIONAL_LOCKS=0".into(),
        "GIT_TERMINAL_PROMPT=0".into(),
        "HOME=/h".into(),
        "LANG=C".into(),
        "LC_TIME=C".into(),
        "RESTAGE_STAGE=plan".into(),
        "RESTAGE_TASK=t".into(),
        "TERM=dumb".into(),
        "TZ=UTC".into(),
        "USER=u".into(),
        format!("RESTAGE_RUN={}", place.mark()),
        format!("PWD={}", place.worktree().display()),
        format!("GIT_CEILING_DIRECTORIES={}", place.worktree().parent().unwrap().display()),
        format!("PATH={}", env::var("PATH").unwrap()),
    ];
    expected.sort_unstable();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn it_has_a_session_of_its_own_no_terminal_and_no_open_file_of_ours() {
    let place = Place::new();
    let _open = fs::File::create(place.notes().join("open")).unwrap();
    let script = "read line < /proc/$$/stat; set -- ${line##*) }; echo $$ $3 $4 $5; pwd; exec ls -l /proc/self/fd";
    let (lines, _) = follow(place.script(script)).await;
    let seen = texts(&lines, Stream::Out);
    let numbers: Vec<&str> = seen[0].split(' ').collect();
    assert_eq!((numbers[1], numbers[2], numbers[3]), (numbers[0], numbers[0], "0"));
    assert_eq!(seen[1], place.worktree().to_str().unwrap());
    assert!(seen.len() > 4 && !seen.iter().any(|line| line.contains("notes/open")), "{seen:?}");
}
