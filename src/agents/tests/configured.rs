//! What a configuration file can say, what it can't, and that the built-in agent works.

use super::*;

fn read(text: &str) -> Result<AgentConfig, String> {
    AgentConfig::read(text, Path::new("agents.toml")).map_err(|error| error.to_string())
}

#[test]
fn without_a_file_the_script_does_every_stage() {
    let config = AgentConfig::built_in();
    assert_eq!(config.for_stage("plan").name, "script");
    assert_eq!(read("").unwrap(), config);
    let names: Vec<&str> = config.agents().map(|agent| agent.name.as_str()).collect();
    assert_eq!(names, ["aider", "claude", "codex", "gemini", "opencode", "script"]);
}

#[test]
fn a_command_is_shown_on_one_line() {
    let shown: Vec<String> = AgentConfig::built_in().agents().map(AgentSpec::command_line).collect();
    assert_eq!(shown[4], "opencode run \"Do what the attached file says.\" --file {prompt_file}");
    assert_eq!(shown[5], "sh -c … script");
}

#[test]
fn a_file_names_agents_and_who_does_which_stage() {
    let config = read(
        r#"
        [agents.mine]
        command = ["my-agent", "--quiet", "{prompt_file}"]
        prompt = "file"
        env = { MODE = "fast", GIT_AUTHOR_NAME = "bot" }
        pass = ["CHAT_KEY"]
        time_out = "2h"
        grace = "0s"
        sandbox = true
        network = false

        [agents.claude]
        pass = ["ANTHROPIC_API_KEY"]

        [stages]
        default = "claude"
        plan = "mine"
        "#,
    )
    .unwrap();
    let mine = config.for_stage("plan");
    assert_eq!(mine.command, ["my-agent", "--quiet", "{prompt_file}"]);
    assert_eq!(mine.prompt_by, PromptBy::File);
    assert_eq!(mine.environment.len(), 2);
    assert_eq!(mine.time_out, Duration::from_secs(7200));
    assert_eq!(mine.grace, Duration::ZERO);
    assert_eq!(mine.sandbox(Path::new("/r")), Sandbox::Bubblewrap { common: "/r".into(), network: false });

    let claude = config.for_stage("implement");
    assert_eq!((claude.name.as_str(), claude.command[0].as_str()), ("claude", "claude"));
    assert_eq!(claude.pass, ["ANTHROPIC_API_KEY"]);
    assert_eq!(claude.sandbox(Path::new("/r")), Sandbox::Off);
    assert_eq!(config.stages().collect::<Vec<_>>(), [("plan", "mine")]);
    assert_eq!(config.default_agent(), &claude);
}

#[test]
fn a_change_to_the_built_in_default_reaches_the_stages() {
    assert_eq!(read("[agents.script]\ntime_out = \"5s\"").unwrap().for_stage("x").time_out, Duration::from_secs(5));
}

