use clap::CommandFactory as _;

use super::*;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

#[test]
fn the_definition_holds_together() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_a_help_that_fits_a_terminal() {
    fn walk(command: &mut clap::Command, path: &str) {
        let help = command.render_help().to_string();
        assert!(command.get_about().is_some(), "{path} does not say what it is");
        for line in help.lines().filter(|line| !line.starts_with("  ")) {
            assert!(line.chars().count() <= 120, "{path}: {line}");
        }
        for argument in command.get_arguments().filter(|a| !["help", "version"].contains(&a.get_id().as_str())) {
            assert!(argument.get_help().is_some(), "{path} {} does not say what it is", argument.get_id());
        }
        for child in command.get_subcommands_mut() {
            let path = format!("{path} {}", child.get_name());
            walk(child, &path);
        }
    }
    let mut command = Cli::command();
    command.build();
    walk(&mut command, "restage");
}

#[test]
fn every_verb_of_tasks_and_tokens_has_an_example() {
    fn walk(command: &clap::Command, path: &str) {
        if command.get_subcommands().next().is_none() && command.get_name() != "help" {
            let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(after.contains(&format!("  restage {path}")), "{path} has no example");
        }
        command.get_subcommands().for_each(|child| walk(child, &format!("{path} {}", child.get_name())));
    }
    let command = Cli::command();
    for name in ["task", "repo", "tier", "agent", "token"] {
        walk(command.find_subcommand(name).unwrap(), name);
    }
}

#[test]
fn what_users_type_is_understood() {
    for line in [
        "restage tour",
        "restage workshop new garden --title Garden --template mine.toml",
        "restage ws ls --json",
        "restage workshop show garden",
        "restage workshop show garden challenge --generation 2",
        "restage workshop open garden ideation --sub-step crazy-eights",
        "restage workshop say garden challenge - --as assistant --id m1 --generation 3",
        "restage workshop say garden challenge hello --id m1 --replace",
        "restage workshop save garden challenge -",
        "restage workshop flush garden",
        "restage workshop next garden --summary a --summary b",
        "restage workshop back garden",
        "restage workshop artifact garden persona",
        "restage workshop artifact garden persona file.json --expect 2",
        "restage workshop confirm garden persona --expect 3",
        "restage workshop summary garden persona one two three",
        "restage workshop reset garden persona --dry-run",
        "restage --yes workshop reset garden persona --reason why --key k --plan 0123456789abcdef",
        "restage workshop revise garden persona -m more",
        "restage workshop accept garden persona --reason fine",
        "restage workshop preview garden reset persona",
        "restage workshop preview garden undo",
        "restage workshop preview garden undo --point 4",
        "restage workshop undo garden 4",
        "restage workshop history garden -m 5",
        "restage workshop orphans garden 1",
        "restage workshop adopt garden 1",
        "restage workshop discard garden 1",
        "restage workshop purge garden --yes",
        "restage workshop preview garden purge",
        "restage workshop pause garden",
        "restage workshop resume garden",
        "restage workshop import garden persona chat.jsonl",
        "restage workshop export garden persona",
        "restage backup file",
        "restage restore file --into there --until 2026-11-21T12:00:00Z",
        "restage restore file --into there --position 7",
        "restage verify --deep",
        "restage verify file",
        "restage tour --keep",
        "restage template list",
        "restage template show design-thinking",
        "restage template check mine.toml",
        "restage completions bash",
    ] {
        parse(line).unwrap_or_else(|e| panic!("{line}: {e}"));
    }
}

#[test]
fn what_users_type_about_tasks_is_understood() {
    for line in [
        "restage repo add app",
        "restage repo add app ../app",
        "restage repo ls --json",
        "restage tier list",
        "restage tier show L2",
        "restage agent list --agents mine.toml",
        "restage task --agents mine.toml run t1",
        "restage task new t1 --title T --repo app",
        "restage task new t1 --title T --repo app --tier L3 --brief-file - --from -x --after t0 --after t2 --auto --key k",
        "restage task ls",
        "restage task show t1",
        "restage task show t1 plan",
        "restage task start t1 --key k",
        "restage task run t1 t2 --approve --agents mine.toml",
        "restage task retry t1 --approve",
        "restage task approve t1 --seen 0123456789abcdef0123456789abcdef01234567",
        "restage task reject t1 -m shorter",
        "restage task pause t1 t2",
        "restage task pause --all",
        "restage task resume t1 t2",
        "restage task restart t1 plan --dry-run",
        "restage task restart t1 --full --yes --reason why --key k --plan 0123456789abcdef",
        "restage task preview t1 restart plan",
        "restage task preview t1 restart --full",
        "restage task preview t1 undo 3",
        "restage task preview t1 purge",
        "restage task undo t1",
        "restage task undo t1 3 --yes",
        "restage task accept t1 --reason fine",
        "restage task log t1 --follow --since 7",
        "restage task diff t1",
        "restage task diff t1 plan",
        "restage task diff t1 --uncommitted",
        "restage task files t1",
        "restage task snapshots t1",
        "restage task merge t1",
        "restage task cleanup t1",
        "restage task history t1 -m 5",
        "restage task orphans t1 1",
        "restage task adopt t1 1",
        "restage task discard t1 1",
        "restage task purge t1 --yes",
    ] {
        parse(line).unwrap_or_else(|e| panic!("{line}: {e}"));
    }
}

