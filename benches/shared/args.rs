//! What a bench is asked for, and where its files go.

use std::path::{Path, PathBuf};

use crate::Result;

/// What was asked for.
#[derive(Debug, Default)]
pub(crate) struct Args {
    pub(crate) quick: bool,
    pub(crate) json: Option<PathBuf>,
    /// Peers that can't be started here, and where they are: name, place.
    pub(crate) peers: Vec<(String, String)>,
    dir: Option<PathBuf>,
    case: Option<String>,
}

impl Args {
    /// The arguments of this process; `cases` are those that can be asked for by name.
    pub(crate) fn parse(cases: &[&str]) -> Result<Self> {
        let mut args = Self::default();
        let mut given = std::env::args().skip(1);
        while let Some(arg) = given.next() {
            let mut value = || given.next().ok_or_else(|| format!("{arg} needs a value"));
            match arg.as_str() {
                "--quick" => args.quick = true,
                "--json" => args.json = Some(value()?.into()),
                "--dir" => args.dir = Some(value()?.into()),
                "--case" => args.case = Some(value()?),
                "--peer" => {
                    let value = value()?;
                    let (name, place) = value.split_once('=').ok_or("--peer takes NAME=PLACE")?;
                    args.peers.push((name.to_owned(), place.to_owned()));
                }
                // What cargo passes by itself.
                "--bench" => {}
                _ => return Err(format!("unknown argument {arg}: --quick, --json FILE, --dir DIR, --case NAME").into()),
            }
        }
        match &args.case {
            Some(case) if !cases.contains(&case.as_str()) => {
                Err(format!("unknown case {case}: one of {}", cases.join(", ")).into())
            }
            _ => Ok(args),
        }
    }

    /// Where a peer is, if that was said.
    #[allow(dead_code, reason = "not every bench has peers")]
    pub(crate) fn peer(&self, name: &str) -> Option<&str> {
        self.peers.iter().find(|(known, _)| known == name).map(|(_, place)| place.as_str())
    }

    pub(crate) fn wants(&self, case: &str) -> bool {
        self.case.as_deref().is_none_or(|wanted| wanted == case)
    }

    /// A folder for files, which is removed at the end. Beside the build, and so on a disk: the folder for temporary files
    /// may be in memory.
    pub(crate) fn folder(&self, prefix: &str) -> Result<tempfile::TempDir> {
        let dir = self.dir.clone().unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).to_path_buf());
        std::fs::create_dir_all(&dir)?;
        Ok(tempfile::Builder::new().prefix(prefix).tempdir_in(dir)?)
    }
}
