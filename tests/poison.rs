//! Whatever comes in, in whatever field: it is refused with a reason, or it is stored and read back as it was. And a store
//! that took it in opens again.

use std::fmt::Debug;

use restage::workshop::{Message, Role, Template};
use restage::{Class, EntityId, Error, Rejection, Restage, StageId, Workshop, transcript};

/// What programs trip over.
fn poison() -> Vec<(&'static str, String)> {
    let mut all: Vec<(&'static str, String)> = [
        ("nothing", ""),
        ("a space", " "),
        ("NUL", "a\0b"),
        ("a line break", "a\nb"),
        ("CR and LF", "a\r\nX-Evil: 1"),
        ("a terminal escape", "\u{1b}[31mred\u{1b}]52;c;x\u{7}"),
        ("C1 controls", "a\u{85}\u{9b}31m"),
        ("right to left", "\u{202e}gpj.exe\u{2066}"),
        ("zero width", "a\u{200b}\u{feff}b"),
        ("a path", "../../etc/passwd"),
        ("an option", "-rf"),
        ("a long option", "--help"),
        ("SQL", "a'; DROP TABLE x; --"),
        ("a shell", "$(id) `id` ; id | id"),
        ("a script", "<script>alert(1)</script>"),
        ("a template", "{{7*7}} {0} %s%n"),
        ("a prototype", "__proto__"),
        ("JSON", "{\"a\": [1, null]}"),
        ("four bytes", "\u{1f4a9}\u{10ffff}"),
        ("composed", "\u{e9} e\u{301}"),
        ("replacement", "\u{fffd}"),
        ("non-characters", "\u{ffff}\u{fffe}"),
        ("digits", "007"),
        ("a huge number", "99999999999999999999999999999999999999"),
        ("a dot", "."),
    ]
    .map(|(name, text)| (name, text.to_owned()))
    .into();
    all.push(("10 kB", "x".repeat(10_000)));
    all.push(("10 kB in one grapheme", format!("a{}", "\u{301}".repeat(5_000))));
    all.push(("a thousand brackets", "[".repeat(1_000)));
    all
}

/// How many values were refused, and how many stored.
#[derive(Debug, Default)]
struct Counts {
    refused: usize,
    stored: usize,
}

impl Counts {
    /// A refusal has to be one, with words; the store must never be the one who complains.
    fn refused(&mut self, what: &str, error: &Error) {
        assert!(matches!(error.class(), Class::Invalid | Class::Conflict | Class::NotFound), "{what}: {error}");
        assert!(error.rejection().is_some() && !error.to_string().is_empty(), "{what}: {error}");
        assert!(!error.to_string().chars().any(|c| c.is_control() && c != '\n'), "{what} is repeated raw: {error:?}");
        self.refused += 1;
    }

    fn stored<T: PartialEq + Debug>(&mut self, what: &str, got: &T, given: &T) {
        assert!(got == given, "{what} comes back as {got:?} and was {given:?}");
        self.stored += 1;
    }
}

fn id(name: &str) -> EntityId {
    EntityId::new(name).unwrap()
}

fn talk() -> StageId {
    StageId::new("talk").unwrap()
}

fn message(id: &str, content: &str) -> Message {
    let (id, content) = (id.to_owned(), content.to_owned());
    Message { id, role: Role::User, content, finished: true, sub_step: None, by: None, source: None }
}

fn template() -> Template {
    Template::from_toml("name='t'\ntitle='T'\n[[steps]]\nid='talk'\ntitle='Talk'\nprompt='p'").unwrap()
}

/// Every field of a message, and the session that it is in.
async fn messages(workshop: &Workshop, text: &str, nth: usize, counts: &mut Counts) {
    let plain = message(&format!("m{nth}"), "plain");
    let sub_step = StageId::new(text).ok();
    let variants = [
        ("a message's id", "main", Message { id: text.into(), ..plain.clone() }),
        ("a message's content", "main", Message { id: format!("c{nth}"), content: text.into(), ..plain.clone() }),
        ("a writer's name", "main", Message { id: format!("b{nth}"), by: Some(text.into()), ..plain.clone() }),
        ("a sub-step", "main", Message { id: format!("s{nth}"), sub_step, ..plain.clone() }),
        ("a session", text, plain),
    ];
    for (what, session, given) in variants {
        let before = workshop.conversation(&talk()).await.unwrap();
        match workshop.session(session).save(&talk(), vec![given.clone()]).await {
            Err(error) => {
                counts.refused(what, &error);
                assert_eq!(workshop.conversation(&talk()).await.unwrap(), before, "{what} was refused");
            }
            Ok(_) if given.content.is_empty() => {}
            Ok(_) => {
                let after = workshop.conversation(&talk()).await.unwrap();
                let got = after.last().unwrap();
                counts.stored(what, &(got.session.as_str(), &got.message), &(session, &given));
            }
        }
    }
}

