//! The facilitator, with a service on the other side of a real connection: what it is told, what becomes of what it says, and
//! what becomes of all that can go wrong.

use std::time::Duration;

use reqwest::Method;
use restage::access::Role;
use restage::{Facilitator, FacilitatorModel};
use serde_json::{Value, json};

use crate::events::Following;
use crate::partner::{Does, Partner};
use crate::program::Place;
use crate::user::User;
use crate::world::{World, answered};

const PATIENCE: Duration = Duration::from_secs(60);

const TEMPLATE: &str = r#"
name = "garden"
title = "A garden"

[[steps]]
id = "look"
title = "Look around"
prompt = "Ask what grows there. Ask who waters it."

[[steps]]
id = "plan"
title = "Make a plan"
prompt = "Ask for beds."
artifact = '{"type": "object", "required": ["beds"], "properties": {"beds": {"type": "integer", "minimum": 1}}}'
"#;

const STEPS: &str = "/v1/workshops/w1/steps";
const KEY: &str = "sk-very-secret-key";

/// A facilitator of little patience, behind a partner.
fn behind(partner: &Partner) -> Facilitator {
    Facilitator {
        model: FacilitatorModel::OpenAi {
            base_url: partner.base_url(),
            model: "parrot".into(),
            key: Some(KEY.to_owned()),
        },
        first: Duration::from_secs(2),
        silence: Duration::from_secs(1),
        whole: Duration::from_secs(20),
        ..Facilitator::default()
    }
}

async fn world(facilitator: Facilitator) -> World {
    let world = World::new().await;
    world.restage.serve_facilitator(facilitator).unwrap();
    world
}

async fn made(user: &User<'_>) {
    let new = json!({ "id": "w1", "title": "Our garden", "template_file": TEMPLATE });
    user.post("/v1/workshops", new).await.is(201);
}

async fn step(user: &User<'_>, step: &str) -> Value {
    let workshop = user.get("/v1/workshops/w1").await.ok();
    workshop["steps"].as_array().unwrap().iter().find(|found| found["step"] == step).unwrap().clone()
}

async fn ask(user: &User<'_>, of: &str, id: &str, content: &str) {
    user.post(&format!("{STEPS}/{of}/ask"), json!({ "id": id, "content": content })).await.is(202);
}

/// The step, once it awaits nothing more.
async fn settled(user: &User<'_>, of: &str) -> Value {
    until("the step awaits nothing", async || Some(step(user, of).await).filter(|step| step["awaits"].is_null())).await
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let wait = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("it never came that {what}"))
}

/// Who said what in a step.
async fn said(user: &User<'_>, of: &str) -> Vec<(String, String)> {
    let all = user.all(&format!("{STEPS}/{of}/messages"), 100).await;
    assert!(all.iter().all(|message| message["finished"] == true), "{all:?}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    all.iter().map(|message| (text(&message["role"]), text(&message["content"]))).collect()
}

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(role, content)| ((*role).to_owned(), (*content).to_owned())).collect()
}

#[tokio::test]
async fn an_answer_is_shown_as_it_comes_and_saved_at_its_end() {
    let partner = Partner::new(&[Does::Says(&["Roses", " and ", "**tulips**."])]).await;
    let world = world(behind(&partner)).await;
    let user = world.user(Role::Write).await;
    made(&user).await;
    let live = user.ask(Method::GET, "/v1/events?live=true&kind=workshop&id=w1");
    let (mut following, _) = Following::begin(live).await;
    ask(&user, "look", "m1", "What grows here?").await;
    let (mut last, mut is_settled) = (Value::Null, false);
    while !is_settled || last["finished"] != true {
        let block = following.take(1).await.remove(0);
        let data = block.data.unwrap();
        is_settled |= data["type"] == "workshop.facilitator_settled";
        if block.event.as_deref() == Some("live") {
            last = data;
        }
    }
    assert_eq!((&last["stage"], &last["generation"], &last["name"]), (&json!("look"), &json!(1), &json!("reply")));
    assert_eq!((&last["text"], &last["finished"]), (&json!("Roses and **tulips**."), &json!(true)));
    assert!(settled(&user, "look").await["problem"].is_null());
    let conversation = [("user", "What grows here?"), ("assistant", "Roses and **tulips**.")];
    assert_eq!(said(&user, "look").await, pairs(&conversation));

    let asked = partner.asked(1).await.remove(0);
    assert!(asked.head.to_lowercase().contains(&format!("authorization: bearer {KEY}")), "{}", asked.head);
    assert_eq!((&asked.body["model"], &asked.body["stream"]), (&json!("parrot"), &json!(true)));
    assert_eq!(asked.roles(), ["system", "user"]);
    for told in ["Our garden", "Look around", "Ask what grows there.", "Phase: orient", "What grows here?"] {
        assert!(asked.text().contains(told), "{told} is missing: {}", asked.text());
    }
    // The same message again is answered already.
    ask(&user, "look", "m1", "What grows here?").await;
    settled(&user, "look").await;
    assert_eq!((said(&user, "look").await, partner.asked_so_far().len()), (pairs(&conversation), 1));
    world.end().await;
}

