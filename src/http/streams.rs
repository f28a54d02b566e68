//! How many may follow at a time, and how long one who reads nothing is waited for.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::http::StatusCode;

use super::options::Limits;
use super::problem::{Answer, Problem};

/// How long what was sent waits to be read.
pub(in crate::http) const SLOW_MOST: Duration = Duration::from_secs(10);

/// How many follow, by who they are.
#[derive(Debug, Default)]
pub(in crate::http) struct Streams {
    open: Mutex<HashMap<String, usize>>,
    most: usize,
    most_each: usize,
}

/// One who follows, until it is dropped.
#[derive(Debug)]
pub(in crate::http) struct Place {
    streams: Arc<Streams>,
    who: String,
}

impl Streams {
    pub(in crate::http) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), most: limits.streams, most_each: limits.streams_each })
    }

    /// One more, if there is room for them.
    pub(in crate::http) fn enter(self: &Arc<Self>, who: &str) -> Answer<Place> {
        let mut open = self.open();
        if open.values().sum::<usize>() >= self.most {
            let problem =
                Problem::unavailable("streams", format!("{} follow already, the most there can be", self.most));
            return Err(problem.hint("come again later, or ask for `streams` to be raised in the server's settings"));
        }
        let own = open.entry(who.to_owned()).or_default();
        if *own >= self.most_each {
            let detail = format!("{own} streams are open with what was shown, the most there can be");
            let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "streams", detail).retry_after(1);
            return Err(problem.hint("end some of them: one stream can show everything"));
        }
        *own += 1;
        Ok(Place { streams: Arc::clone(self), who: who.to_owned() })
    }

    /// How many follow.
    pub(in crate::http) fn count(&self) -> usize {
        self.open().values().sum()
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.open();
        if let Some(own) = open.get_mut(&self.who) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.who);
            }
        }
    }
}

/// Has the system drop connections whose other side takes nothing of what was sent to it. No code of ours runs while a
/// connection takes nothing. Connections have from the listener what it has.
pub(in crate::http) fn drop_the_slow(listener: &TcpListener) -> std::io::Result<()> {
    let most = u32::try_from(SLOW_MOST.as_millis()).unwrap_or(u32::MAX);
    Ok(rustix::net::sockopt::set_tcp_user_timeout(listener, most)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_all_places_and_a_place_is_given_back() {
        let streams = Arc::new(Streams { open: Mutex::default(), most: 3, most_each: 2 });
        let places = [streams.enter("a").unwrap(), streams.enter("a").unwrap()];
        assert_eq!(streams.enter("a").unwrap_err().status(), StatusCode::TOO_MANY_REQUESTS);
        let other = streams.enter("b").unwrap();
        assert_eq!(streams.enter("c").unwrap_err().status(), StatusCode::SERVICE_UNAVAILABLE);
        drop(places);
        assert_eq!(streams.count(), 1);
        streams.enter("c").unwrap();
        drop(other);
        assert_eq!(streams.count(), 0);
    }
}