/// Who asks, why, and under which key.
async fn terms(workshop: &Workshop, text: &str, nth: usize, counts: &mut Counts) {
    let said = |what: &str| vec![message(&format!("{what}{nth}"), "plain")];
    let last = |workshop: Workshop| async move {
        let revision = workshop.view().await.unwrap().revision;
        workshop.handle().history(revision - 1, 1).await.unwrap().remove(0).entry
    };
    match workshop.by(text).save(&talk(), said("by")).await {
        Err(error) => counts.refused("the name of who asks", &error),
        Ok(_) => counts.stored("the name of who asks", &last(workshop.clone()).await.by.as_str(), &text),
    }
    match workshop.reason(text).save(&talk(), said("why")).await {
        Err(error) => counts.refused("a reason", &error),
        Ok(_) => counts.stored("a reason", &last(workshop.clone()).await.reason.as_deref(), &Some(text)),
    }
    match workshop.key(text).save(&talk(), said("key")).await {
        Err(error) => counts.refused("a key", &error),
        Ok(_) => {
            let again = workshop.key(text).save(&talk(), said("key")).await.unwrap();
            counts.stored("a key", &again.replayed, &true);
            let other = workshop.key(text).save(&talk(), said("other")).await.unwrap_err();
            assert!(matches!(other.rejection(), Some(Rejection::KeyReused { .. })), "{other}");
        }
    }
}

/// The summary, as each of its points.
async fn summaries(restage: &Restage, text: &str, nth: usize, counts: &mut Counts) {
    let workshop = restage.workshops().unwrap().get(&id(&format!("sum{nth}")));
    workshop.create("Sums", &template()).await.unwrap();
    let points = vec!["one".to_owned(), text.to_owned(), "three".to_owned()];
    match workshop.next(&talk(), Some(points.clone())).await {
        Err(error) => counts.refused("a summary", &error),
        Ok(_) => counts.stored("a summary", &workshop.summary_points(&talk()).await.unwrap(), &points),
    }
}

async fn titles(restage: &Restage, text: &str, nth: usize, counts: &mut Counts) {
    let workshop = restage.workshops().unwrap().get(&id(&format!("title{nth}")));
    match workshop.create(text, &template()).await {
        Err(error) => counts.refused("a title", &error),
        Ok(_) => counts.stored("a title", &workshop.view().await.unwrap().state.title.as_str(), &text),
    }
}

/// Every text of a template, through a file.
async fn templates(restage: &Restage, text: &str, nth: usize, counts: &mut Counts) {
    let quoted = serde_json::to_string(text).unwrap().replace('\u{7f}', "\\u007f");
    for (field, nth_field) in [("name", 0), ("title", 1), ("id", 2), ("step title", 3), ("prompt", 4), ("sub-step", 5)]
    {
        let at = |n: usize, plain: &str| if n == nth_field { quoted.clone() } else { format!("{plain:?}") };
        let file = format!(
            "name = {}\ntitle = {}\n[[steps]]\nid = {}\ntitle = {}\nprompt = {}\n\
             sub_steps = [{{ id = \"s\", title = {}, prompt = \"p\" }}]",
            at(0, "n"),
            at(1, "T"),
            at(2, "talk"),
            at(3, "Talk"),
            at(4, "p"),
            at(5, "S"),
        );
        let what = format!("a template's {field}");
        let template = match Template::from_toml(&file) {
            Err(rejection) => {
                counts.refused(&what, &rejection.into());
                continue;
            }
            Ok(template) => template,
        };
        let workshop = restage.workshops().unwrap().get(&id(&format!("t{nth}-{nth_field}")));
        workshop.create("From a template", &template).await.unwrap();
        counts.stored(&what, &workshop.template().await.unwrap(), &template);
    }
}

fn ids(text: &str, counts: &mut Counts) {
    for (what, made) in [
        ("an id", EntityId::new(text).map(|id| id.as_str().to_owned())),
        ("a step", StageId::new(text).map(|id| id.as_str().to_owned())),
    ] {
        match made {
            Err(rejection) => counts.refused(what, &rejection.into()),
            Ok(id) => counts.stored(what, &id.as_str(), &text),
        }
    }
}

