//! The server under systemd: what it tells, and the unit that comes with it.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::program::Place;

#[test]
fn it_tells_when_it_is_ready_that_it_lives_and_when_it_stops() {
    let place = Place::new();
    let socket = place.path("notify");
    let heard = UnixDatagram::bind(&socket).unwrap();
    heard.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let next = || {
        let mut bytes = [0; 256];
        let count = heard.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).trim().to_owned()
    };
    let mut command = place.command(&["serve", "--listen", "127.0.0.1:0"]);
    let command = command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "200000");
    let mut serving = place.start(command);
    assert_eq!(next(), "READY=1");
    for _ in 0..3 {
        assert_eq!(next(), "WATCHDOG=1");
    }
    serving.tell(Signal::TERM);
    while next() != "STOPPING=1" {}
    assert_eq!(serving.wait().code(), Some(0));
}

#[test]
fn the_unit_is_one() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/systemd/restage.service");
    let text = std::fs::read_to_string(&unit).unwrap();
    for line in ["Type=notify", "NotifyAccess=main", "NoNewPrivileges=yes", "ProtectSystem=strict"] {
        assert!(text.lines().any(|found| found == line), "{line} is missing");
    }
    // The program is not installed here: the unit is checked with this one in its place.
    let place = Place::new();
    let copy = place.path("restage.service");
    std::fs::write(&copy, text.replace("/usr/local/bin/restage", env!("CARGO_BIN_EXE_restage"))).unwrap();
    let Ok(checked) = Command::new("systemd-analyze").arg("verify").arg("--man=no").arg(&copy).output() else {
        println!("left out: there is no systemd-analyze");
        return;
    };
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    let about: Vec<&str> = said.lines().filter(|line| line.contains("restage.service")).collect();
    assert!(checked.status.success() && about.is_empty(), "{said}");
}
