//! Command lines that are typed elsewhere and carried out here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse, delete, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::api::access::{Role, Via};
use crate::http::auth;
use crate::http::body::Body;
use crate::http::caller::{Caller, Reader};
use crate::http::commands::{CommandError, CommandInput, CommandLine, CommandPart, Commands, Lines, Terminal};
use crate::http::problem::{Answer, Problem};
use crate::http::state::{App, Life};

/// Most words of a command line.
const ARGUMENTS_MAX: usize = 4_096;
/// How often a command that has nothing to say shows that it is there.
const BEAT: Duration = Duration::from_secs(10);

/// A command line, as it was typed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCommand {
    /// The words after the program's name.
    #[schema(example = json!(["workshop", "list"]), max_items = 4096)]
    arguments: Vec<String>,
    /// Who asks, for histories; taken from callers of this machine only, others ask in the name of their token.
    by: Option<String>,
    /// The folder it was typed in; taken from callers of this machine only.
    #[schema(value_type = Option<String>)]
    folder: Option<PathBuf>,
    /// What the standard streams are there.
    #[serde(default)]
    terminal: Terminal,
}

/// A part of what a command wanted: one of `data`, `end` and `os_error`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewInput {
    /// The number under which it was wanted.
    number: u64,
    /// Which part this is, from 0. Sent again, a part is not taken twice.
    part: u64,
    /// Some bytes.
    data: Option<InputBytes>,
    /// There are no more.
    #[serde(default)]
    end: bool,
    /// It can't be had: the number of the error of the caller's system.
    os_error: Option<i32>,
}

/// Bytes: as text, or in Base64.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
enum InputBytes {
    /// As text.
    Text(String),
    /// In Base64.
    Encoded {
        /// The bytes.
        base64: String,
    },
}

pub(in crate::http) fn routes(config: &mut ServiceConfig<'_>) {
    config.service(start_command).service(send_command_input).service(interrupt_command);
}

/// Carries a command line out.
///
/// What the program prints where the data folder is at hand is streamed as lines of JSON, one of `command` (first: the
/// name to send input to), `out`, `err`, `progress`, `want`, `write`, `exit` (last); an empty line says that it is still
/// there. Which role it needs depends on the command. It ends when the caller goes away, as with Ctrl-C.
#[utoipa::path(
    tag = "commands",
    security(("token" = ["read"])),
    request_body = NewCommand,
    responses((status = 200, description = "What it says.", content_type = "application/x-ndjson", body = String))
)]
#[post("/v1/commands")]
async fn start_command(
    app: Data<App>,
    request: HttpRequest,
    caller: Reader,
    body: Body<NewCommand>,
) -> Answer<HttpResponse> {
    let NewCommand { arguments, by, folder, terminal } = body.into_inner();
    if arguments.len() > ARGUMENTS_MAX {
        let detail = format!("a command has {ARGUMENTS_MAX} words at most");
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "body", detail));
    }
    let commands = commands(&app)?;
    let role = commands.role(&arguments).map_err(|why| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "command", why).hint("type it where its files are")
    })?;
    caller.may(&request, role)?;
    if role == Role::Reset {
        auth::count_going_back(&app, &request, &caller)?;
    }
    let is_local = caller.via == Via::Local;
    let line = CommandLine {
        arguments,
        caller: named(&caller),
        by: by.filter(|_| is_local).unwrap_or_else(|| caller.name.clone()),
        from: caller.from.clone(),
        role: caller.role,
        confirm: app.options.confirm,
        folder: folder.filter(|_| is_local),
        terminal,
    };
    let lines = commands.start(line).map_err(refused)?;
    let answer = beating(lines, app.life.clone());
    Ok(HttpResponse::Ok().content_type("application/x-ndjson").streaming(answer.map(Ok::<_, actix_web::Error>)))
}

/// Sends a command what it wants.
///
/// A file or a line of its caller's, in parts. Refused with 503 while it has not read yet what it was sent before.
#[utoipa::path(
    tag = "commands",
    security(("token" = ["read"])),
    params(("command" = String, Path, description = "The name that it gave itself.")),
    request_body = NewInput,
    responses((status = 204, description = "It is taken."))
)]
#[post("/v1/commands/{command}/input")]
async fn send_command_input(
    app: Data<App>,
    caller: Reader,
    command: Path<String>,
    body: Body<NewInput>,
) -> Answer<HttpResponse> {
    let NewInput { number, part, data, end, os_error } = body.into_inner();
    let what = match (data, end, os_error) {
        (Some(InputBytes::Text(text)), false, None) => CommandPart::Data(text.into_bytes()),
        (Some(InputBytes::Encoded { base64 }), false, None) => {
            let bytes = STANDARD.decode(base64).map_err(|_| unfit("base64 is no Base64"))?;
            CommandPart::Data(bytes)
        }
        (None, true, None) => CommandPart::End,
        (None, false, Some(error)) => CommandPart::Failed(error),
        _ => return Err(unfit("a part is one of data, end and os_error")),
    };
    commands(&app)?.input(&named(&caller), &command, CommandInput { number, part, what }).map_err(refused)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Has a command end.
///
/// As Ctrl-C does where it was typed. What it still has to say is said.
#[utoipa::path(
    tag = "commands",
    security(("token" = ["read"])),
    params(("command" = String, Path, description = "The name that it gave itself.")),
    responses((status = 204, description = "It was told."))
)]
#[delete("/v1/commands/{command}")]
async fn interrupt_command(app: Data<App>, caller: Reader, command: Path<String>) -> Answer<HttpResponse> {
    commands(&app)?.interrupt(&named(&caller), &command).map_err(refused)?;
    Ok(HttpResponse::NoContent().finish())
}

fn commands(app: &App) -> Answer<&Arc<dyn Commands>> {
    app.options.commands.as_ref().ok_or_else(|| {
        let problem = Problem::new(StatusCode::NOT_FOUND, "no_commands", "this server carries no command lines out");
        problem.hint("use the other routes: see /docs")
    })
}

/// Names a caller, so that nobody meddles with another's commands.
fn named(caller: &Caller) -> String {
    format!("{:?}", caller.via)
}

fn unfit(detail: &str) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "body", detail)
}

fn refused(error: CommandError) -> Problem {
    match error {
        CommandError::TooMany => {
            Problem::unavailable("busy", error.to_string()).hint("wait until one has ended and ask again")
        }
        CommandError::Busy => Problem::unavailable("busy", error.to_string()).hint("send the part again"),
        CommandError::Unknown => {
            Problem::new(StatusCode::NOT_FOUND, "not_found", error.to_string()).hint("it may have ended")
        }
        CommandError::Unwanted | CommandError::OutOfOrder => {
            Problem::new(StatusCode::CONFLICT, "conflict", error.to_string()).hint("send what it wants, in order")
        }
    }
}

/// What a command says, with a sign of life now and then, so that a caller that went away is noticed. Ends when the server
/// stops.
fn beating(lines: Lines, life: Life) -> impl futures_util::Stream<Item = Bytes> {
    futures_util::stream::unfold((lines, life), |(mut lines, life)| async move {
        let line = tokio::select! {
            line = lines.next() => line?.into(),
            () = tokio::time::sleep(BEAT) => Bytes::from_static(b"\n"),
            () = life.stopping() => return None,
        };
        Some((line, (lines, life)))
    })
}