#[tokio::test]
async fn a_reset_closes_the_stream_and_no_word_of_it_lands_in_the_new_conversation() {
    let greeting = Does::Says(&["Welcome back. What grows there?"]);
    let partner = Partner::new(&[Does::Endless("old "), greeting]).await;
    let world = world(behind(&partner)).await;
    let user = world.user(Role::Reset).await;
    made(&user).await;
    let live = user.ask(Method::GET, "/v1/events?live=true&kind=workshop&id=w1");
    let (mut following, _) = Following::begin(live).await;
    ask(&user, "look", "m1", "Tell me of the secret well").await;
    // Long enough that it was saved as a draft too.
    until("much was said", async || {
        let block = following.take(1).await.remove(0).data.unwrap();
        Some(()).filter(|()| block["text"].as_str().is_some_and(|text| text.len() > 250))
    })
    .await;
    user.post(&format!("{STEPS}/look/reset"), json!({ "reason": "anew" })).await.is(200);
    partner.left(1).await;
    let fresh = settled(&user, "look").await;
    assert_eq!((&fresh["generation"], &fresh["problem"]), (&json!(2), &Value::Null));
    assert_eq!(said(&user, "look").await, pairs(&[("assistant", "Welcome back. What grows there?")]));
    // What is still shown after the reset was told of is of the new generation.
    let mut is_reset = false;
    loop {
        let block = following.take(1).await.remove(0);
        let data = block.data.unwrap();
        is_reset |= data["type"] == "workshop.step_reset";
        let text = data["text"].as_str().unwrap_or_default();
        if is_reset && data["generation"] == 2 {
            assert!(!text.contains("old"), "{data}");
        }
        if text.contains("Welcome back. What grows there?") {
            break;
        }
    }
    let asked = partner.asked(2).await.remove(1);
    assert!(!asked.text().contains("secret well") && !asked.text().contains("old old"), "{}", asked.text());
    world.end().await;
}

#[tokio::test]
async fn an_answer_that_is_asked_for_anew_takes_the_place_of_the_one_under_way() {
    let partner = Partner::new(&[Does::Endless("and "), Does::Says(&["To both."])]).await;
    let world = world(behind(&partner)).await;
    let user = world.user(Role::Write).await;
    made(&user).await;
    ask(&user, "look", "m1", "One thing").await;
    partner.asked(1).await;
    let other = json!({ "id": "m9", "content": "elsewhere", "session": "other" });
    user.post(&format!("{STEPS}/look/ask"), other).await.problem(409, "conflict");
    ask(&user, "look", "m2", "No, another").await;
    partner.left(1).await;
    settled(&user, "look").await;
    let all = user.all(&format!("{STEPS}/look/messages"), 100).await;
    let texts: Vec<_> = all.iter().map(|message| message["content"].as_str().unwrap()).collect();
    assert!(
        texts.starts_with(&["One thing"]) && texts.contains(&"No, another") && texts.contains(&"To both."),
        "{texts:?}"
    );
    assert!(all.iter().all(|message| message["finished"] == true), "{all:?}");
    world.end().await;
}

