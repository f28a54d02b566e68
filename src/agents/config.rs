//! Which agents there are, and which of them does which stage: the configuration file over what is built in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::{Table, Value};

use super::environment::{OWN, is_name, is_refused};
use super::{AgentError, PromptBy, Sandbox, built_in, program};

/// The sections of the file, and the keys of an agent's.
const SECTIONS: [&str; 2] = ["agents", "stages"];
const AGENT_KEYS: [&str; 8] = ["command", "prompt", "env", "pass", "time_out", "grace", "sandbox", "network"];
/// The key of the agent for stages that name none.
const DEFAULT: &str = "default";
/// The longest name of an agent.
const NAME_MAX: usize = 60;
/// The longest argument that is shown.
const SHOWN_MAX: usize = 80;
/// How long an agent may have at most, and at least.
const TIME_OUT_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const TIME_OUT_MIN: Duration = Duration::from_secs(1);
/// How long it may have to end at most.
const GRACE_MAX: Duration = Duration::from_secs(10 * 60);

/// An agent as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSpec {
    /// What it is called.
    pub name: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// How it is told what to do.
    pub prompt_by: PromptBy,
    /// Variables that it gets.
    pub environment: BTreeMap<String, String>,
    /// Variables of ours that it gets too, by name.
    pub pass: Vec<String>,
    /// It is ended after this long.
    pub time_out: Duration,
    /// How long it has between being asked to end and being killed.
    pub grace: Duration,
    /// Whether it runs in a sandbox.
    pub is_sandboxed: bool,
    /// Whether it reaches the network from there.
    pub has_network: bool,
}

impl AgentSpec {
    /// An agent with nothing special about it.
    pub(super) fn new(name: &str, command: &[&str], prompt_by: PromptBy) -> Self {
        Self {
            name: name.to_owned(),
            command: command.iter().map(ToString::to_string).collect(),
            prompt_by,
            environment: BTreeMap::new(),
            pass: Vec::new(),
            time_out: Duration::from_secs(30 * 60),
            grace: Duration::from_secs(10),
            is_sandboxed: false,
            has_network: true,
        }
    }

    /// Where its program is, as it would be found by an agent; a path of its own is looked for from the folder we are in.
    ///
    /// # Errors
    /// [`AgentError::NoProgram`], or one that may not be executed.
    pub fn program(&self) -> Result<PathBuf, AgentError> {
        let name = self.command.first().map(String::as_str).unwrap_or_default();
        program::find(name, Path::new("."), std::env::var_os("PATH").as_ref())
    }

    /// The command as people read it: on one line, with what is too long for it left out.
    pub fn command_line(&self) -> String {
        let word = |word: &String| match word {
            word if word.len() > SHOWN_MAX || word.contains(char::is_control) => "…".to_owned(),
            word if word.is_empty() || word.contains(char::is_whitespace) => format!("{word:?}"),
            word => word.clone(),
        };
        self.command.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    /// What it can't reach, given the directory that all worktrees of the repository share.
    pub fn sandbox(&self, common: &Path) -> Sandbox {
        if self.is_sandboxed {
            Sandbox::Bubblewrap { common: common.to_path_buf(), network: self.has_network }
        } else {
            Sandbox::Off
        }
    }
}

/// All agents, and which of them does which stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentConfig {
    agents: BTreeMap<String, AgentSpec>,
    stages: BTreeMap<String, String>,
    default: AgentSpec,
}

impl AgentConfig {
    /// What there is without a file: some well-known agents, and one that needs nothing, which does every stage.
    pub fn built_in() -> Self {
        let agents = built_in::agents().into_iter().map(|agent| (agent.name.clone(), agent)).collect();
        Self { agents, stages: BTreeMap::new(), default: built_in::script() }
    }

