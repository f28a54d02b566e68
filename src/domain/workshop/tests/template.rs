//! Template files, good and bad, and artifacts checked by their schemas.

use super::*;

fn file(step: &str) -> String {
    format!("name = \"t\"\ntitle = \"T\"\n[[steps]]\nid = \"a\"\ntitle = \"A\"\nprompt = \"p\"\n{step}")
}

fn refusal(text: &str) -> String {
    Template::from_toml(text).unwrap_err().to_string()
}

#[test]
fn the_built_in_template_has_ten_steps_in_a_row() {
    let names: Vec<&str> = Template::built_in_names().collect();
    assert_eq!(names, ["design-thinking"]);
    let template = Template::built_in("design-thinking").unwrap();
    let steps: Vec<&str> = template.steps().iter().map(|step| step.id.as_str()).collect();
    let expected = [
        "challenge",
        "stakeholder-mapping",
        "user-research",
        "sense-making",
        "persona",
        "journey-mapping",
        "reframe",
        "ideation",
        "concept",
        "validate",
    ];
    assert_eq!(steps, expected);
    assert!(template.steps().iter().all(|step| step.artifact.is_some() && step.prompt.len() > 200));
    for pair in template.steps().windows(2) {
        assert_eq!(pair[1].depends_on, [pair[0].id.clone()]);
    }
    let ideation = template.step(&id("ideation")).unwrap();
    let subs: Vec<&str> = ideation.sub_steps.iter().map(|sub| sub.id.as_str()).collect();
    assert_eq!(subs, ["mind-mapping", "crazy-eights", "brain-writing"]);
    assert!(matches!(Template::built_in("other"), Err(Rejection::NotFound { .. })));
}

#[test]
fn a_template_comes_back_from_its_bytes_with_the_same_digest() {
    let template = Template::built_in("design-thinking").unwrap();
    let again = Template::from_bytes(&template.to_bytes().unwrap()).unwrap();
    assert_eq!(again, template);
    assert_eq!(again.digest().unwrap(), template.digest().unwrap());
    assert_ne!(World::of(&[("a", &[])]).state.outline.digest, template.digest().unwrap());
}

#[test]
fn damaged_bytes_are_refused_and_never_panic() {
    let bytes = Template::built_in("design-thinking").unwrap().to_bytes().unwrap();
    for end in (0..bytes.len()).step_by(97) {
        assert_eq!(Template::from_bytes(&bytes[..end]).unwrap_err().code(), "damaged");
    }
}

/// The least that a schema of the built-in template accepts.
fn least(schema: &serde_json::Value) -> serde_json::Value {
    if let Some(first) = schema["enum"].get(0) {
        return first.clone();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let required = schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap());
            required.map(|name| (name.to_owned(), least(&schema["properties"][name]))).collect()
        }
        Some("array") => (0..schema["minItems"].as_u64().unwrap()).map(|_| least(&schema["items"])).collect(),
        _ => "x".into(),
    }
}

#[test]
fn the_built_in_template_is_walked_from_end_to_end_and_its_state_stays_small() {
    let template = Template::built_in("design-thinking").unwrap();
    let mut world = World::with(template.clone());
    let bytes = |world: &World| encode("state", &world.state).unwrap().len();
    assert!(bytes(&world) < 700, "{}", bytes(&world));
    for step in template.steps() {
        let stage = step.id.as_str();
        let schema = serde_json::from_str(&step.artifact.as_ref().unwrap().schema).unwrap();
        assert!(world.run(artifact(stage, "{}")).is_err(), "{stage} demands something");
        let least = least(&schema);
        let mut more = least.clone();
        more["more"] = 1.into();
        assert!(world.run(artifact(stage, &more.to_string())).is_err(), "{stage} takes nothing unknown");
        world.ok(save(stage, vec![message("1", "x")]));
        world.make(stage, &least.to_string());
    }
    assert_eq!(world.state.status(), WorkshopStatus::Completed);
    world.ok(reset("challenge"));
    assert!(bytes(&world) < 1_800, "{}", bytes(&world));
}