#[test]
fn what_users_type_about_workflows_is_understood() {
    for line in [
        "restage workflow start wf --title T --story s --template mine.toml --key k",
        "restage wf ls --json",
        "restage workflow show wf",
        "restage workflow run wf --until planned",
        "restage workflow stop wf",
        "restage workflow add wf --queue fe --title T --input {} --priority 9 --attempts 2 --time-out 90s",
        "restage workflow add wf --queue fe --title T --input-file -",
        "restage workflow tasks wf --gate planned --queue fe --status failed",
        "restage workflow tasks wf 0-fe-5-1",
        "restage workflow results wf --gate 0",
        "restage workflow approve wf",
        "restage workflow approve wf planned --key k",
        "restage workflow reject wf --reason vague",
        "restage workflow release wf 0-fe-5-1",
        "restage workflow retry wf 0-fe-5-1",
        "restage workflow cancel wf 0-fe-5-1",
        "restage workflow reset wf",
        "restage workflow reset wf 2 --keep-tasks --keep-results --plan 0123456789abcdef --key k --reason why",
        "restage workflow preview wf reset planned --keep-results",
        "restage workflow preview wf undo 3",
        "restage workflow preview wf purge",
        "restage workflow undo wf 3 --yes",
        "restage workflow history wf -m 5",
        "restage workflow orphans wf 1",
        "restage workflow orphan adopt wf 1",
        "restage workflow orphan discard wf 1 --yes",
        "restage workflow purge wf --yes",
        "restage workflow template show delivery",
        "restage queue list",
        "restage queue show fe",
        "restage stuck --kind workflow --patience 2m",
        "restage batch reset b w1 w2 --to 2 --keep-results --yes",
        "restage batch reset b w1 --step challenge",
        "restage batch list",
        "restage batch show b --failed",
        "restage batch cancel b",
        "restage batch undo b2 b",
        "restage worker run --queue fe --queue be --name n --lease 2m --parallel 4 --grace 5s --once -- sh -c true",
        "restage events --follow --kind workflow --id wf --type workflow.reset --after 12.1 --json",
        "restage workshop list --server https://h.example --token-file t",
    ] {
        parse(line).unwrap_or_else(|e| panic!("{line}: {e}"));
    }
}

#[test]
fn what_a_command_needs_to_be_allowed_is_known_before_it_is_done() {
    use crate::api::access::Role::{Admin, Read, Reset, Write};
    for (line, role) in [
        ("restage workshop list", Read),
        ("restage workshop preview g reset s", Read),
        ("restage workshop reset g s --dry-run", Read),
        ("restage workshop reset g s --yes", Reset),
        ("restage workshop purge g --yes", Reset),
        ("restage workshop discard g 1 --yes", Reset),
        ("restage workshop accept g s --reason r", Reset),
        ("restage workshop say g s hello", Write),
        ("restage workshop artifact g s", Read),
        ("restage workshop artifact g s f", Write),
        ("restage workshop adopt g 1", Write),
        ("restage task show t", Read),
        ("restage task run t", Write),
        ("restage task restart t plan --yes", Reset),
        ("restage task merge t", Write),
        ("restage task log t --follow", Write),
        ("restage workflow show w", Read),
        ("restage workflow run w", Write),
        ("restage workflow reset w --yes", Reset),
        ("restage workflow orphan adopt w 1", Write),
        ("restage workflow orphan discard w 1 --yes", Reset),
        ("restage batch reset b w --yes", Reset),
        ("restage batch undo b2 b", Reset),
        ("restage batch list", Read),
        ("restage queue list", Read),
        ("restage stuck", Read),
        ("restage events", Read),
        ("restage audit workshop g", Read),
        ("restage agent list", Read),
        ("restage repo list", Read),
        ("restage repo add app /app", Admin),
        ("restage backup /b", Admin),
        ("restage token list", Admin),
        ("restage token create --role read", Admin),
    ] {
        let Cli { global, command } = parse(line).unwrap();
        assert_eq!(command.role(global.dry_run), role, "{line}");
        assert_eq!(command.reach(), Reach::Folder, "{line}");
    }
    for line in ["restage verify", "restage restore f --into d", "restage serve", "restage tour"] {
        assert_eq!(parse(line).unwrap().command.reach(), Reach::FreeFolder, "{line}");
    }
    for line in ["restage worker run --queue fe -- true", "restage events --follow"] {
        assert_eq!(parse(line).unwrap().command.reach(), Reach::Server, "{line}");
    }
    for line in ["restage template list", "restage tier show L2", "restage workflow template list"] {
        assert_eq!(parse(line).unwrap().command.reach(), Reach::Files, "{line}");
    }
}

