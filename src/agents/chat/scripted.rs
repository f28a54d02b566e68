//! A script in place of a model: it asks what the template wants to know, one thing after the other, and makes artifact and
//! summary from what was answered. The same conversation gives the same words, and it says what it is.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use super::script_artifact::{self, Field};
use super::{Answering, Asked, ChatError, ChatModel, Said, Scene, Speaker, Wanted};

/// How long a word takes, so that it can be seen how answers come.
const WORD_TIME: Duration = Duration::from_millis(8);
/// Words of one point of a summary.
const POINT_WORDS: usize = 30;
/// Fewest and most points of a summary.
const POINTS_MIN: usize = 3;
const POINTS_MAX: usize = 4;
/// What is said first.
const WHAT_I_AM: &str = "I am a script that follows the template, not an AI: no chat model is configured.";

/// A script in place of a model.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scripted;

impl ChatModel for Scripted {
    fn name(&self) -> String {
        "script".into()
    }

    fn answer<'a>(&'a self, asked: &'a Asked, said: &'a Said) -> Answering<'a> {
        let scene = &asked.scene;
        Box::pin(async move {
            match asked.wanted {
                Wanted::Greeting => speak(&greeting(scene), said).await,
                Wanted::Reply => speak(&reply(scene), said).await,
                Wanted::Artifact => said.push(&artifact(scene)),
                Wanted::Summary => said.push(&summary(scene)),
            }
        })
    }
}

async fn speak(text: &str, said: &Said) -> Result<(), ChatError> {
    for word in text.split_inclusive(' ') {
        said.push(word)?;
        sleep(WORD_TIME).await;
    }
    Ok(())
}

fn greeting(scene: &Scene) -> String {
    format!("{WHAT_I_AM}\n\n{}", question(scene, 0))
}

fn reply(scene: &Scene) -> String {
    let asked = scene.turns.iter().filter(|(speaker, _)| *speaker == Speaker::Assistant).count();
    let opening = if asked == 0 { WHAT_I_AM } else { "Noted." };
    format!("{opening}\n\n{}", question(scene, asked))
}

/// The question at a place; after the last, what to do now.
fn question(scene: &Scene, place: usize) -> String {
    let questions = questions(scene);
    match questions.get(place) {
        Some(question) => {
            format!("*{}, {}*, question {} of {}:\n\n{question}", scene.title, scene.phase, place + 1, questions.len())
        }
        None if scene.schema.is_some() => {
            "That is all I have to ask. Have the artifact made, look at it, change what is \
                                           wrong, confirm it, and go on to the next step."
                .into()
        }
        None => "That is all I have to ask. Say more if you like, or go on to the next step.".into(),
    }
}

/// What there is to ask: for each field of the artifact; without one, for each sentence of the template's prompt.
fn questions(scene: &Scene) -> Vec<String> {
    let fields = scene.schema.as_ref().map(script_artifact::fields).unwrap_or_default();
    if !fields.is_empty() {
        return fields.iter().map(Field::question).collect();
    }
    sentences(&scene.prompt).into_iter().map(|sentence| format!("The template says: > {sentence}")).collect()
}

fn sentences(text: &str) -> Vec<String> {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let ends = flat.match_indices(['.', '?', '!']).map(|(at, mark)| at + mark.len());
    let mut from = 0;
    let mut all: Vec<String> = Vec::new();
    for end in ends.filter(|end| flat[*end..].is_empty() || flat[*end..].starts_with(' ')) {
        all.push(flat[from..end].trim().to_owned());
        from = end;
    }
    all.push(flat[from..].trim().to_owned());
    all.retain(|sentence| !sentence.is_empty());
    all
}

/// What was answered to each question, in order; what was said before the first question counts as an answer to it.
fn answers(scene: &Scene) -> Vec<String> {
    let mut answers: Vec<String> = vec![String::new()];
    let mut asked = false;
    for (speaker, text) in &scene.turns {
        match speaker {
            Speaker::Assistant if asked => answers.push(String::new()),
            Speaker::Assistant => asked = true,
            Speaker::User | Speaker::System => {
                if let Some(answer) = answers.last_mut() {
                    answer.push_str(text);
                    answer.push('\n');
                }
            }
        }
    }
    answers
}

fn artifact(scene: &Scene) -> String {
    let answers = answers(scene);
    let made = match &scene.schema {
        Some(schema) => script_artifact::make(schema, &answers),
        None => {
            let notes = answers.iter().map(|answer| answer.trim()).filter(|answer| !answer.is_empty());
            serde_json::json!({ "notes": notes.collect::<Vec<_>>() })
        }
    };
    serde_json::to_string_pretty(&made).unwrap_or_default()
}

fn summary(scene: &Scene) -> String {
    let artifact: Option<Value> = scene.artifact.as_deref().and_then(|json| serde_json::from_str(json).ok());
    let fields = artifact.as_ref().and_then(Value::as_object).into_iter().flatten();
    let mut points: Vec<String> =
        fields.map(|(name, value)| format!("{}: {}", name.replace('_', " "), script_artifact::words(value))).collect();
    let said =
        scene.turns.iter().filter(|(speaker, _)| *speaker == Speaker::User).flat_map(|(_, text)| sentences(text));
    points.extend(said);
    points.extend(std::iter::repeat_n("Nothing more was said.".to_owned(), POINTS_MIN));
    let most = if points.len() > POINTS_MAX + POINTS_MIN { POINTS_MAX } else { POINTS_MIN };
    points.iter().take(most).map(|point| format!("- {}\n", first_words(point))).collect()
}

fn first_words(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let cut = if words.len() > POINT_WORDS { " …" } else { "" };
    format!("{}{cut}", words.into_iter().take(POINT_WORDS).collect::<Vec<_>>().join(" "))
}