#[tokio::test]
async fn whatever_goes_wrong_comes_to_an_end_that_people_see() {
    let cases: [(&[Does], &str, &str, usize); 10] = [
        (&[Does::Silent("")], "", "the model said nothing for 2 s", 1),
        (&[Does::Silent("Half a")], "Half a", "the model said nothing for 1 s", 1),
        (&[Does::Cut("Half a"), Does::Cut("Half"), Does::Cut("Hal")], "Hal", "the model's answer broke off", 3),
        (&[Does::Status(500, "", "ouch"), Does::Status(429, "retry-after: 0\r\n", "busy")], "Yes.", "", 3),
        (
            &[Does::Status(503, "", "a"), Does::Status(503, "", "b"), Does::Status(503, "", "c")],
            "",
            "answered 503: c",
            3,
        ),
        (&[Does::Status(401, "", "wrong key sk-very-secret-key")], "", "refused with 401: wrong key ***", 1),
        (&[Does::Nonsense], "", "can't be understood", 1),
        (&[Does::Says(&[])], "", "answered nothing", 1),
        (&[Does::Long(200_000)], "xxx", "more than 128 KiB", 1),
        (&[Does::AtOnce("At once.")], "At once.", "", 1),
    ];
    for (does, text, problem, requests) in cases {
        let partner = Partner::new(does).await;
        let world = world(behind(&partner)).await;
        let user = world.user(Role::Write).await;
        made(&user).await;
        ask(&user, "look", "m1", "Hello?").await;
        let step = settled(&user, "look").await;
        assert_eq!(partner.asked_so_far().len(), requests, "{does:?}");
        let told = step["problem"].as_str().unwrap_or_default();
        assert!(told.contains(problem) && told.is_empty() == problem.is_empty(), "{does:?}: {told}");
        let said = said(&user, "look").await;
        let answers: Vec<_> = said.iter().filter(|(role, _)| role == "assistant").collect();
        assert_eq!(answers.len(), usize::from(!text.is_empty()), "{does:?}: {said:?}");
        assert!(answers.iter().all(|(_, answer)| answer.starts_with(text) && answer.len() <= 128 << 10), "{does:?}");
        let troubles: Vec<_> = said.iter().filter(|(role, _)| role == "system").collect();
        assert_eq!(troubles.len(), usize::from(!problem.is_empty()), "{does:?}: {said:?}");
        assert!(troubles.iter().all(|(_, trouble)| trouble.contains(problem)), "{troubles:?}");
        // And it goes on from there: what it told of its troubles is none of the conversation.
        ask(&user, "look", "m2", "And now?").await;
        assert!(settled(&user, "look").await["problem"].is_null());
        let last = partner.asked(requests + 1).await.pop().unwrap();
        let begins = last.text().contains("Hello?") || last.text().contains("2 earlier messages are left out");
        assert!(begins && !last.text().contains("could not go on"), "{does:?}: {}", last.text());
        world.end().await;
    }
}

#[tokio::test]
async fn an_artifact_is_made_in_three_attempts_or_not_at_all() {
    let partner = Partner::new(&[
        Does::Says(&["Let us see."]),
        Does::Says(&["I would say three."]),
        Does::Says(&["{\"beds\": ", "0}"]),
        Does::Says(&["```json\n{\"beds\": 3}\n```"]),
        Does::Says(&["one"]),
        Does::Says(&["{\"beds\": -1}"]),
        Does::Says(&["{}"]),
    ])
    .await;
    let world = world(behind(&partner)).await;
    let user = world.user(Role::Write).await;
    made(&user).await;
    let points = json!({ "summary": ["Clay soil", "Much sun", "A well"] });
    user.post(&format!("{STEPS}/look/next"), points).await.ok();
    let extract = format!("{STEPS}/plan/artifact/extract");
    user.post(&extract, json!({})).await.problem(409, "conflict");
    ask(&user, "plan", "m1", "Three beds").await;
    settled(&user, "plan").await;
    user.post(&extract, json!({})).await.is(202);
    let step = settled(&user, "plan").await;
    assert_eq!((&step["artifact"]["version"], &step["artifact"]["confirmed"]), (&json!(1), &json!(false)), "{step}");
    assert_eq!(user.get(&format!("{STEPS}/plan/artifact")).await.ok(), json!({ "beds": 3 }));
    let asked = partner.asked(4).await;
    assert!(asked[0].text().contains("Clay soil") && asked[0].text().contains("Look around"), "{}", asked[0].text());
    assert!(asked[1].text().contains("\"minimum\":1"), "the schema is told: {}", asked[1].text());
    assert!(asked[2].text().contains("That can't be taken: it is no JSON"), "{}", asked[2].text());
    assert!(asked[3].text().contains("/beds: 0 is less than the minimum of 1"), "{}", asked[3].text());

    user.post(&extract, json!({ "generation": 1 })).await.is(202);
    let step = settled(&user, "plan").await;
    let problem = step["problem"].as_str().unwrap();
    assert!(problem.contains("in 3 attempts") && problem.contains("\"beds\" is a required property"), "{problem}");
    assert_eq!((&step["artifact"]["version"], partner.asked_so_far().len()), (&json!(1), 7));
    assert!(said(&user, "plan").await.iter().any(|(role, text)| role == "system" && text.contains("in 3 attempts")));
    world.end().await;
}