    /// What a file says, over what is built in: an agent of a built-in name has what the file doesn't say from there.
    ///
    /// # Errors
    /// [`AgentError::Config`], which names `file`, what is wrong, and what was perhaps meant.
    pub fn read(text: &str, file: &Path) -> Result<Self, AgentError> {
        parse(text).map_err(|problem| AgentError::Config { file: PathBuf::from(file), problem })
    }

    /// Who does a stage.
    pub fn for_stage(&self, stage: &str) -> AgentSpec {
        let named = self.stages.get(stage).and_then(|name| self.agents.get(name));
        named.unwrap_or(&self.default).clone()
    }

    /// Whether a stage is done by the agent that comes with the program, and asks for nothing from anybody.
    pub(crate) fn needs_nothing(&self, stage: &str) -> bool {
        self.for_stage(stage) == built_in::script()
    }

    /// All agents, by name.
    pub fn agents(&self) -> impl Iterator<Item = &AgentSpec> {
        self.agents.values()
    }

    /// The agent for stages that name none.
    pub fn default_agent(&self) -> &AgentSpec {
        &self.default
    }

    /// The stages that name an agent, with its name. Whether there are such stages is for others to say.
    pub fn stages(&self) -> impl Iterator<Item = (&str, &str)> {
        self.stages.iter().map(|(stage, agent)| (stage.as_str(), agent.as_str()))
    }
}

fn parse(text: &str) -> Result<AgentConfig, String> {
    let file: Table = text.parse().map_err(|error: toml::de::Error| error.to_string().trim_end().to_owned())?;
    check_keys("the file", &file, &SECTIONS)?;
    let mut config = AgentConfig::built_in();
    for (name, value) in section(&file, "agents")? {
        let place = format!("agents.{name}");
        check_name(name).map_err(|why| format!("{place}: {why}"))?;
        let table = value.as_table().ok_or_else(|| format!("{place} is to be a section: [{place}]"))?;
        let agent = agent(name, config.agents.get(name), table, &place)?;
        config.agents.insert(name.clone(), agent);
    }
    for (stage, value) in section(&file, "stages")? {
        let place = format!("stages.{stage}");
        let name = value.as_str().ok_or_else(|| format!("{place} is to be an agent's name in quotes"))?;
        let Some(agent) = config.agents.get(name) else {
            let known: Vec<&str> = config.agents.keys().map(String::as_str).collect();
            return Err(format!("{place}: there is no agent {name:?}{}", suggestion(name, &known)));
        };
        if stage == DEFAULT {
            config.default = agent.clone();
        } else {
            config.stages.insert(stage.clone(), name.to_owned());
        }
    }
    // The default agent may be the built-in one that the file changes.
    if let Some(agent) = config.agents.get(&config.default.name) {
        config.default = agent.clone();
    }
    Ok(config)
}

fn section<'a>(file: &'a Table, name: &str) -> Result<impl Iterator<Item = (&'a String, &'a Value)>, String> {
    let table =
        file.get(name).map(|value| value.as_table().ok_or_else(|| format!("{name} is to be a section: [{name}]")));
    Ok(table.transpose()?.into_iter().flatten())
}

