//! Late work: what came under an older generation and was kept, side by side with what is there now.

mod of_task;
mod of_workflow;
mod of_workshop;

use actix_web::web;
use utoipa_actix_web::service_config::ServiceConfig;

use super::marks::{Mark, Tone};
use super::text::{Safe, line, plain, words};
use super::when::When;
use crate::api::{EntityId, Error, Orphan};

/// Pieces of late work on a page.
const PER_PAGE: usize = 20;
/// What is shown of a text.
const TEXT_BYTES_MAX: usize = 16 << 10;

pub(super) fn routes(config: &mut ServiceConfig<'_>) {
    config.route("/ui/workflows/{id}/late", web::get().to(of_workflow::page));
    config.route("/ui/workshops/{id}/late", web::get().to(of_workshop::page));
    config.route("/ui/tasks/{id}/late", web::get().to(of_task::page));
}

/// A piece of late work.
#[derive(Debug)]
pub(super) struct Late {
    number: u64,
    /// What it is.
    what: Safe,
    /// Where what it is about is shown, if it has a place.
    href: Option<String>,
    stage: String,
    at: When,
    by: Safe,
    /// The generation it was written under, and the one that holds now.
    generation: u64,
    holds: u64,
    /// Where verbs about it are asked for.
    path: String,
    /// What adopting comes to, where that is not plain.
    note: Option<&'static str>,
    sides: Vec<Side>,
}

/// What came late and what is there, of one sort.
#[derive(Debug)]
struct Side {
    name: &'static str,
    late: Column,
    /// What is there now; a sentence where nothing is.
    there: Result<Column, String>,
    mark: Mark,
    /// Word by word, what adopting would change.
    differs: Option<Safe>,
}

/// One of the two.
#[derive(Debug)]
struct Column {
    facts: Vec<Safe>,
    text: Safe,
    /// Bytes that are not shown.
    more: usize,
}

/// A text to be compared, with what is said of it.
struct Said {
    text: String,
    facts: Vec<String>,
}

impl From<String> for Said {
    fn from(text: String) -> Self {
        Self { text, facts: Vec::new() }
    }
}

impl Said {
    /// So much of the text, and how much is left out.
    fn shown(&self) -> (&str, usize) {
        let shown = self.text.get(..self.text.floor_char_boundary(TEXT_BYTES_MAX)).unwrap_or_default();
        (shown, self.text.len() - shown.len())
    }

    fn column(&self) -> Column {
        let (shown, more) = self.shown();
        Column { facts: self.facts.iter().map(|fact| line(fact)).collect(), text: plain(shown), more }
    }
}

impl Side {
    /// What came late beside what is there, or beside why nothing is.
    fn new(name: &'static str, late: &Said, there: Result<Said, String>) -> Self {
        let (mark, differs) = match &there {
            Err(_) => (Mark::new(Tone::Warn, '+', "nothing is there"), None),
            Ok(there) if there.text == late.text => (Mark::new(Tone::Done, '=', "the same"), None),
            Ok(there) => (Mark::new(Tone::Warn, '≠', "different"), Some(words(there.shown().0, late.shown().0))),
        };
        Self { name, late: late.column(), there: there.map(|there| there.column()), mark, differs }
    }
}

impl Late {
    /// A piece of late work of an entity; `holds` is the generation that its stage has now.
    fn new(kind: &str, id: &EntityId, orphan: &Orphan, holds: u64) -> Self {
        Self {
            number: orphan.number,
            what: Safe::default(),
            href: None,
            stage: orphan.stage.to_string(),
            at: When(orphan.at),
            by: line(&orphan.by),
            generation: orphan.generation.0,
            holds,
            path: format!("/v1/{kind}s/{id}/orphans/{}", orphan.number),
            note: None,
            sides: Vec::new(),
        }
    }
}

/// Those of a page, after a number, and the last of them if more follow.
fn page_of(orphans: &[Orphan], after: Option<u64>) -> (Vec<&Orphan>, Option<u64>) {
    let mut rest = orphans.iter().filter(|orphan| after.is_none_or(|after| orphan.number > after));
    let page: Vec<&Orphan> = rest.by_ref().take(PER_PAGE).collect();
    let next = page.last().map(|last| last.number).filter(|_| rest.next().is_some());
    (page, next)
}

/// What was looked for, or nothing where there is none.
fn found<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code() == "not_found" => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(late: &str, there: Result<&str, &str>) -> Side {
        let there = there.map(|text| Said::from(text.to_owned())).map_err(str::to_owned);
        Side::new("Output", &Said::from(late.to_owned()), there)
    }

    #[test]
    fn the_same_is_told_from_what_differs_and_from_nothing() {
        assert_eq!(side("a b", Ok("a b")).mark.word(), "the same");
        assert!(side("a b", Ok("a b")).differs.is_none());
        let different = side("a c", Ok("a b"));
        assert_eq!(different.mark.word(), "different");
        assert_eq!(different.differs.unwrap().as_str(), "a <del>b</del><ins>c</ins>");
        let nothing = side("a", Err("the task was cleared"));
        assert_eq!(
            (nothing.mark.word(), nothing.there.unwrap_err().as_str()),
            ("nothing is there", "the task was cleared")
        );
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let long = "ö".repeat(TEXT_BYTES_MAX);
        let side = side(&long, Err(""));
        let shown = side.late.text.as_str().matches('ö').count() * 'ö'.len_utf8();
        assert_eq!((shown, side.late.more), (TEXT_BYTES_MAX, TEXT_BYTES_MAX));
    }
}