#[tokio::test]
async fn a_step_without_a_summary_is_summed_up_and_where_that_fails_it_stays_missing() {
    let good = Does::Says(&["- Roses grow\n- Tulips too\n- Ann waters them"]);
    for (does, state) in [
        (vec![good.clone()], "written"),
        (vec![Does::Says(&["- One point"]), good], "written"),
        (vec![Does::Says(&["- One"]), Does::Says(&["- One"])], "missing"),
        (vec![Does::Status(404, "", "no such model")], "missing"),
    ] {
        let partner = Partner::new(&does).await;
        let world = world(behind(&partner)).await;
        let user = world.user(Role::Write).await;
        made(&user).await;
        let message = json!({ "messages": [{ "id": "m1", "role": "user", "content": "Roses and tulips" }] });
        user.post(&format!("{STEPS}/look/messages"), message).await.ok();
        user.post(&format!("{STEPS}/look/next"), json!({})).await.ok();
        let step = settled(&user, "look").await;
        assert_eq!((&step["summary"], &step["status"]), (&json!(state), &json!("complete")), "{does:?}");
        assert_eq!(step["problem"].is_null(), state == "written", "{does:?}: {step}");
        if state == "written" {
            let points = user.get(&format!("{STEPS}/look/summary")).await.ok();
            assert_eq!(points["points"], json!(["Roses grow", "Tulips too", "Ann waters them"]));
        }
        world.end().await;
    }
}

