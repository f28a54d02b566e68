//! `restage agent`, and which agents a command of tasks uses.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::args::{AgentArgs, AgentVerb, AgentsArgs, Settings};
use super::output::{Cell, Output, Table, Tone, line};
use super::stop::{Outcome, Stop};
use crate::api::{AgentConfig, AgentSpec, Error};

/// The configuration's name, in the data folder and in the user's configuration folder.
const FILE: &str = "agents.toml";

/// The agents, and the file that says so; none for what comes with the program.
pub(super) struct Agents {
    pub(super) config: AgentConfig,
    pub(super) file: Option<PathBuf>,
}

impl Agents {
    /// As the file says that is named, else the one in the data folder, else the user's, else as comes with the program.
    pub(super) fn find(args: &AgentsArgs, settings: &Settings) -> Outcome<Self> {
        let file = args.agents.clone().or_else(|| {
            let folders = [Some(settings.data.clone()), user_folder()];
            folders.into_iter().flatten().map(|folder| folder.join(FILE)).find(|file| file.exists())
        });
        let config = file.as_deref().map_or_else(|| Ok(AgentConfig::built_in()), read)?;
        Ok(Self { config, file })
    }
}

fn user_folder() -> Option<PathBuf> {
    use etcetera::BaseStrategy as _;
    Some(etcetera::choose_base_strategy().ok()?.config_dir().join("restage"))
}

fn read(file: &Path) -> Outcome<AgentConfig> {
    let text = fs::read_to_string(file).map_err(|error| Stop::file("reading", file, &error))?;
    AgentConfig::read(&text, file).map_err(|error| Error::from(error).into())
}

pub(super) fn run(args: &AgentArgs, settings: &Settings, output: &mut Output) -> Outcome {
    let agents = Agents::find(&args.agents, settings)?;
    match args.verb {
        AgentVerb::List => list(&agents, output),
    }
}

fn list(agents: &Agents, output: &mut Output) -> Outcome {
    let config = &agents.config;
    let default = &config.default_agent().name;
    let mut table = Table::new(["AGENT", "PROGRAM", "STAGES", "ENDED AFTER", "SANDBOX", "COMMAND"]);
    let mut all = Vec::new();
    for agent in config.agents() {
        let program = agent.program();
        let mut stages: Vec<&str> =
            config.stages().filter(|(_, of)| *of == agent.name).map(|(stage, _)| stage).collect();
        if agent.name == *default {
            stages.push("all others");
        }
        table.row([
            agent.name.as_str().into(),
            match &program {
                Ok(_) => Cell::new("there", Tone::Good),
                Err(_) => Cell::new("not there", Tone::Bad),
            },
            stages.join(", ").into(),
            format!("{} s", agent.time_out.as_secs()).into(),
            sandbox(agent).into(),
            Cell::new(agent.command_line(), Tone::Faint),
        ]);
        all.push(json!({
            "agent": agent.name,
            "program": program.as_ref().ok(),
            "problem": program.as_ref().err().map(ToString::to_string),
            "command": agent.command,
            "stages": config.stages().filter(|(_, of)| *of == agent.name).map(|(stage, _)| stage).collect::<Vec<_>>(),
            "default": agent.name == *default,
            "time_out_s": agent.time_out.as_secs(),
            "grace_s": agent.grace.as_secs(),
            "sandbox": agent.is_sandboxed,
            "network": agent.has_network,
            "variables": agent.environment.keys().collect::<Vec<_>>(),
            "pass": agent.pass,
        }));
    }
    let from = match &agents.file {
        Some(file) => format!("as {} says", line(&file.display().to_string())),
        None => "as comes with the program; change it with --agents FILE or agents.toml in the data folder".to_owned(),
    };
    output.note(&from);
    Ok(output.data(&json!({ "file": agents.file, "agents": all }), |width| table.text(width))?)
}

fn sandbox(agent: &AgentSpec) -> &'static str {
    match (agent.is_sandboxed, agent.has_network) {
        (false, _) => "no",
        (true, true) => "yes",
        (true, false) => "yes, no network",
    }
}
