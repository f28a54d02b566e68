//! Tiers, built in and from files.

use super::*;
use crate::domain::task::limits::*;

fn file(stages: &str) -> String {
    format!("name = \"t\"\ntitle = \"T\"\n{stages}")
}

fn stage_with(id: &str, more: &str) -> String {
    format!("[[stages]]\nid = \"{id}\"\nstatus = \"{id} is done\"\nprompt = \"p\"\n{more}\n")
}

fn refusal(text: &str) -> String {
    Tier::from_toml(text).unwrap_err().to_string()
}

#[test]
fn the_built_in_tiers_have_the_stages_that_everybody_expects() {
    let expected: [(&str, &[&str]); 3] = [
        ("L1", &["plan", "implement"]),
        ("L2", &["brainstorm", "plan", "implement", "verify"]),
        ("L3", &["brainstorm", "design_review", "plan", "implement", "code_review", "verify"]),
    ];
    assert_eq!(Tier::names().collect::<Vec<_>>(), expected.map(|(name, _)| name));
    for (name, stages) in expected {
        let tier = Tier::built_in(name).unwrap();
        let ids: Vec<&str> = tier.stages.iter().map(|stage| stage.outline.id.as_str()).collect();
        assert_eq!((tier.name.as_str(), ids.as_slice()), (name, stages));
        assert_eq!(Tier::from_bytes(&tier.to_bytes().unwrap()).unwrap(), tier);
    }
    assert!(matches!(Tier::built_in("L4"), Err(Rejection::NotFound { .. })));
}

#[test]
fn a_built_in_stage_is_the_same_in_every_tier() {
    let mut known: BTreeMap<StageId, TierStage> = BTreeMap::new();
    for stage in Tier::names().flat_map(|name| Tier::built_in(name).unwrap().stages) {
        assert!(stage.outline.approval && stage.prompt.len() > 200);
        assert_eq!(known.entry(stage.outline.id.clone()).or_insert_with(|| stage.clone()), &stage);
    }
    let told: Vec<_> = known
        .values()
        .map(|TierStage { outline: o, .. }| {
            (o.id.as_str(), o.status.as_str(), o.output.as_str(), o.counter.as_str(), o.scored, o.judged)
        })
        .collect();
    let expected = [
        ("brainstorm", "brainstorming", "output", "brainstorm", false, false),
        ("code_review", "code_review", "comments", "impl", true, false),
        ("design_review", "design_review", "output", "design_review", false, false),
        ("implement", "implementing", "notes", "impl", false, false),
        ("plan", "planning", "output", "plan", false, false),
        ("verify", "verifying", "results", "impl", false, true),
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_a_file_leaves_out_is_filled_in() {
    let tier = Tier::from_toml(&file(&stage_with("draw", ""))).unwrap();
    let expected = StageOutline {
        id: stage("draw"),
        status: "draw is done".into(),
        output: "output".into(),
        scored: false,
        judged: false,
        approval: true,
        counter: "draw".into(),
    };
    assert_eq!(tier.stages, [TierStage { outline: expected, prompt: "p".into() }]);
}

#[test]
fn a_file_with_a_slip_is_refused_with_the_place_of_it() {
    let twice = stage_with("a", "") + &stage_with("a", "");
    let same_status = stage_with("a", "") + &stage_with("b", "").replace("b is done", "a is done");
    let many: String = (0..=TIER_STAGES_MAX).map(|n| stage_with(&format!("s{n}"), "")).collect();
    let long_prompt = stage_with("a", "").replace("\"p\"", &format!("\"{}\"", "p".repeat(STAGE_PROMPT_BYTES_MAX + 1)));
    let cases = [
        (file(&stage_with("a", "aproval = false")), "line 7: unknown field `aproval`, expected one of"),
        (file("stages = []\nextra = 1"), "line 4: unknown field `extra`"),
        (file("stages = []"), "it has no stages"),
        (file(&stage_with("done", "")), "no stage can be named done"),
        (file(&stage_with("task", "")), "no stage can be named task"),
        (file(&stage_with("backlog", "")), "no stage can be named backlog"),
        (file(&stage_with("../x", "")), "it must begin with a letter"),
        (file(&twice), "a is there twice"),
        (file(&same_status), "is the status of a already"),
        (file(&stage_with("a", "").replace("a is done", "paused")), "it can't be \"paused\""),
        (file(&stage_with("a", "").replace("a is done", "")), "status of a is not valid: it is empty"),
        (file(&stage_with("a", "counter = \"\"")), "counter of a is not valid"),
        (file(&stage_with("a", "").replace("\"p\"", "\" \"")), "prompt of a is not valid: it is empty"),
        (file(&stage_with("a", "").replace("\"p\"", "\"\\u001b[2J\"")), "control character"),
        (file(&many), "the limit of stages of a tier is 32"),
        (file(&long_prompt), "bytes of the prompt of a"),
        ("x".repeat(TIER_BYTES_MAX + 1), "bytes of a tier"),
        ("name = 1".into(), "line 1"),
    ];
    for (text, expected) in cases {
        let refusal = refusal(&text);
        assert!(refusal.contains(expected), "{refusal:?} does not say {expected:?}");
    }
}

#[test]
fn a_stored_tier_is_checked_again() {
    let mut tier = Tier::built_in("L1").unwrap();
    tier.stages.clear();
    assert!(Tier::from_bytes(&tier.to_bytes().unwrap()).is_err());
    assert_eq!(Tier::from_bytes(b"\x01junk").unwrap_err().code(), "damaged");
}

#[test]
fn a_stage_of_a_tier_of_one_s_own_is_run_as_any() {
    let tier = Tier::from_toml(&file(&stage_with("draw", "approval = false"))).unwrap();
    let mut world = World::of(create_with(tier, false));
    world.ok(Command::Start);
    world.operate();
    world.ok(Command::Run);
    world.done();
    world.operate();
    assert!(world.task().is_done());
    let approval = world.stage("draw").approval.unwrap();
    assert_eq!(approval.by, "restage", "no person had to");
}
