//! What a server takes when it has just begun, and what a connection adds.

use std::path::Path;

use crate::Result;
use crate::child::Server;
use crate::table::Table;

const CONNECTIONS: usize = 500;

pub(crate) async fn run(dir: &Path, table: &mut Table) -> Result<()> {
    let server = Server::start(dir)?;
    let begun = server.resident_kib()?;
    table.figure("memory after start", begun / 1024.0, "MiB")?;
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut connection = server.connect().await?;
        // One that never asked for anything would not show what a connection in use takes.
        let asked = connection.ask("/v1/workflows/none/reset/plan", &serde_json::json!({})).await;
        asked.err().ok_or("there is a workflow that nobody made")?;
        connections.push(connection);
    }
    let with = server.resident_kib()?;
    #[expect(clippy::cast_precision_loss, reason = "it is a small number")]
    let each = (with - begun) / CONNECTIONS as f64;
    table.figure("memory a connection adds", each, "KiB")
}