/// One agent, over the built-in one of its name.
fn agent(name: &str, below: Option<&AgentSpec>, table: &Table, place: &str) -> Result<AgentSpec, String> {
    check_keys(place, table, &AGENT_KEYS)?;
    let mut agent = below.cloned().unwrap_or_else(|| AgentSpec::new(name, &[], PromptBy::Stdin));
    let at = |key: &str| format!("{place}.{key}");
    if let Some(value) = table.get("command") {
        agent.command = texts(value, &at("command"))?;
    }
    if agent.command.first().is_none_or(String::is_empty) {
        return Err(format!(
            "{} is missing: the program and its arguments, such as [\"program\", \"--option\"]",
            at("command")
        ));
    }
    if let Some(value) = table.get("prompt") {
        agent.prompt_by = match value.as_str() {
            Some("stdin") => PromptBy::Stdin,
            Some("file") => PromptBy::File,
            _ => return Err(format!("{} is to be \"stdin\" or \"file\"", at("prompt"))),
        };
    }
    if let Some(value) = table.get("env") {
        agent.environment = variables(value, &at("env"))?;
    }
    if let Some(value) = table.get("pass") {
        agent.pass = texts(value, &at("pass"))?;
        agent.pass.iter().try_for_each(|name| check_variable(name, &at("pass")))?;
    }
    if let Some(value) = table.get("time_out") {
        agent.time_out = duration(value, &at("time_out"), TIME_OUT_MIN, TIME_OUT_MAX)?;
    }
    if let Some(value) = table.get("grace") {
        agent.grace = duration(value, &at("grace"), Duration::ZERO, GRACE_MAX)?;
    }
    let flag = |key: &str, below: bool| match table.get(key) {
        Some(value) => value.as_bool().ok_or_else(|| format!("{} is to be true or false", at(key))),
        None => Ok(below),
    };
    agent.is_sandboxed = flag("sandbox", agent.is_sandboxed)?;
    agent.has_network = flag("network", agent.has_network)?;
    Ok(agent)
}

fn texts(value: &Value, place: &str) -> Result<Vec<String>, String> {
    let text = |value: &Value| value.as_str().filter(|text| !text.contains('\0')).map(str::to_owned);
    let texts = value.as_array().and_then(|array| array.iter().map(text).collect::<Option<Vec<_>>>());
    texts.ok_or_else(|| format!("{place} is to be a list of texts without zero bytes, such as [\"a\", \"b\"]"))
}

fn variables(value: &Value, place: &str) -> Result<BTreeMap<String, String>, String> {
    let table = value.as_table().ok_or_else(|| format!("{place} is to be a table, such as {{ NAME = \"value\" }}"))?;
    let mut all = BTreeMap::new();
    for (name, value) in table {
        check_variable(name, place)?;
        let value = value.as_str().filter(|text| !text.contains('\0'));
        let value = value.ok_or_else(|| format!("{place}.{name} is to be a text without zero bytes"))?;
        all.insert(name.clone(), value.to_owned());
    }
    Ok(all)
}

fn check_variable(name: &str, place: &str) -> Result<(), String> {
    if !is_name(name) {
        return Err(format!("{place}: no variable can be called {name:?}"));
    }
    if is_refused(name) || name.starts_with(OWN) {
        return Err(format!("{place}: {name} is never passed to an agent (nor is any other GIT_*, LD_* or {OWN}*)"));
    }
    Ok(())
}

/// Such as `90s`, `30m` or `2h`.
fn duration(value: &Value, place: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let understood = || {
        let text = value.as_str()?;
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
        let millis = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60 * 1000,
            "h" => 60 * 60 * 1000,
            "d" => 24 * 60 * 60 * 1000,
            _ => return None,
        };
        Some(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(millis)?))
    };
    let wrong = || {
        format!(
            "{place} is to be a time such as \"90s\", \"30m\" or \"2h\", from {least:?} to {}h",
            most.as_secs_f64() / 3600.0
        )
    };
    understood().filter(|time| (least..=most).contains(time)).ok_or_else(wrong)
}

fn check_name(name: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_fine = (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with('-');
    if is_fine { Ok(()) } else { Err(format!("an agent's name has 1 to {NAME_MAX} letters, digits, - and _")) }
}

fn check_keys(place: &str, table: &Table, known: &[&str]) -> Result<(), String> {
    match table.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("{place} can't have {key:?}{}", suggestion(key, known))),
        None => Ok(()),
    }
}

/// The name that was perhaps meant, or all there are.
fn suggestion(given: &str, known: &[&str]) -> String {
    let nearest = known.iter().map(|name| (distance(given, name), name)).min();
    match nearest {
        Some((distance, name)) if distance <= 2.max(name.len() / 3) => format!("; did you mean {name:?}?"),
        _ => format!("; there are {}", known.join(", ")),
    }
}

/// How many letters must change to make one word of another.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}
