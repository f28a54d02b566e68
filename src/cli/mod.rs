//! The command line: what was typed, what is done about it, how it is shown, and how the program ends.

mod agent;
pub mod args;
mod audit;
mod batch;
mod call;
mod events;
mod example;
pub mod exit;
mod files;
mod going_back;
mod history;
mod link;
mod logs;
mod maintenance;
mod orphans;
pub mod output;
mod plan;
mod queue;
mod remote;
mod repo;
mod serve;
mod signals;
mod site;
mod stop;
mod task;
mod template;
mod tier;
pub mod time;
mod token;
mod tour;
mod worker;
mod workflow;
mod workshop;

use std::env;
use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

use self::args::{Cli, Command, Does, Global, Reach, Settings};
use self::exit::Exit;
use self::output::{Output, Problem};
use self::site::Site;
use self::stop::{Outcome, Stop};

/// Does what was typed, and says how it ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let parsed = Cli::command().try_get_matches_from(&arguments);
    let (cli, typed) = match parsed.and_then(|typed| Ok((Cli::from_arg_matches(&typed)?, typed))) {
        Ok(parsed) => parsed,
        Err(error) => {
            // It says so itself, on the stream and with the code that fit. If nobody reads it, nobody is to be told.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1));
        }
    };
    logs::start();
    let mut output = Output::standard(cli.global.json, cli.global.quiet);
    let done = act(cli, &typed, &arguments, &mut output);
    ExitCode::from(end(done, &mut output).number())
}

fn act(cli: Cli, typed: &ArgMatches, arguments: &[OsString], output: &mut Output) -> Outcome {
    let Cli { global, command } = cli;
    if let Command::Completions { shell } = command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "restage", &mut script);
        return Ok(output.bytes(&script)?);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Stop::problem("io", format!("starting threads: {error}"), "try again"))?;
    let done = runtime.block_on(async {
        let reach = command.reach();
        if reach == Reach::Files {
            return dispatch(command, &global, &Site::own(Settings::default()), output).await;
        }
        let settings = settings(&global)?;
        match (link::find(&global, typed, &settings, reach).await?, command) {
            (Some(link), Command::Worker(verb)) => worker::run(verb, link, output).await,
            (Some(link), Command::Events(args)) if args.follow => events::follow(&args, &link, output).await,
            (None, _) if reach == Reach::Server => Err(link::none(&settings.data)),
            (Some(link), command) if reach == Reach::Folder => {
                let line = remote::Line::new(arguments, typed, &command, &settings, &link)?;
                remote::forward(&link, line, output).await
            }
            (_, command) => dispatch(command, &global, &Site::own(settings), output).await,
        }
    });
    // Somebody may still wait for input: the process ends all the same.
    runtime.shutdown_background();
    done
}

async fn dispatch(command: Command, global: &Global, site: &Site, output: &mut Output) -> Outcome {
    if global.dry_run && command.does() == Does::Acts {
        let hint = "what goes back has one: restage task preview, restage workshop preview";
        return Err(Stop::problem("usage", "this has no plan to be shown, so --dry-run can't be done", hint));
    }
    match command {
        Command::Workshop(verb) => workshop::run(verb, global, site, output).await,
        Command::Template(verb) => template::run(verb, site, output).await,
        Command::Task(args) => task::run(args, global, site, output).await,
        Command::Repo(verb) => repo::run(verb, site, output).await,
        Command::Tier(verb) => tier::run(verb, site, output).await,
        Command::Agent(args) => agent::run(&args, &site.settings, output),
        Command::Token(verb) => token::run(verb, global, site, output).await,
        Command::Backup(args) => maintenance::backup(&args, site, output).await,
        Command::Serve(args) => serve::run(&args, &site.settings, output).await,
        Command::Restore(args) => maintenance::restore(&args, output).await,
        Command::Verify(args) => maintenance::verify(args, &site.settings, output).await,
        Command::Tour(args) => tour::run(&args, output).await,
        Command::Workflow(verb) => workflow::run(verb, global, site, output).await,
        Command::Queue(verb) => queue::run(&verb, site, output).await,
        Command::Stuck(args) => queue::stuck(&args, site, output).await,
        Command::Batch(verb) => batch::run(verb, global, site, output).await,
        Command::Audit(args) => audit::run(&args, site, output).await,
        Command::Events(args) => events::run(&args, site, output).await,
        Command::Example(args) => example::run(&args, site, output).await,
        // It has no data folder: it was done where it was typed.
        Command::Worker(_) | Command::Completions { .. } => Ok(()),
    }
}

/// What was left open, from the environment and the user's folders.
fn settings(global: &Global) -> Outcome<Settings> {
    use etcetera::BaseStrategy as _;
    let folder = || etcetera::choose_base_strategy().ok().map(|folders| folders.data_dir());
    global.settings(|name| env::var(name).ok(), folder).ok_or_else(|| {
        Stop::problem("usage", "there is no data folder: this user has no home", "name one: --data DIR or RESTAGE_DATA")
    })
}

/// Says why it was not done, if it was not.
fn end(done: Outcome, output: &mut Output) -> Exit {
    match done {
        Ok(()) => Exit::Done,
        Err(Stop::Signal(exit) | Stop::Told(exit)) => exit,
        Err(Stop::Output(error)) if output::is_closed(&error) => Exit::Unheard,
        Err(Stop::Output(error)) => {
            output.problem(&unwritable(&error));
            Exit::Failure
        }
        Err(Stop::Problem(problem)) => {
            output.problem(&problem);
            problem.exit()
        }
    }
}

fn unwritable(error: &io::Error) -> Problem {
    let what = format!("the answer can't be written: {error}");
    let hint = Some("what was asked for may have been done: look before you ask again".into());
    Problem { code: "io".into(), what, hint, ..Problem::default() }
}