#[test]
fn bad_template_files_are_refused_with_what_is_wrong() {
    let cases = [
        ("", "missing field `name`"),
        ("name = \"t\"\ntitle = \"T\"\nsteps = []", "it has no steps"),
        (&file("colour = \"red\""), "line 7: unknown field `colour`"),
        (&file("depends_on = [\"x\"]"), "a depends on x, which is unknown"),
        (&file("depends_on = [\"a\"]"), "in a circle: a -> a"),
        (&file("depends_on = [\"../x\"]"), "'.' is not allowed|must begin with"),
        (&file("[[steps]]\nid = \"a\"\ntitle = \"A\"\nprompt = \"p\""), "a is there twice"),
        (&file("artifact = \"no json\""), "artifact of a is not valid"),
        (&file("artifact = '[1]'"), "a JSON Schema is an object"),
        (&file("artifact = { type = \"nothing\" }"), "artifact of a is not valid"),
        (&file("artifact = { \"$ref\" = \"https://example.com/s\" }"), "outside the schema"),
        (&file("artifact = { \"$ref\" = \"file:///etc/passwd\" }"), "outside the schema"),
        (&file("artifact = { \"$ref\" = \"#/nowhere\" }"), "artifact of a is not valid"),
        (&file("artifact = { pattern = \"(\" }"), "artifact of a is not valid"),
        (&file("artifact = { \"$schema\" = \"https://example.com/meta\" }"), "artifact of a is not valid"),
        (&file("schema_version = 2"), "the step has no artifact"),
        (&format!("arc = [2, 2, 3, 4, 5]\n{}", file("")), "higher than the one before"),
        (&file("").replace("\"p\"", "\" \""), "prompt of a is not valid: it is empty"),
        (&file("").replace("\"p\"", "\"\\u001b[2J\""), "control character"),
        (&file("").replace("\"A\"", "\"a\\nb\""), "control character"),
        (&file("").replace("\"T\"", "\"\""), "it is empty"),
    ];
    for (text, expected) in cases {
        let refused = refusal(text);
        assert!(expected.split('|').any(|part| refused.contains(part)), "{text}\n{refused}");
    }
    assert!(matches!(Template::from_toml(&" ".repeat(2 << 20)), Err(Rejection::Limit { .. })));
}

#[test]
fn a_schema_may_refer_to_itself_below_its_own_root() {
    let tree = r##"artifact = '{"type":"object","properties":{"sub":{"$ref":"#"},"$ref":{"const":{"$ref":"x"}}}}'"##;
    let template = Template::from_toml(&file(tree)).unwrap();
    let mut world = World::with(template);
    assert!(world.run(artifact("a", r#"{"sub":{"sub":{}}}"#)).is_ok());
    let refused = world.run(artifact("a", r#"{"sub":{"sub":3}}"#)).unwrap_err().to_string();
    assert!(refused.contains("/sub/sub: 3 is not of type"), "{refused}");
}

#[test]
fn a_table_says_the_same_as_json_text() {
    let table = Template::from_toml(&file("artifact = { type = \"object\", required = [\"x\"] }")).unwrap();
    let json = Template::from_toml(&file("artifact = '{\"required\": [\"x\"], \"type\": \"object\"}'")).unwrap();
    for template in [table, json] {
        let mut world = World::with(template);
        assert!(world.run(artifact("a", "{}")).is_err());
        assert!(world.run(artifact("a", "{\"x\": 1}")).is_ok());
    }
}

#[test]
fn the_first_few_violations_are_named_with_their_paths() {
    let mut world = World::with(Template::built_in("design-thinking").unwrap());
    let long = "x".repeat(100_000);
    let bad = format!(r#"{{"statement":"","success_criteria":[1,2,3,4,5],"{long}":1}}"#);
    let refused = world.run(artifact("challenge", &bad)).unwrap_err().to_string();
    assert!(refused.contains("/statement: ") && refused.contains("/success_criteria/0: "), "{refused}");
    assert!(refused.len() < 1_300 && refused.ends_with("and more"), "{}", refused.len());
    assert_eq!(world.step("challenge").artifact, None);
}

#[test]
fn text_that_is_no_json_is_no_artifact() {
    let mut world = World::of(&[("a", &[])]);
    for bad in ["", "{", "{\"a\":1}x", "\u{feff}{}", &"[".repeat(100_000), "NaN", "\"a\0b\""] {
        assert_eq!(world.run(artifact("a", bad)).unwrap_err().code(), "invalid", "{:.20}", bad);
    }
    world.ok(artifact("a", "{ \"a\" : \"\u{202e}\\u0000\" }"));
    let kept = world.content(&id("a"), &artifact_path(1)).unwrap();
    assert_eq!(kept, "{ \"a\" : \"\u{202e}\\u0000\" }".as_bytes());
}

#[test]
fn thresholds_tell_the_phase() {
    use ArcPhase::*;
    let arc = ArcThresholds::default();
    let cases = [
        (0, Orient),
        (2, Orient),
        (3, Gather),
        (8, Gather),
        (9, Synthesize),
        (14, Synthesize),
        (15, Refine),
        (18, Refine),
        (19, Validate),
        (22, Validate),
        (23, Complete),
        (u64::MAX, Complete),
    ];
    for (messages, phase) in cases {
        assert_eq!(arc.phase(messages), phase, "{messages}");
    }
}

#[test]
fn a_schema_that_leads_back_to_itself_comes_to_an_end() {
    for schema in [
        r##"{"$ref": "#"}"##,
        r##"{"anyOf": [{"$ref": "#/$defs/x"}], "$defs": {"x": {"$ref": "#"}}}"##,
        r##"{"$dynamicAnchor": "x", "$dynamicRef": "#x"}"##,
    ] {
        let mut world = World::with(Template::from_toml(&file(&format!("artifact = '{schema}'"))).unwrap());
        assert!(world.run(artifact("a", "{}")).is_ok(), "{schema}");
    }
}