#[test]
fn only_files_that_were_typed_are_read_and_written() {
    for (line, reads, writes) in [
        ("restage workshop show f", vec![], None),
        ("restage workshop new g --template f.toml", vec!["f.toml"], None),
        ("restage workshop new g --template f", vec![], None),
        ("restage workshop say g s -", vec!["-"], None),
        ("restage workshop say g s f", vec![], None),
        ("restage workshop artifact g s f", vec!["f"], None),
        ("restage workshop import g s f", vec!["f"], None),
        ("restage workshop save g s -", vec!["-"], None),
        ("restage workshop export g s f", vec![], Some("f")),
        ("restage workshop export g s", vec![], None),
        ("restage task new t --title T --repo r --tier f.toml --brief-file b", vec!["f.toml", "b"], None),
        ("restage workflow start w --template f.toml", vec!["f.toml"], None),
        ("restage workflow add w --queue q --title T --input-file f", vec!["f"], None),
        ("restage backup f", vec![], None),
    ] {
        let command = parse(line).unwrap().command;
        let reads: Vec<PathBuf> = reads.into_iter().map(PathBuf::from).collect();
        assert_eq!((command.reads(), command.writes()), (reads, writes.map(std::path::Path::new)), "{line}");
    }
}

#[test]
fn what_can_not_be_meant_is_refused() {
    for line in [
        "restage",
        "restage workshop",
        "restage workshop reset garden",
        "restage workshop reset garden challenge --yes --dry-run",
        "restage workshop show garden --generation 2",
        "restage workshop say garden challenge hello --replace",
        "restage workshop preview garden reset",
        "restage restore file",
        "restage workshop adopt garden first",
        "restage workshop resett garden challenge",
        "restage completions cmd",
        "restage repo add",
        "restage tier show",
        "restage agent",
        "restage task",
        "restage task new t1 --title T",
        "restage task new t1 --title T --repo app --brief b --brief-file f",
        "restage task run",
        "restage task approve t1 t2",
        "restage task reject t1",
        "restage task pause",
        "restage task pause t1 --all",
        "restage task restart t1",
        "restage task restart t1 plan --full",
        "restage task preview t1 restart plan --full",
        "restage task preview t1 merge",
        "restage task diff t1 plan --uncommitted",
        "restage task undo t1 last",
        "restage workshop list --agents mine.toml",
        "restage workflow",
        "restage workflow tasks wf --status lost",
        "restage workflow add wf --queue fe",
        "restage batch reset b",
        "restage batch reset b w --to 1 --step s",
        "restage worker run -- true",
        "restage worker run --queue fe",
        "restage worker run --queue fe --lease 0s -- true",
        "restage worker run --queue fe --parallel 0 -- true",
        "restage stuck --patience soon",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn what_a_command_does_is_known_before_it_is_done() {
    use Does::{Acts, GoesBack, Looks};
    for (line, does) in [
        ("restage workshop show garden", Looks),
        ("restage workshop artifact garden persona", Looks),
        ("restage workshop artifact garden persona file.json", Acts),
        ("restage workshop reset garden persona", GoesBack),
        ("restage task log t1", Looks),
        ("restage task log t1 --follow", Acts),
        ("restage task restart t1 plan", GoesBack),
        ("restage task preview t1 undo", Looks),
        ("restage task merge t1", Acts),
        ("restage repo add app", Acts),
        ("restage verify --deep", Looks),
    ] {
        assert_eq!(parse(line).unwrap().command.does(), does, "{line}");
    }
}

#[test]
fn what_is_left_open_is_filled_in_by_the_environment() {
    let variable = |name: &str| (name == "USER").then(|| "ada".to_string());
    let home = || Some(PathBuf::from("/home/ada/.local/share"));
    let open = Global::default();
    let settings = open.settings(variable, home).unwrap();
    assert_eq!(settings, Settings { data: "/home/ada/.local/share/restage".into(), by: "ada".into() });
    assert_eq!(open.settings(|_| Some(String::new()), home).unwrap().by, "unknown");
    assert_eq!(open.settings(variable, || None), None);

    let said = Global { data: Some("d".into()), by: Some("eve".into()), ..Global::default() };
    assert_eq!(said.settings(variable, || None), Some(Settings { data: "d".into(), by: "eve".into() }));
}
