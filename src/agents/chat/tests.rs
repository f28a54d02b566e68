#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::{Value, json};

use super::stream::Reader;
use super::*;

fn read(chunks: &[&str]) -> (String, Result<(), ChatError>) {
    let (said, mut reader) = (Said::default(), Reader::default());
    let mut read = || {
        chunks.iter().try_for_each(|chunk| reader.push(chunk.as_bytes(), &said))?;
        reader.close(&said)
    };
    let outcome = read();
    (said.text(), outcome)
}

fn piece(text: &str) -> String {
    format!("data: {}\n\n", json!({ "choices": [{ "delta": { "content": text } }] }))
}

#[test]
fn a_stream_is_read_however_it_is_cut_into_chunks() {
    let whole = format!(": beat\n\n{}{}data: [DONE]\r\n\r\n", piece("Grüß "), piece("Gott"));
    let (text, outcome) = read(&[&whole]);
    assert_eq!((text.as_str(), outcome), ("Grüß Gott", Ok(())));
    let (said, mut reader) = (Said::default(), Reader::default());
    for byte in whole.as_bytes() {
        reader.push(&[*byte], &said).unwrap();
    }
    assert_eq!((said.text().as_str(), reader.close(&said)), ("Grüß Gott", Ok(())));
}

#[test]
fn what_services_do_to_a_stream_is_told_apart() {
    let ends = r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}]}"#;
    let whole = r#"{"choices":[{"message":{"role":"assistant","content":"at once"},"finish_reason":"stop"}]}"#;
    let nonsense = |text: &str| matches!(read(&[text]).1, Err(ChatError::Nonsense(_)));
    assert_eq!(read(&[&piece("half a")]), ("half a".into(), Err(ChatError::Cut)));
    assert_eq!(read(&[&piece("all"), ends]), ("all".into(), Ok(())));
    assert_eq!(read(&[whole]), ("at once".into(), Ok(())));
    assert_eq!(read(&["data: [DONE]\n"]), (String::new(), Err(ChatError::Empty)));
    assert!(nonsense("data: {what?\n") && nonsense("data: {\"error\":{\"message\":\"overloaded\"}}\n"));
    let (text, outcome) = read(&[&piece(&"ä".repeat(100_000))]);
    assert_eq!((text.len(), outcome), (ANSWER_BYTES_MAX, Err(ChatError::TooLong)));
}

#[test]
fn a_configuration_that_can_t_be_is_refused_and_a_key_is_never_shown() {
    let config = |base_url: &str, model: &str, key: Option<&str>| OpenAiConfig {
        base_url: base_url.into(),
        model: model.into(),
        key: key.map(str::to_owned),
        patience: Patience::default(),
    };
    for (url, model, key) in [
        ("", "m", None),
        ("file:///etc/passwd", "m", None),
        ("http://user:secret@host/v1", "m", None),
        ("http://host/v1?key=secret", "m", None),
        ("http://host/v1", " ", None),
        ("http://host/v1", "m", Some("two\nlines")),
        ("http://host/v1", "m", Some("")),
    ] {
        assert!(OpenAi::new(config(url, model, key)).is_err(), "{url} {model} {key:?}");
    }
    let model = OpenAi::new(config("http://127.0.0.1:8080/v1", "m", Some("sk-secret"))).unwrap();
    assert!(!format!("{model:?}").contains("sk-secret"));
}

fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["statement", "stakeholders", "certainty"],
        "properties": {
            "constraints": { "type": "array", "items": { "type": "string" } },
            "statement": { "type": "string", "minLength": 1, "description": "How might we ..." },
            "stakeholders": { "type": "array", "minItems": 2, "items": { "$ref": "#/$defs/person" } },
            "certainty": { "type": "integer", "minimum": 1, "maximum": 5 }
        },
        "$defs": { "person": {
            "type": "object",
            "required": ["name", "influence"],
            "additionalProperties": false,
            "properties": { "name": { "type": "string" }, "influence": { "enum": ["low", "medium", "high"] } }
        } }
    })
}

fn scene(turns: &[(Speaker, &str)]) -> Scene {
    Scene {
        title: "Challenge".into(),
        prompt: "Ask what happens today. Ask for whom it is a problem.".into(),
        phase: "gather".into(),
        turns: turns.iter().map(|(speaker, text)| (*speaker, (*text).to_owned())).collect(),
        artifact: None,
        schema: Some(schema()),
    }
}

async fn said(wanted: Wanted, scene: Scene) -> String {
    let asked = Asked { wanted, messages: Vec::new(), schema: None, scene };
    let said = Said::default();
    Scripted.answer(&asked, &said).await.unwrap();
    said.text()
}

#[tokio::test]
async fn the_script_says_what_it_is_and_asks_for_one_field_after_the_other() {
    use Speaker::{Assistant, User};
    let first = said(Wanted::Greeting, scene(&[])).await;
    assert!(first.contains("not an AI") && first.contains("**statement** (How might we ...)"), "{first}");
    let second = said(Wanted::Reply, scene(&[(Assistant, &first), (User, "HMW keep bikes dry")])).await;
    assert!(second.contains("**stakeholders**") && second.contains("name, influence"), "{second}");
    let turns = [(Assistant, "1"), (User, "a"), (Assistant, "2"), (Assistant, "3"), (Assistant, "4"), (User, "b")];
    let last = said(Wanted::Reply, scene(&turns)).await;
    assert!(last.contains("all I have to ask"), "{last}");
    let without = Scene { schema: None, ..scene(&[]) };
    let first = said(Wanted::Greeting, without).await;
    assert!(first.contains("Ask what happens today.") && !first.contains("for whom"), "{first}");
}

#[tokio::test]
async fn the_script_makes_an_artifact_that_fits_from_much_and_from_nothing() {
    use Speaker::{Assistant, User};
    let much = scene(&[
        (Assistant, "1"),
        (User, "How might we keep bikes dry"),
        (Assistant, "2"),
        (User, "- Ann, high\n- the city, low influence"),
        (Assistant, "3"),
        (User, "I'd say 9 of 10"),
        (Assistant, "4"),
        (User, "no money, no space"),
    ]);
    let made: Value = serde_json::from_str(&said(Wanted::Artifact, much).await).unwrap();
    assert_eq!(
        made,
        json!({
            "statement": "How might we keep bikes dry",
            "stakeholders": [{ "name": "Ann", "influence": "high" }, { "name": "the city", "influence": "low" }],
            "certainty": 5,
            "constraints": ["no money", "no space"],
        })
    );
    let made: Value = serde_json::from_str(&said(Wanted::Artifact, scene(&[])).await).unwrap();
    assert_eq!(made["statement"], "not said");
    assert_eq!(made["stakeholders"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn the_script_sums_up_in_three_or_four_points_of_few_words() {
    let long = "word ".repeat(500);
    for (artifact, said_before) in
        [(None, ""), (Some(json!({ "statement": long, "a": [1, 2] }).to_string()), long.as_str())]
    {
        let scene = Scene { artifact, ..scene(&[(Speaker::User, said_before)]) };
        let text = said(Wanted::Summary, scene).await;
        let points: Vec<&str> = text.lines().collect();
        assert!((3..=4).contains(&points.len()), "{text}");
        assert!(points.iter().all(|point| point.starts_with("- ") && point.len() > 2), "{text}");
        assert!(text.split_whitespace().count() <= 150, "{text}");
    }
}