/// JSON that parsers trip over.
fn json() -> Vec<(&'static str, String)> {
    let deep = |n: usize| format!("{}1{}", "[".repeat(n), "]".repeat(n));
    vec![
        ("a lone surrogate", r#"{"a": "\ud800"}"#.to_owned()),
        ("surrogates the wrong way round", r#"{"a": "\udc00\ud800"}"#.to_owned()),
        ("a pair of surrogates", r#"{"a": "\ud83d\ude00"}"#.to_owned()),
        ("an escaped NUL", r#"{"a\u0000": "\u0000"}"#.to_owned()),
        ("100 deep", deep(100)),
        ("10,000 deep", deep(10_000)),
        ("100,000 open", "[".repeat(100_000)),
        ("objects 5,000 deep", "{\"a\":".repeat(5_000)),
        ("a huge number", format!("{{\"a\": {}}}", "9".repeat(400))),
        ("a number without end", "{\"a\": 1e999999}".to_owned()),
        ("a long fraction", format!("[0.{}]", "1".repeat(2_000))),
        ("2^53 + 1", "[9007199254740993, -0, 1E400]".to_owned()),
        ("the same key twice", r#"{"a": 1, "a": 2, "generation": 1, "generation": 2}"#.to_owned()),
        ("NaN", "{\"a\": NaN}".to_owned()),
        ("a comment", "{} // no".to_owned()),
        ("a byte order mark", "\u{feff}{}".to_owned()),
        ("two values", "{} {}".to_owned()),
        ("a raw line break in a text", "{\"a\": \"x\ny\"}".to_owned()),
        ("white space", "  \r\n\t{ \"a\" :\t1 } \n".to_owned()),
        ("a prototype", r#"{"__proto__": {"x": 1}, "constructor": null}"#.to_owned()),
        ("nothing", String::new()),
    ]
}

/// Artifacts come back byte for byte; so do conversations in files.
async fn jsons(workshop: &Workshop, counts: &mut Counts) {
    for (what, text) in json() {
        match workshop.artifact(&talk(), &text, None).await {
            Err(error) => counts.refused(what, &error),
            Ok(_) => counts.stored(what, &workshop.artifact_json(&talk()).await.unwrap(), &text),
        }
    }
    for (nth, (what, text)) in json().into_iter().chain(poison()).enumerate() {
        let lines = [
            format!("{{\"id\": \"j{nth}\", \"role\": \"user\", \"content\": {}}}\n", serde_json::json!(text)),
            format!("{{\"id\": \"k{nth}\", \"role\": \"user\", \"content\": \"c\", \"more\": {text}}}\n"),
            format!("{{\"id\": \"l{nth}\", \"role\": {}, \"content\": \"c\"}}\n", serde_json::json!(text)),
            format!("{{\"id\": {}, \"role\": \"user\", \"content\": \"c\"}}\n", serde_json::json!(text)),
            text.clone(),
        ];
        for line in lines {
            let read = match transcript::read(line.as_bytes()) {
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    counts.refused += 1;
                    continue;
                }
                Ok(read) => read,
            };
            let session = workshop.session(format!("j{}", counts.stored));
            match session.save(&talk(), read.clone()).await {
                Err(error) => counts.refused(what, &error),
                Ok(_) => {
                    let all = workshop.conversation(&talk()).await.unwrap();
                    let got: Vec<_> = all.into_iter().rev().take(read.len()).rev().map(|s| s.message).collect();
                    counts.stored(what, &got, &read);
                    counts.stored(what, &transcript::write(&got), &transcript::write(&read));
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_is_refused_or_comes_back_equal_and_the_store_opens_again() {
    let folder = tempfile::tempdir().unwrap();
    let restage = Restage::open(folder.path()).await.unwrap();
    let workshop = restage.workshops().unwrap().get(&id("w"));
    workshop.create("Poisoned", &template()).await.unwrap();
    let mut counts = Counts::default();
    for (nth, (_, text)) in poison().into_iter().enumerate() {
        ids(&text, &mut counts);
        messages(&workshop, &text, nth, &mut counts).await;
        terms(&workshop, &text, nth, &mut counts).await;
        titles(&restage, &text, nth, &mut counts).await;
        summaries(&restage, &text, nth, &mut counts).await;
        templates(&restage, &text, nth, &mut counts).await;
    }
    jsons(&workshop, &mut counts).await;
    let before = shown(&restage).await;
    restage.shutdown().await.unwrap();

    // Once over what sled has, once over what the log has.
    for rebuilt in [false, true] {
        if rebuilt {
            std::fs::remove_dir_all(folder.path().join("index")).unwrap();
        }
        let restage = Restage::open(folder.path()).await.unwrap();
        assert!(shown(&restage).await == before, "after a restart, rebuilt: {rebuilt}");
        restage.shutdown().await.unwrap();
    }
    println!("{} values were refused, {} came back equal", counts.refused, counts.stored);
    assert!(counts.refused > 100 && counts.stored > 200, "{counts:?}");
}

/// Everything there is, as readers see it.
async fn shown(restage: &Restage) -> Vec<String> {
    let workshops = restage.workshops().unwrap();
    let mut all = Vec::new();
    for id in workshops.list(None, usize::MAX).await.unwrap() {
        let workshop = workshops.get(&id);
        let view = workshop.view().await.unwrap();
        let steps: Vec<StageId> = view.state.steps().map(|(step, _)| step.clone()).collect();
        all.push(format!("{view:?} {:?}", workshop.template().await.unwrap()));
        for step in steps {
            all.push(format!("{:?}", workshop.conversation(&step).await.unwrap()));
            all.push(format!("{:?}", workshop.artifact_json(&step).await.ok()));
            all.push(format!("{:?}", workshop.summary_points(&step).await.ok()));
        }
        all.push(format!("{:?}", workshop.handle().history(0, usize::MAX).await.unwrap()));
        all.push(format!("{:?}", workshop.handle().audit(0, usize::MAX).await.unwrap()));
    }
    all
}
