//! The end that holds the data folder: runs commands that were typed elsewhere, each on a thread of its own, as a program
//! of its own would.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clap::{CommandFactory as _, FromArgMatches as _};
use tokio::runtime::Handle;

use super::frame::{Data, Frame, Terminal};
use super::session::{NotTaken, Part, Session};
use crate::api::Restage;
use crate::api::access::Role;
use crate::cli::args::{Cli, Reach, Settings};
use crate::cli::output::Output;
use crate::cli::site::Site;
use crate::cli::{dispatch, end};
use crate::http::{CommandError, CommandInput, CommandLine, CommandPart, Commands, Lines};

/// Most commands that are carried out at the same time.
const COMMANDS_MAX: usize = 64;

/// Carries out commands that are typed elsewhere, on a data folder that is held open.
#[derive(Clone)]
pub(in crate::cli) struct CommandServer {
    restage: Restage,
    data: PathBuf,
    runtime: Handle,
    running: Arc<Mutex<Running>>,
}

#[derive(Default)]
struct Running {
    /// The number of the last command.
    last: u64,
    /// Commands under way, by name, each with who called it.
    commands: HashMap<String, (String, Arc<Session>)>,
}

impl std::fmt::Debug for CommandServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CommandServer").field("data", &self.data).finish_non_exhaustive()
    }
}

impl CommandServer {
    /// For this data folder, on the runtime of the caller.
    pub(in crate::cli) fn new(restage: Restage, data: PathBuf) -> Self {
        Self { restage, data, runtime: Handle::current(), running: Arc::default() }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn session(&self, caller: &str, command: &str) -> Result<Arc<Session>, CommandError> {
        let running = self.running();
        let found = running.commands.get(command).filter(|(of, _)| of == caller);
        found.map(|(_, session)| Arc::clone(session)).ok_or(CommandError::Unknown)
    }

    /// Carries a command out; everything it says goes to the session.
    fn carry_out(&self, line: CommandLine, session: &Arc<Session>) -> u8 {
        let cli = match parse(&line.arguments) {
            Ok(cli) => cli,
            Err(error) => {
                let text = Data(error.render().to_string().into_bytes());
                let frame = if error.use_stderr() { Frame::Err(text) } else { Frame::Out(text) };
                // Whoever went away is told nothing.
                let _ = session.say(&frame);
                return u8::try_from(error.exit_code()).unwrap_or(1);
            }
        };
        let crate::http::Terminal { width, coloured, coloured_errors, is_seen, asks } = line.terminal;
        let terminal = Terminal { width, coloured, coloured_errors, is_seen, asks };
        let Cli { mut global, command } = cli;
        global.yes &= !line.confirm;
        let mut output = Output::elsewhere(session, &terminal, global.json, global.quiet);
        let settings = Settings { data: self.data.clone(), by: line.by };
        let site =
            Site::held(settings, self.restage.clone(), Arc::clone(session), line.folder, Some(line.from), line.role);
        let done = self.runtime.block_on(dispatch(command, &global, &site, &mut output));
        end(done, &mut output).number()
    }
}

fn parse(arguments: &[String]) -> Result<Cli, clap::Error> {
    let words = arguments.iter().map(OsString::from);
    let typed = Cli::command().try_get_matches_from(std::iter::once("restage".into()).chain(words))?;
    Cli::from_arg_matches(&typed)
}

/// Ends a session, whatever becomes of its thread.
struct Ends(CommandServer, String, Arc<Session>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.2.end();
        self.0.running().commands.remove(&self.1);
    }
}

/// Closes a session when nobody reads any more.
struct Closes(Arc<Session>);

impl Drop for Closes {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Commands for CommandServer {
    fn role(&self, arguments: &[String]) -> Result<Role, String> {
        // What can't be understood says so itself, and does nothing else.
        let Ok(Cli { global, command }) = parse(arguments) else { return Ok(Role::Read) };
        if command.reach() != Reach::Folder {
            return Err("this command works on files of the machine that it is typed on".into());
        }
        Ok(command.role(global.dry_run))
    }

    fn start(&self, line: CommandLine) -> Result<Lines, CommandError> {
        let session = Arc::new(Session::default());
        let name = {
            let mut running = self.running();
            if running.commands.len() >= COMMANDS_MAX {
                return Err(CommandError::TooMany);
            }
            running.last += 1;
            let name = format!("c{}", running.last);
            running.commands.insert(name.clone(), (line.caller.clone(), Arc::clone(&session)));
            name
        };
        let ends = Ends(self.clone(), name.clone(), Arc::clone(&session));
        let (server, says) = (self.clone(), Arc::clone(&session));
        let thread = std::thread::Builder::new().name(name.clone()).spawn(move || {
            let _ends = ends;
            // If the caller is gone already, the command finds that out by itself.
            let _ = says.say(&Frame::Command(name));
            let exit = server.carry_out(line, &says);
            let _ = says.say(&Frame::Exit(exit));
        });
        thread.map_err(|_| CommandError::TooMany)?;
        let closes = Closes(session);
        let lines = futures_util::stream::unfold(closes, |closes| async move {
            let line = closes.0.next().await?;
            Some((line, closes))
        });
        Ok(Box::pin(lines))
    }

    fn input(&self, caller: &str, command: &str, input: CommandInput) -> Result<(), CommandError> {
        let part = match input.what {
            CommandPart::Data(bytes) => Part::Data(bytes),
            CommandPart::End => Part::End,
            CommandPart::Failed(error) => Part::Failed(error),
        };
        self.session(caller, command)?.take(input.number, input.part, part).map_err(|why| match why {
            NotTaken::Unwanted => CommandError::Unwanted,
            NotTaken::OutOfOrder => CommandError::OutOfOrder,
            NotTaken::Busy => CommandError::Busy,
        })
    }

    fn interrupt(&self, caller: &str, command: &str) -> Result<(), CommandError> {
        self.session(caller, command)?.interrupt();
        Ok(())
    }
}
