//! The pages of a task: what it is and what goes on in it at the top of each, and below one part of what it has made.

mod acts;
mod changes;
mod commits;
mod head;
mod log;
mod new;
mod notices;
mod overview;
mod snapshots;
mod steps;

use actix_web::web;
use utoipa_actix_web::service_config::ServiceConfig;

pub(super) use head::Head;

use super::shell::Shell;
use crate::api::task::{ObjectId, TaskKind};
use crate::api::{EntityId, Task, View};
use crate::http::problem::Answer;
use crate::http::state::App;

/// What happens to tasks, but for what agents say: that comes many times a second, and changes neither files nor lists.
pub(super) const CALM_TYPES: &[&str] = &[
    "created",
    "stage_changed",
    "stage_entered",
    "stage_run",
    "stage_finished",
    "stage_interrupted",
    "stage_approved",
    "approval_fell",
    "stage_rejected",
    "stage_completed",
    "stage_cleared",
    "stage_adopted",
    "operation_began",
    "operation_ended",
    "operation_failed",
    "rolled_back",
    "run_failed",
    "agent_began",
    "agent_ended",
    "worktree_made",
    "worktree_removed",
    "worktree_back",
    "merged",
    "paused",
    "resumed",
    "blocked",
    "unblocked",
    "dependency_changed",
    "went_back",
    "undone",
    "undo_points_gone",
    "orphan_kept",
    "orphan_gone",
];
/// So many digits of a commit's id are shown.
const SHORT: usize = 10;

pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.route("/ui/new-task", web::get().to(new::page));
    config.route("/ui/tasks/{id}", web::get().to(overview::page));
    config.route("/ui/tasks/{id}/log", web::get().to(log::page));
    config.route("/ui/tasks/{id}/changes", web::get().to(changes::page));
    config.route("/ui/tasks/{id}/commits", web::get().to(commits::page));
    config.route("/ui/tasks/{id}/snapshots", web::get().to(snapshots::page));
}

/// A task that is looked at.
struct Looked {
    task: Task,
    view: View<TaskKind>,
    shell: Shell,
}

/// Looks at a task, for a page that is about it.
async fn look(app: &App, shell: Shell, id: &EntityId) -> Answer<Looked> {
    let task = app.tasks.get(id);
    let view = task.view().await?;
    let shell = shell.titled(view.state.title.clone()).about("task", id).style("task.css");
    Ok(Looked { task, view, shell })
}

/// The page is shown anew when something happens, but not for each thing that an agent says.
pub(super) fn calm(mut shell: Shell) -> Shell {
    for name in CALM_TYPES {
        shell.follow.push_str("&type=task.");
        shell.follow.push_str(name);
    }
    shell
}

/// The beginning of an id, as people know commits.
fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

/// The same, of an id that a task remembers.
fn short_id(id: &ObjectId) -> String {
    short(&id.0).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pages_follow_is_what_tasks_tell() {
        let told = include_str!("../../../../docs/events.md");
        for name in CALM_TYPES {
            let is_told = ["task", "KIND"].iter().any(|kind| told.contains(&format!("`{kind}.{name}`")));
            assert!(is_told, "{name}");
        }
    }

    #[test]
    fn ids_of_commits_are_short() {
        assert_eq!(short(&"0123456789".repeat(4)), "0123456789");
        assert_eq!(short("abc"), "abc");
    }
}