#[test]
fn what_is_wrong_is_said_with_what_was_perhaps_meant() {
    let table = [
        ("agents = 1", "agents is to be a section: [agents]"),
        ("[agent.a]", "the file can't have \"agent\"; did you mean \"agents\"?"),
        ("[agents.a]\ncomand = [\"x\"]", "agents.a can't have \"comand\"; did you mean \"command\"?"),
        ("[agents.a]\nxyzzyplugh = 1", "agents.a can't have \"xyzzyplugh\"; there are command, prompt, env"),
        ("[agents.a]\nprompt = \"file\"", "agents.a.command is missing"),
        ("[agents.a]\ncommand = []", "agents.a.command is missing"),
        ("[agents.a]\ncommand = [\"\"]", "agents.a.command is missing"),
        ("[agents.a]\ncommand = \"x y\"", "agents.a.command is to be a list of texts"),
        ("[agents.a]\ncommand = [\"x\\u0000\"]", "agents.a.command is to be a list of texts"),
        ("[agents.a]\ncommand = [\"x\", 1]", "agents.a.command is to be a list of texts"),
        ("[agents.claude]\nprompt = \"argv\"", "agents.claude.prompt is to be \"stdin\" or \"file\""),
        ("[agents.claude]\nenv = { GIT_DIR = \"x\" }", "agents.claude.env: GIT_DIR is never passed"),
        ("[agents.claude]\nenv = { RESTAGE_TASK = \"x\" }", "agents.claude.env: RESTAGE_TASK is never passed"),
        ("[agents.claude]\nenv = { A = 1 }", "agents.claude.env.A is to be a text"),
        ("[agents.claude]\nenv = { \"A B\" = \"\" }", "agents.claude.env: no variable can be called \"A B\""),
        ("[agents.claude]\npass = [\"LD_PRELOAD\"]", "agents.claude.pass: LD_PRELOAD is never passed"),
        ("[agents.claude]\ntime_out = 5", "agents.claude.time_out is to be a time such as"),
        ("[agents.claude]\ntime_out = \"0s\"", "agents.claude.time_out is to be a time such as"),
        ("[agents.claude]\ntime_out = \"8d\"", "agents.claude.time_out is to be a time such as"),
        ("[agents.claude]\ntime_out = \"99999999999999999999d\"", "agents.claude.time_out is to be a time such as"),
        ("[agents.claude]\ngrace = \"soon\"", "agents.claude.grace is to be a time such as"),
        ("[agents.claude]\ngrace = \"10\"", "agents.claude.grace is to be a time such as"),
        ("[agents.claude]\nsandbox = \"yes\"", "agents.claude.sandbox is to be true or false"),
        ("[agents.\"a b\"]\ncommand = [\"x\"]", "agents.a b: an agent's name has 1 to 60 letters"),
        ("[agents.--a]\ncommand = [\"x\"]", "agents.--a: an agent's name has 1 to 60 letters"),
        ("[stages]\nplan = \"claud\"", "stages.plan: there is no agent \"claud\"; did you mean \"claude\"?"),
        ("[stages]\nplan = 1", "stages.plan is to be an agent's name in quotes"),
        ("[agents", "TOML parse error at line 1"),
    ];
    for (text, expected) in table {
        let problem = read(text).unwrap_err();
        assert!(problem.starts_with(&format!("agents.toml: {expected}")), "{text}\n{problem}");
    }
}

#[tokio::test]
async fn the_built_in_agent_does_a_stage_and_says_so() {
    let place = Place::new();
    let spec = AgentConfig::built_in().for_stage("code_review");
    let launch = |stage: &str| Launch {
        command: spec.command.clone(),
        prompt: "Look at \"it\".\nTwice.".into(),
        environment: BTreeMap::from([("RESTAGE_STAGE".into(), stage.into())]),
        ..place.launch(&[])
    };
    for _ in 0..2 {
        let (lines, ended) = follow(launch("code_review")).await;
        assert_eq!(ended, Ok(Ended::Exited(0)), "{lines:?}");
        let said = |said: Said| lines.contains(&Line::Said(said));
        assert!(said(Said::Score(0.9)) && said(Said::Output("code_review is done: see notes/code_review.md".into())));
        assert!(
            lines.iter().any(|line| matches!(line, Line::Said(Said::Todos(todos)) if todos.iter().all(|t| t.done)))
        );
        assert!(lines.iter().any(|line| matches!(line, Line::Said(Said::Handoff(_)))));
        assert_eq!(texts(&lines, Stream::Err), [""; 0]);
    }
    let note = fs::read_to_string(place.worktree().join("notes/code_review.md")).unwrap();
    let time = |n| format!("\n## Time {n}\n\n> Look at \"it\".\n> Twice.\n");
    assert_eq!(note, format!("# code_review\n{}{}", time(1), time(2)));
    assert!(follow(launch("verify")).await.0.contains(&Line::Said(Said::Result(true))));
    assert_eq!(follow(launch("../../x")).await.1, Ok(Ended::Exited(2)));
}
