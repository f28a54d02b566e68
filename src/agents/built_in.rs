//! The agents that are known without a configuration.

use super::{AgentSpec, PromptBy};

/// The agent that needs nothing.
const SCRIPT: &str = include_str!("script.sh");

/// An agent that needs nothing but a shell, to try all the rest with. It reads its prompt as any other does.
pub(super) fn script() -> AgentSpec {
    AgentSpec::new("script", &["sh", "-c", SCRIPT, "script"], PromptBy::Stdin)
}

/// All of them. The well-known ones are called as their documentation says for use without a person: they may edit what is
/// in the worktree, and beyond that no more than they allow by themselves. They are starting points.
pub(super) fn agents() -> Vec<AgentSpec> {
    use PromptBy::{File, Stdin};
    vec![
        script(),
        AgentSpec::new("claude", &["claude", "--print", "--permission-mode", "acceptEdits"], Stdin),
        AgentSpec::new("codex", &["codex", "exec", "--sandbox", "workspace-write", "-"], Stdin),
        AgentSpec::new("gemini", &["gemini", "--approval-mode=auto_edit", "--skip-trust"], Stdin),
        AgentSpec::new(
            "opencode",
            &["opencode", "run", "Do what the attached file says.", "--file", "{prompt_file}"],
            File,
        ),
        AgentSpec::new(
            "aider",
            &["aider", "--yes-always", "--no-auto-commits", "--message-file", "{prompt_file}"],
            File,
        ),
    ]
}
