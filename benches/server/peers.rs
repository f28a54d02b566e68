//! Peers with durable settings, on loopback: Redis and PostgreSQL started here where they are installed, others where
//! they are said to be.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use crate::Result;
use crate::commands::{ENTITIES, entity};
use crate::connection::Connection;
use crate::load::{Durable, Sample};

const LOOKS_MOST: usize = 200;
const LOOK: Duration = Duration::from_millis(50);
/// `pgbench` counts the time that connecting takes.
const PGBENCH_SECONDS_LEAST: u64 = 3;
const PGBENCH_SECONDS_MOST: u64 = 30;

/// A program that is ended when this is dropped.
#[derive(Debug)]
struct Peer(Child);

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn left_out(name: &str) {
    println!("left out: {name} is not installed");
}

/// About 200 bytes, as a command has.
fn body(caller: usize, number: u64) -> String {
    format!(r#"{{"op":"append","id":"{caller}-{number}","at":{number},"text":"{}"}}"#, "m".repeat(120))
}

/// Redis, every write synced before it is answered.
pub(crate) struct Redis {
    _peer: Peer,
    pub(crate) address: String,
}

/// A head, a version and a list for each entity, moved by a script.
const SCRIPT: &str = "local h=redis.call('HINCRBY',KEYS[1],'head',1) redis.call('HINCRBY',KEYS[1],'version',1) \
                      redis.call('RPUSH',KEYS[2],ARGV[1]) return h";

impl Redis {
    pub(crate) fn start(dir: &Path) -> Result<Option<Self>> {
        std::fs::create_dir_all(dir)?;
        let port = free_port()?;
        let settings = ["--bind", "127.0.0.1", "--appendonly", "yes", "--appendfsync", "always", "--save", ""];
        let started = Command::new("redis-server")
            .args(["--port", &port.to_string()])
            .args(settings)
            .arg("--dir")
            .arg(dir)
            .stdout(Stdio::null())
            .spawn();
        match started {
            Ok(child) => Ok(Some(Self { _peer: Peer(child), address: format!("127.0.0.1:{port}") })),
            Err(_) => {
                left_out("redis-server");
                Ok(None)
            }
        }
    }

    /// A load of so many connections.
    pub(crate) async fn load(&self, callers: usize) -> Result<Arc<RedisLoad>> {
        let mut connections = Vec::new();
        let mut script = String::new();
        for _ in 0..callers {
            let mut connection = resp(&self.address).await?;
            if script.is_empty() {
                script = call(&mut connection, &["SCRIPT", "LOAD", SCRIPT]).await?;
            }
            connections.push(Mutex::new(connection));
        }
        Ok(Arc::new(RedisLoad { connections, script }))
    }
}

pub(crate) struct RedisLoad {
    connections: Vec<Mutex<BufReader<TcpStream>>>,
    script: String,
}

impl Durable for RedisLoad {
    async fn turn(&self, caller: usize, number: u64) -> Result<()> {
        let key = entity(caller, number);
        let mut connection = self.connections[caller].lock().await;
        let keys = (format!("e:{key}"), format!("m:{key}"));
        call(&mut connection, &["EVALSHA", &self.script, "2", &keys.0, &keys.1, &body(caller, number)]).await?;
        Ok(())
    }
}

/// A connection to Redis, once it listens.
async fn resp(address: &str) -> Result<BufReader<TcpStream>> {
    for _ in 0..LOOKS_MOST {
        if let Ok(stream) = TcpStream::connect(address).await {
            stream.set_nodelay(true)?;
            return Ok(BufReader::new(stream));
        }
        tokio::time::sleep(LOOK).await;
    }
    Err("Redis did not start".into())
}

async fn call(connection: &mut BufReader<TcpStream>, parts: &[&str]) -> Result<String> {
    let mut request = format!("*{}\r\n", parts.len());
    for part in parts {
        request.push_str(&format!("${}\r\n{part}\r\n", part.len()));
    }
    connection.get_mut().write_all(request.as_bytes()).await?;
    let mut line = String::new();
    connection.read_line(&mut line).await?;
    let line = line.trim_end();
    match line.split_at_checked(1) {
        Some((":" | "+", value)) => Ok(value.to_owned()),
        Some(("$", length)) => {
            let mut value = vec![0; length.parse::<usize>()? + 2];
            connection.read_exact(&mut value).await?;
            value.truncate(value.len() - 2);
            Ok(String::from_utf8(value)?)
        }
        _ => Err(format!("Redis answered {line}").into()),
    }
}

/// PostgreSQL, as `pgbench` drives it: one function call a command, every commit synced.
pub(crate) struct Postgres {
    _peer: Peer,
    programs: PathBuf,
    dir: PathBuf,
    port: String,
}

const SCHEMA: &str = "create table entity(key int primary key, head bigint not null default 0, version bigint not null \
     default 0); create table message(key int, seq bigint, body text, primary key(key, seq)); \
     insert into entity select generate_series(0, 999); \
     create function apply(k int, b text) returns bigint language plpgsql as $$ declare h bigint; begin \
     update entity set head = head + 1, version = version + 1 where key = k returning head into h; \
     insert into message values (k, h, b); return h; end $$";

impl Postgres {
    pub(crate) fn start(dir: &Path) -> Result<Option<Self>> {
        let Some(programs) = postgres_programs() else {
            left_out("PostgreSQL");
            return Ok(None);
        };
        std::fs::create_dir_all(dir)?;
        let port = free_port()?.to_string();
        if is_root() {
            // It refuses to run as root.
            done(Command::new("chown").arg("postgres").arg(dir))?;
            for above in dir.ancestors().skip(1).take_while(|above| above.ends_with("..") || above.parent().is_some()) {
                let _ = Command::new("chmod").arg("o+x").arg(above).status();
            }
        }
        let data = dir.join("data");
        done(as_owner(&programs.join("initdb")).args(["-A", "trust", "-U", "postgres", "-D"]).arg(&data))?;
        let settings = format!(
            "port={port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories=''\nmax_connections=400\n\
             synchronous_commit=on\nfsync=on\nfull_page_writes=on\nshared_buffers=512MB\nmax_wal_size=4GB\n"
        );
        let file = data.join("postgresql.conf");
        std::fs::write(&file, std::fs::read_to_string(&file)? + &settings)?;
        let child = as_owner(&programs.join("postgres"))
            .arg("-D")
            .arg(&data)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let peer = Self { _peer: Peer(child), programs, dir: dir.to_path_buf(), port };
        peer.fill()?;
        Ok(Some(peer))
    }

    fn fill(&self) -> Result<()> {
        for _ in 0..LOOKS_MOST {
            if done(self.client("pg_isready").arg("-q")).is_ok() {
                done(self.client("psql").args(["-q", "-d", "postgres", "-c", SCHEMA]))?;
                let text = "m".repeat(120);
                let script = format!("\\set k random(0, {})\nSELECT apply(:k, '{text}');\n", ENTITIES - 1);
                return Ok(std::fs::write(self.dir.join("script.sql"), script)?);
            }
            std::thread::sleep(LOOK);
        }
        Err("PostgreSQL did not start".into())
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.port]);
        command
    }

    /// What `pgbench` sees with so many clients. Where the time is over before all have connected, it takes more.
    pub(crate) async fn sample(&self, callers: usize, time: Duration) -> Result<Sample> {
        let mut seconds = time.as_secs().max(PGBENCH_SECONDS_LEAST);
        loop {
            let text = self.pgbench(callers, seconds).await?;
            let value = |name: &str| -> Option<f64> {
                let line = text.lines().find(|line| line.starts_with(name))?;
                line.split('=').nth(1)?.split_whitespace().next()?.parse().ok()
            };
            if let Some(per_second) = value("tps") {
                let mean_us = value("latency average").unwrap_or(f64::NAN) * 1e3;
                return Ok(Sample { per_second, p50_us: mean_us, p99_us: f64::NAN });
            }
            if seconds >= PGBENCH_SECONDS_MOST {
                return Err(format!("pgbench said: {text}").into());
            }
            seconds *= 2;
        }
    }

    async fn pgbench(&self, callers: usize, seconds: u64) -> Result<String> {
        let mut bench = self.client("pgbench");
        bench.args(["-n", "-M", "prepared", "-j", "1", "-c", &callers.to_string(), "-T", &seconds.to_string(), "-f"]);
        bench.arg(self.dir.join("script.sql")).arg("postgres");
        let output = tokio::task::spawn_blocking(move || bench.output()).await??;
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// Where the programs of the newest PostgreSQL are.
fn postgres_programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let newest = versions.filter_map(|entry| Some(entry.ok()?.path())).max()?;
    Some(newest.join("bin"))
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|of| std::os::unix::fs::MetadataExt::uid(&of) == 0)
}

fn as_owner(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program);
    command
}

fn done(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}

/// A load on Restate's ingress, of so many connections.
pub(crate) async fn restate(address: &str, callers: usize) -> Result<Arc<Restate>> {
    let mut connections = Vec::new();
    for _ in 0..callers {
        connections.push(Mutex::new(Connection::open(address, None).await?));
    }
    Ok(Arc::new(Restate(connections)))
}

pub(crate) struct Restate(Vec<Mutex<Connection>>);

impl Durable for Restate {
    async fn turn(&self, caller: usize, number: u64) -> Result<()> {
        let path = format!("/Chat/k{}/command", entity(caller, number));
        self.0[caller].lock().await.post(&path, &body(caller, number)).await.map(drop)
    }
}
