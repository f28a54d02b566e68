//! Any command as a model: the conversation as JSON on its standard input, the answer on its standard output.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::json;

use super::{Answering, Asked, ChatError, ChatModel, Patience, Said, quoted};
use crate::agents::{Agent, Ended, Launch, Line, Mark, PromptBy, Sandbox, Stream};

/// How long it has between being asked to end and being killed.
const GRACE: Duration = Duration::from_secs(2);
/// What it is known by, in place of a task.
const MARK: &str = "facilitator";

/// A command that is started for each answer.
#[derive(Debug)]
pub struct CommandModel {
    command: Vec<String>,
    folder: PathBuf,
    patience: Patience,
    /// Answers so far.
    count: AtomicU64,
}

impl CommandModel {
    /// A command that runs in a folder, which is made when it first does.
    ///
    /// # Errors
    /// A sentence: there is no command.
    pub fn new(command: Vec<String>, folder: PathBuf, patience: Patience) -> Result<Self, String> {
        if command.first().is_none_or(String::is_empty) {
            return Err("command is empty".into());
        }
        Ok(Self { command, folder, patience, count: AtomicU64::new(0) })
    }

    async fn run(&self, asked: &Asked, said: &Said) -> Result<(), ChatError> {
        let mut agent = self.start(asked)?;
        let mut complaint = String::new();
        let mut first = true;
        while let Some(lines) = agent.lines().await {
            for line in lines {
                match line {
                    Line::Text { stream: Stream::Out, text, .. } => {
                        said.push(if first { "" } else { "\n" })?;
                        said.push(&text)?;
                        first = false;
                    }
                    Line::Text { stream: Stream::Err, text, .. } if !text.trim().is_empty() => complaint = text,
                    Line::Left(_) => return Err(ChatError::TooLong),
                    Line::Text { .. } | Line::Said(_) => {}
                }
            }
        }
        let complaint = quoted(&complaint);
        let why = |what: String| {
            let complaint = if complaint.is_empty() { String::new() } else { format!(": {complaint}") };
            Err(ChatError::Command(format!("{what}{complaint}")))
        };
        match agent.wait().await {
            Ok(Ended::Exited(0)) if said.text().trim().is_empty() => Err(ChatError::Empty),
            Ok(Ended::Exited(0)) => Ok(()),
            Ok(Ended::Exited(code)) => why(format!("ended with {code}")),
            Ok(Ended::Signal(signal)) => why(format!("was ended by signal {signal}")),
            Ok(Ended::TimedOut) => Err(ChatError::Endless(self.patience.whole)),
            Ok(Ended::Stopped) => why("was stopped".into()),
            Err(error) => why(error.to_string()),
        }
    }

    fn start(&self, asked: &Asked) -> Result<Agent, ChatError> {
        let failed = |why: String| ChatError::Command(format!("can't be started: {why}"));
        fs::create_dir_all(&self.folder).map_err(|error| failed(error.to_string()))?;
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let mut input = json!({ "wanted": asked.wanted, "messages": asked.messages });
        if let (Some(input), Some(schema)) = (input.as_object_mut(), &asked.schema) {
            input.insert("schema".into(), schema.clone());
        }
        let launch = Launch {
            command: self.command.clone(),
            worktree: self.folder.clone(),
            environment: BTreeMap::new(),
            pass: Vec::new(),
            prompt: format!("{input}\n"),
            prompt_by: PromptBy::Stdin,
            mark: Mark { store: std::process::id().to_string(), task: MARK.into(), run: number },
            time_out: self.patience.whole,
            grace: GRACE,
            sandbox: Sandbox::Off,
            scratch: self.folder.join(format!(".call-{number}")),
        };
        Agent::start(launch).map_err(|error| failed(error.to_string()))
    }
}

impl ChatModel for CommandModel {
    fn name(&self) -> String {
        self.command.first().cloned().unwrap_or_default()
    }

    fn answer<'a>(&'a self, asked: &'a Asked, said: &'a Said) -> Answering<'a> {
        Box::pin(self.run(asked, said))
    }
}
