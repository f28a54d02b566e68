//! What is made of what the model says: a message, an artifact, a summary. Each can be done again after a crash.

use serde_json::Value;

use super::NAME;
use super::call::{Call, Failed, digits};
use super::context::Context;
use super::prompts::Again;
use crate::agents::chat::{Said, Wanted};
use crate::domain::Rejection;
use crate::domain::workshop::{Effect, Message, StoredMessage};

/// How often the model is asked for an artifact that fits its schema.
const EXTRACTIONS_MAX: u32 = 3;
/// How often it is asked for a summary that can be taken.
const SUMMARIES_MAX: u32 = 2;

impl Call<'_> {
    /// Does what is owed.
    pub(super) async fn work(&self) -> Result<(), Failed> {
        match self.effect {
            Effect::Greet { generation, .. } => self.greet(generation.0).await,
            Effect::Reply { session, message, .. } => self.reply(session, message).await,
            Effect::Extract { .. } => self.extract().await,
            Effect::Summarize { .. } => self.summarize().await,
        }
    }

    async fn greet(&self, generation: u64) -> Result<(), Failed> {
        let context = Context::read(self).await?;
        let id = format!("greeting-{generation}");
        // Whoever spoke first meanwhile needs no opening.
        if context.conversation.iter().any(|stored| stored.message.id != id || stored.message.finished) {
            return Ok(());
        }
        let asked = context.asked(Wanted::Greeting, None, None, self.settings.limits.context_characters);
        self.speak(Message::assistant(id, ""), &asked).await
    }

    async fn reply(&self, session: &str, answered: &str) -> Result<(), Failed> {
        let context = Context::read(self).await?;
        // The same message is answered by the same message, so that doing it again after a crash is harmless.
        let id = format!("reply-{}", digits(&[session.as_bytes(), answered.as_bytes()]));
        let of_session = |stored: &&StoredMessage| stored.session == session;
        let mut messages = context.conversation.iter().filter(of_session).map(|stored| &stored.message);
        if messages.clone().any(|message| message.id == id && message.finished) {
            return Ok(());
        }
        let left_off =
            |message: &&Message| !message.finished && message.by.as_deref() == Some(NAME) && message.id != id;
        let left_off: Vec<Message> =
            messages.clone().filter(left_off).map(|message| Message { finished: true, ..message.clone() }).collect();
        if !left_off.is_empty() {
            self.workshop.save(self.effect.stage(), left_off).await?;
        }
        let sub_step = messages.find(|message| message.id == answered).and_then(|message| message.sub_step.clone());
        let asked = context.asked(Wanted::Reply, Some(session), None, self.settings.limits.context_characters);
        self.speak(Message { sub_step, ..Message::assistant(id, "") }, &asked).await
    }

    async fn extract(&self) -> Result<(), Failed> {
        let context = Context::read(self).await?;
        let stage = self.effect.stage();
        let expected = context.artifact.as_ref().map_or(0, |(version, _)| *version);
        // Under this key it is written once, though the model would say something else the next time.
        let workshop = self.workshop.key(format!("facilitator-{}", self.name));
        let mut again: Option<Again> = None;
        for _ in 0..EXTRACTIONS_MAX {
            let answer = self.answer(&context, Wanted::Artifact, again.as_ref()).await?;
            let problem = match json_in(&answer) {
                None => "it is no JSON".to_owned(),
                Some(json) => match workshop.artifact(stage, json, Some(expected)).await {
                    Ok(_) => return Ok(()),
                    Err(error) => match error.rejection() {
                        Some(Rejection::KeyReused { .. }) => return Ok(()),
                        Some(Rejection::VersionMoved { .. }) => {
                            let why = "somebody wrote the artifact meanwhile, and theirs stays";
                            return Err(Failed::Problem(why.into()));
                        }
                        Some(Rejection::Invalid { problem, .. }) => problem.clone(),
                        _ => return Err(error.into()),
                    },
                },
            };
            again = Some(Again { answer, problem });
        }
        let problem = again.map(|again| again.problem).unwrap_or_default();
        Err(Failed::Problem(format!("in {EXTRACTIONS_MAX} attempts no artifact came that fits: {problem}")))
    }

    async fn summarize(&self) -> Result<(), Failed> {
        let context = Context::read(self).await?;
        let mut again: Option<Again> = None;
        for _ in 0..SUMMARIES_MAX {
            let answer = self.answer(&context, Wanted::Summary, again.as_ref()).await?;
            let problem = match self.workshop.summary(self.effect.stage(), points_in(&answer)).await {
                Ok(_) => return Ok(()),
                Err(error) => match error.rejection() {
                    Some(rejection @ (Rejection::Invalid { .. } | Rejection::Limit { .. })) => rejection.to_string(),
                    _ => return Err(error.into()),
                },
            };
            again = Some(Again { answer, problem });
        }
        let problem = again.map(|again| again.problem).unwrap_or_default();
        Err(Failed::Problem(format!("in {SUMMARIES_MAX} attempts no summary came that can be taken: {problem}")))
    }

    async fn answer(&self, context: &Context, wanted: Wanted, again: Option<&Again>) -> Result<String, Failed> {
        let said = Said::default();
        let asked = context.asked(wanted, None, again, self.settings.limits.context_characters);
        self.ask(&asked, &said).await?;
        Ok(said.text())
    }
}

/// The JSON of an answer, which may have words or a fence around it.
fn json_in(answer: &str) -> Option<&str> {
    let is_json = |text: &str| serde_json::from_str::<Value>(text).is_ok();
    let whole = answer.trim();
    if is_json(whole) {
        return Some(whole);
    }
    let between = |open: char, close: char| whole.get(whole.find(open)?..=whole.rfind(close)?);
    [between('{', '}'), between('[', ']')].into_iter().flatten().find(|text| is_json(text))
}

/// The points of an answer: its lines that are marked as such, else all that are not empty.
fn points_in(answer: &str) -> Vec<String> {
    let bare = |line: &str| {
        let line = line.trim();
        let numbered = line.trim_start_matches(|c: char| c.is_ascii_digit());
        let rest = ["- ", "* ", "• "].iter().find_map(|mark| line.strip_prefix(mark));
        let rest = rest
            .or_else(|| [". ", ") "].iter().find_map(|mark| numbered.strip_prefix(mark)).filter(|_| numbered != line));
        rest.map(|rest| rest.trim().to_owned())
    };
    let marked: Vec<String> = answer.lines().filter_map(bare).filter(|point| !point.is_empty()).collect();
    if !marked.is_empty() {
        return marked;
    }
    answer.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_found_among_words() {
        for (answer, json) in [
            ("{\"a\":1}", Some("{\"a\":1}")),
            ("Here it is:\n```json\n{\"a\": [1]}\n```\nAnything else?", Some("{\"a\": [1]}")),
            ("[1, 2]", Some("[1, 2]")),
            ("I can't do that.", None),
            ("{\"a\": 1", None),
            ("} {", None),
        ] {
            assert_eq!(json_in(answer), json, "{answer}");
        }
    }

    #[test]
    fn points_are_found_however_they_are_marked() {
        let found = |answer: &str| points_in(answer).join("|");
        assert_eq!(found("Summary:\n- one\n* two\n\n3. three\n4) four"), "one|two|three|four");
        assert_eq!(found("one\n\n two \n3 is a number"), "one|two|3 is a number");
        assert_eq!(found(""), "");
    }
}