#[tokio::test]
async fn a_budget_that_is_used_up_is_told_and_nothing_more_is_sent() {
    let partner = Partner::new(&[Does::Says(&["A first answer."])]).await;
    let used =
        |per_day, in_all| Facilitator { characters_per_day: per_day, characters_in_all: in_all, ..behind(&partner) };
    let world = world(used(2_000_000, 1_500)).await;
    let user = world.user(Role::Write).await;
    made(&user).await;
    ask(&user, "look", "m1", "Hello?").await;
    assert!(settled(&user, "look").await["problem"].is_null());
    for (facilitator, words) in
        [(used(2_000_000, 1_500), "budget in all is used up: 1500"), (used(1_500, 2_000_000), "budget for today")]
    {
        world.restage.serve_facilitator(facilitator).unwrap();
        ask(&user, "look", words, &"More? ".repeat(200)).await;
        let step = settled(&user, "look").await;
        assert!(step["problem"].as_str().unwrap().contains(words), "{step}");
    }
    assert_eq!(partner.asked_so_far().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn what_can_t_be_asked_is_refused_before_anything_is_saved() {
    let partner = Partner::new(&[]).await;
    let world = world(behind(&partner)).await;
    let user = world.user(Role::Write).await;
    made(&user).await;
    let path = format!("{STEPS}/look/ask");
    for body in [json!({ "id": "", "content": "x" }), json!({ "id": "a", "content": " " }), json!({ "content": "x" })] {
        user.post(&path, body).await.is(422);
    }
    user.post(&path, json!({ "id": "a", "content": "x", "generation": 7 })).await.problem(422, "invalid");
    user.post(&path, json!({ "id": "a", "content": "x", "sub_step": "none" })).await.problem(404, "not_found");
    user.post(&format!("{STEPS}/plan/ask"), json!({ "id": "a", "content": "x" })).await.problem(409, "conflict");
    user.post("/v1/workshops/w1/pause", json!({})).await.ok();
    user.post(&path, json!({ "id": "a", "content": "x" })).await.problem(409, "conflict");
    user.post(&format!("{STEPS}/look/artifact/extract"), json!({})).await.problem(409, "conflict");
    let reader = world.user(Role::Read).await;
    assert_eq!(reader.post(&path, json!({ "id": "a", "content": "x" })).await.status, 403);
    assert_eq!(said(&user, "look").await, []);
    assert_eq!(partner.asked_so_far().len(), 0);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_killed_in_the_middle_of_an_answer_gives_it_after_all() {
    let partner = Partner::new(&[Does::Silent("Half an"), Does::Says(&["A whole answer."])]).await;
    let place = Place::new();
    std::fs::write(place.path("chat.key"), format!("{KEY}\n")).unwrap();
    let (url, file) = (partner.base_url(), place.path("chat.key"));
    let settings = format!(
        "log = 'debug'\n[facilitator]\nkind = 'openai'\nbase_url = '{url}'\nmodel = 'parrot'\nkey_file = '{}'\n",
        file.display()
    );
    std::fs::write(place.path("chat.toml"), settings).unwrap();
    let serve = || place.start(&mut place.command(&["serve", "--listen", "127.0.0.1:0", "--config", "chat.toml"]));
    let server = tokio::task::block_in_place(serve);
    let client = crate::world::client();
    let post = |url: String, token: String, body: Value| {
        let client = client.clone();
        async move { answered(client.post(url).bearer_auth(token).json(&body)).await.ok() }
    };
    let new = json!({ "id": "w1", "title": "Our garden", "template_file": TEMPLATE });
    post(server.url("/v1/workshops"), server.token(), new).await;
    post(server.url(&format!("{STEPS}/look/ask")), server.token(), json!({ "id": "m1", "content": "Hello?" })).await;
    partner.asked(1).await;
    let log = server.log();
    tokio::task::block_in_place(|| server.kill());
    let server = tokio::task::block_in_place(serve);
    let (messages, token) = (server.url(&format!("{STEPS}/look/messages")), server.token());
    let all = until("it is answered", async || {
        let all = answered(client.get(&messages).bearer_auth(&token)).await.ok()["items"].as_array().unwrap().clone();
        Some(all).filter(|all| all.len() == 2 && all[1]["finished"] == true)
    })
    .await;
    assert_eq!((&all[1]["content"], &all[1]["by"]), (&json!("A whole answer."), &json!("facilitator")));
    let log = log + &server.log();
    assert!(!log.contains(KEY) && !log.contains("Hello?") && !log.contains("whole answer"), "{log}");
    tokio::task::block_in_place(|| server.stop());
}

#[tokio::test]
async fn without_a_model_a_script_leads_through_the_whole_step() {
    let world = world(Facilitator::default()).await;
    let user = world.user(Role::Reset).await;
    made(&user).await;
    ask(&user, "look", "m1", "Roses. Tulips. A well.").await;
    settled(&user, "look").await;
    let first = said(&user, "look").await.pop().unwrap();
    assert!(first.1.contains("not an AI") && first.1.contains("Ask what grows there."), "{first:?}");
    user.post(&format!("{STEPS}/look/next"), json!({})).await.ok();
    assert_eq!(settled(&user, "look").await["summary"], "written");
    user.post(&format!("{STEPS}/plan/reset"), json!({})).await.ok();
    settled(&user, "plan").await;
    assert!(said(&user, "plan").await[0].1.contains("**beds**"), "it opens the conversation after a reset");
    ask(&user, "plan", "m1", "I want 4 of them").await;
    settled(&user, "plan").await;
    user.post(&format!("{STEPS}/plan/artifact/extract"), json!({})).await.is(202);
    assert!(settled(&user, "plan").await["problem"].is_null());
    assert_eq!(user.get(&format!("{STEPS}/plan/artifact")).await.ok(), json!({ "beds": 4 }));
    user.post(&format!("{STEPS}/plan/artifact/confirm"), json!({ "version": 1 })).await.ok();
    let next = user.post(&format!("{STEPS}/plan/next"), json!({})).await.ok();
    assert_eq!(next["workshop_completed"], true);
    world.end().await;
}

#[tokio::test]
async fn any_command_can_be_the_model() {
    let script = r#"read -r asked; case "$asked" in *fail*) echo "no idea" >&2; exit 3;; *) echo "First line"; echo "and ${#asked} more";; esac"#;
    let command = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    let world = world(Facilitator { model: FacilitatorModel::Command(command), ..Facilitator::default() }).await;
    let user = world.user(Role::Write).await;
    made(&user).await;
    ask(&user, "look", "m1", "Hello?").await;
    assert!(settled(&user, "look").await["problem"].is_null());
    let answer = said(&user, "look").await.pop().unwrap();
    assert!(answer.1.starts_with("First line\nand ") && answer.1.ends_with(" more"), "{answer:?}");
    ask(&user, "look", "m2", "Please fail").await;
    let step = settled(&user, "look").await;
    assert!(step["problem"].as_str().unwrap().contains("ended with 3: no idea"), "{step}");
    world.end().await;
}
