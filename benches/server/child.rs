//! The server as a process of its own.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Result;
use crate::connection::Connection;

const PROGRAM: &str = env!("CARGO_BIN_EXE_restage");

/// A server that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    address: String,
    token: String,
}

impl Server {
    /// Starts one on a folder of its own.
    pub(crate) fn start(data: &Path) -> Result<Self> {
        std::fs::create_dir_all(data)?;
        let made = Command::new(PROGRAM)
            .args(["token", "create", "--role", "admin", "--label", "bench", "--data"])
            .arg(data)
            .output()?;
        let token = String::from_utf8(made.stdout)?.trim().to_owned();
        let mut child = Command::new(PROGRAM)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            // A line for every request is written by no server that is measured.
            .env("RESTAGE_LOG", "warn")
            .env("RESTAGE_RATES_RESETS_PER_MINUTE", "1000000")
            .env("RESTAGE_RATES_RESETS_BURST", "100000")
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        let mut first = String::new();
        let out = child.stdout.take().ok_or("the server has no output")?;
        BufReader::new(out).read_line(&mut first)?;
        let address = first.trim().trim_start_matches("http://").trim_end_matches('/').to_owned();
        let server = Self { child, address, token };
        if server.address.is_empty() { Err("the server did not start".into()) } else { Ok(server) }
    }

    /// A connection to it.
    pub(crate) async fn connect(&self) -> Result<Connection> {
        Connection::open(&self.address, Some(&self.token)).await
    }

    /// Its resident memory, in KiB.
    pub(crate) fn resident_kib(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.split_whitespace().nth(1).ok_or("no VmRSS")?.parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
