//! Verbs that move more than the entity: begun, done in the world, and finished by its answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::limits::UNDO_POINTS_MAX;
use crate::domain::{
    Decision, Digest, Entity, EntityId, Fate, Generation, Inherit, Input, Part, Plan, PlanLine, Rejection, StageId,
    Target, Timestamp, Verb,
};
use crate::engine::{Answer, Ask, EngineOptions, Failure, PageRange, Receipt, Terms, View};
use crate::store::StoreError;
use crate::testkit::{Fault, Harness, Keep, SimDisk};

/// A room with furniture that movers bring in and out: it is empty when they are back.
#[derive(Clone, Debug)]
enum Room {}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    pieces: u64,
    visitors: u64,
    /// What the movers are at, and who called them.
    moving: Option<(Moving, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Moving {
    Out,
    /// Taking this undo point back.
    Back(u64),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Command {
    Furnish {
        generation: Option<Generation>,
        text: String,
    },
    Visit,
    /// Has somebody paint the walls.
    Paint,
    Clear,
    Bring {
        point: u64,
    },
    Moved,
    /// Paints in one turn, as a verb that can be undone in one turn.
    Paper,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Event {
    Pieces(u64),
    Visitors(u64),
    Moving(Option<(Moving, String)>),
}

fn floor() -> StageId {
    StageId::new("floor").unwrap()
}

impl Entity for Room {
    const KIND: &'static str = "room";
    type State = State;
    type Command = Command;
    type Event = Event;
    type Reply = ();
    type Effect = String;

    fn target(command: &Command) -> Option<Target> {
        match command {
            Command::Furnish { generation, .. } => Some(Target { stage: floor(), generation: *generation, work: true }),
            _ => None,
        }
    }

    fn retarget(command: &mut Command, to: Generation) {
        if let Command::Furnish { generation, .. } = command {
            *generation = Some(to);
        }
    }

    fn decide(state: &State, command: &Command, input: &Input<'_>) -> Result<Decision<Self>, Rejection> {
        let begun = |name: &'static str, moving| -> Result<Decision<Self>, Rejection> {
            if state.moving.is_some() {
                return Err(Rejection::conflict(name, "movers are at work", "wait"));
            }
            let line = PlanLine::new(Fate::Fenced, &floor(), format!("{} pieces", state.pieces), name);
            let rests_on = Some(Digest::of(&state.pieces.to_be_bytes()));
            Ok(Decision::reply(())
                .event(Event::Moving(Some((moving, input.by.to_owned()))))
                .raise(&floor(), Inherit::Current)
                .write(&StageId::new("diary")?, b"d".to_vec(), vec![0; 9])
                .effect("move", name.to_owned())
                .no_effect("paint")
                .verb(Verb { part: Part::Begun, rests_on, ..Verb::new(name, Some(floor()), Vec::new(), vec![line]) }))
        };
        let done = Decision::reply(());
        Ok(match command {
            Command::Furnish { text, .. } => {
                done.event(Event::Pieces(state.pieces + 1)).write(&floor(), state.pieces.to_be_bytes(), text.as_bytes())
            }
            Command::Visit => done.event(Event::Visitors(state.visitors + 1)),
            Command::Paint => done.event(Event::Visitors(state.visitors)).effect("paint", "paint".to_owned()),
            Command::Clear => begun("clear", Moving::Out)?,
            Command::Bring { point } => begun("undo", Moving::Back(*point))?,
            Command::Paper => {
                let mut paper = done.event(Event::Visitors(state.visitors + 100));
                paper.verb = Some(Verb::new("paper", None, Vec::new(), Vec::new()));
                paper
            }
            Command::Moved => {
                let (moving, by) = state.moving.clone().ok_or_else(|| Rejection::conflict("x", "nobody moves", ""))?;
                let part = Part::Finished { by };
                let decision = done.event(Event::Moving(None));
                match moving {
                    Moving::Out => decision
                        .event(Event::Pieces(0))
                        .raise(&floor(), Inherit::Nothing)
                        .verb(Verb { part, ..Verb::new("clear", Some(floor()), vec![floor()], Vec::new()) }),
                    Moving::Back(point) => {
                        let verb = Verb::new("undo", Some(floor()), vec![floor()], Vec::new());
                        let mut decision = decision.verb(Verb { part, ..verb });
                        decision.undoes = Some(point);
                        decision
                    }
                }
            }
        })
    }

    fn apply(state: &mut State, event: &Event, _: Timestamp) {
        match event {
            Event::Pieces(pieces) => state.pieces = *pieces,
            Event::Visitors(visitors) => state.visitors = *visitors,
            Event::Moving(moving) => state.moving.clone_from(moving),
        }
    }

    fn restore(state: &mut State, saved: &State, stages: &[StageId], _: Timestamp) {
        match stages {
            [] => state.visitors = saved.visitors,
            _ => state.pieces = saved.pieces,
        }
    }

    fn begin_undo(saved: &State, stages: &[StageId], point: u64) -> Option<Command> {
        (saved.moving.is_some() && !stages.is_empty()).then_some(Command::Bring { point })
    }

    fn undoing(state: &State) -> Option<u64> {
        match state.moving {
            Some((Moving::Back(point), _)) => Some(point),
            _ => None,
        }
    }
}

fn id() -> EntityId {
    EntityId::new("r").unwrap()
}

struct House(Harness<Room>);

impl House {
    fn new() -> Self {
        Self(Harness::in_memory())
    }

    /// With three pieces, the same as ever.
    fn furnished() -> Self {
        let mut house = Self::new();
        for n in 0..3 {
            house.send(furnish(&format!("piece {n}")));
        }
        house
    }

    fn request(&mut self, ask: Ask<Room>, terms: Terms) -> Result<Receipt<()>, Rejection> {
        self.0.ask(&id(), ask, terms).map_err(|failure| match failure {
            Failure::Rejected(rejection) => rejection,
            other => panic!("not a refusal: {other}"),
        })
    }

    fn ask(&mut self, ask: Ask<Room>) -> Result<Receipt<()>, Rejection> {
        self.request(ask, Terms { by: "ann".into(), reason: Some("too full".into()), ..Terms::default() })
    }

    fn send(&mut self, command: Command) -> Receipt<()> {
        self.ask(Ask::Command(command)).unwrap()
    }

    /// The movers are back.
    fn moved(&mut self) -> Receipt<()> {
        let owed = self.0.owed().unwrap().into_iter().find(|owed| owed.key == "move").unwrap();
        let answer = Ask::Answer { key: owed.key, revision: owed.revision, command: Some(Command::Moved) };
        self.request(answer, Terms { by: "movers".into(), ..Terms::default() }).unwrap()
    }

    fn undo(&mut self) {
        self.ask(Ask::Undo(None)).unwrap();
        self.moved();
    }

    fn clear(&mut self) {
        self.send(Command::Clear);
        self.moved();
    }

    fn plan(&mut self, ask: Ask<Room>) -> Plan {
        match self.request(ask, Terms { preview: true, ..Terms::default() }).unwrap().answer {
            Answer::Plan(plan) => *plan,
            other => panic!("not a plan: {other:?}"),
        }
    }

    fn view(&mut self) -> View<Room> {
        let view = self.0.view(&id()).unwrap();
        assert_eq!(view.state, self.0.reread(&id()).unwrap().state, "the journal gives the state");
        view
    }

    fn pieces(&mut self) -> Vec<String> {
        let page = self.0.page(&id(), &floor(), &PageRange::under("")).unwrap();
        let pieces: Vec<String> = page.into_iter().map(|(_, text)| String::from_utf8(text).unwrap()).collect();
        assert_eq!(pieces.len() as u64, self.view().state.pieces, "state and content go together");
        pieces
    }

    fn owed(&self) -> Vec<String> {
        self.0.owed().unwrap().into_iter().map(|owed| owed.key).collect()
    }
}

fn furnish(text: &str) -> Command {
    Command::Furnish { generation: None, text: text.into() }
}

#[test]
fn the_beginning_fences_and_the_end_clears_and_leaves_the_undo_point() {
    let mut house = House::furnished();
    let begun = house.send(Command::Clear);
    assert_eq!((begun.undo_point, house.pieces().len()), (None, 3));
    assert!(house.view().undo_points.is_empty());
    let late = Command::Furnish { generation: Some(Generation(1)), text: "late".into() };
    assert!(matches!(house.ask(Ask::Command(late)), Err(Rejection::Stale { orphan: Some(_), .. })));
    let finished = house.moved();
    assert_eq!(house.pieces().len(), 0);
    let points = house.view().undo_points;
    assert_eq!((points.len(), finished.undo_point), (1, Some(points[0].number)));
    assert_eq!((points[0].verb.as_str(), points[0].by.as_str()), ("clear", "ann"), "on behalf of who began it");
}

#[test]
fn both_parts_together_are_audited_once_with_who_and_why() {
    let mut house = House::furnished();
    house.clear();
    house.undo();
    let audit = house.0.audit(&id()).unwrap();
    let told: Vec<_> = audit.iter().map(|a| (a.verb.as_str(), a.by.as_str(), a.reason.as_deref())).collect();
    assert_eq!(told, [("clear", "ann", Some("too full")), ("undo", "ann", Some("too full"))]);
    assert_eq!(audit[0].generations[&floor()], (Generation(1), Generation(2)));
    assert_eq!((audit[1].stage.clone(), audit[1].lines.is_empty()), (Some(floor()), false));
}

#[test]
fn undo_gives_back_what_was_there_and_undo_of_the_undo_what_was_then() {
    let mut house = House::furnished();
    let before = house.pieces();
    house.clear();
    house.send(furnish("another"));
    for _ in 0..3 {
        let token = house.plan(Ask::Undo(None)).token;
        house.request(Ask::Undo(None), Terms { plan: Some(token), ..Terms::default() }).unwrap();
        assert_eq!(house.pieces(), ["another"], "nothing moves before the movers are back");
        house.moved();
        assert_eq!(house.pieces(), before);
        house.undo();
        assert_eq!(house.pieces(), ["another"]);
    }
    house.0.kill();
    assert_eq!(house.pieces(), ["another"]);
}

#[test]
fn content_written_after_an_undo_leaves_its_own_undo_point_as_it_was() {
    let mut house = House::furnished();
    house.clear();
    house.undo();
    house.send(furnish("newer"));
    assert_eq!(house.pieces().len(), 4);
    let token = house.plan(Ask::Undo(None)).token;
    house.request(Ask::Undo(None), Terms { plan: Some(token), ..Terms::default() }).unwrap();
    house.moved();
    assert_eq!(house.pieces().len(), 0);
    house.undo();
    assert_eq!(house.pieces().len(), 4);
}

#[test]
fn an_undo_that_puts_newer_work_aside_is_not_begun_without_a_plan() {
    let mut house = House::furnished();
    house.clear();
    house.send(furnish("newer"));
    let Err(Rejection::PlanRequired { plan }) = house.ask(Ask::Undo(None)) else { panic!() };
    let fates: Vec<_> = plan.lines.iter().map(|line| line.fate).collect();
    assert_eq!(
        fates,
        [Fate::Restored, Fate::Archived, Fate::Fenced, Fate::Fenced],
        "the engine's lines, then the kind's"
    );
    assert!(house.view().state.moving.is_none() && house.owed().is_empty());
}

#[test]
fn a_token_holds_as_long_as_what_the_plan_rests_on_does() {
    let mut house = House::furnished();
    let plan = house.plan(Ask::Command(Command::Clear));
    house.send(Command::Visit);
    assert_eq!(house.plan(Ask::Command(Command::Clear)).token, plan.token, "visitors don't matter");
    house.send(furnish("newer"));
    let terms = Terms { plan: Some(plan.token), ..Terms::default() };
    let Err(Rejection::PlanMoved { plan: fresh }) = house.request(Ask::Command(Command::Clear), terms) else {
        panic!()
    };
    assert_eq!(fresh.lines[0].what, "4 pieces");
    house.send(Command::Visit);
    house.request(Ask::Command(Command::Clear), Terms { plan: Some(fresh.token), ..Terms::default() }).unwrap();
}

#[test]
fn a_token_of_another_command_or_of_an_undo_is_none() {
    let mut house = House::furnished();
    house.clear();
    let undo = house.plan(Ask::Undo(None)).token;
    let terms = Terms { plan: Some(undo), ..Terms::default() };
    let refused = house.request(Ask::Command(Command::Clear), terms);
    assert!(matches!(refused, Err(Rejection::PlanMoved { .. })));
}

#[test]
fn a_preview_owes_nothing() {
    let mut house = House::furnished();
    let plan = house.plan(Ask::Command(Command::Clear));
    assert!(plan.undo_until.is_some());
    assert!(house.owed().is_empty() && house.view().state.moving.is_none());
}

#[test]
fn what_is_owed_no_longer_is_dropped_and_its_answer_with_it() {
    let mut house = House::furnished();
    let painted = house.send(Command::Paint).revision;
    assert_eq!(house.owed(), ["paint"]);
    house.send(Command::Clear);
    assert_eq!(house.owed(), ["move"]);
    let answer = Ask::Answer { key: "paint".into(), revision: painted, command: Some(Command::Visit) };
    house.ask(answer).unwrap();
    assert_eq!(house.view().state.visitors, 0);
}

#[test]
fn nothing_is_purged_while_an_undo_needs_it() {
    let mut house = House::furnished();
    house.clear();
    house.ask(Ask::Undo(None)).unwrap();
    let refused = house.ask(Ask::Purge).unwrap_err();
    assert_eq!(refused.code(), "conflict");
    house.moved();
    assert_eq!(house.pieces().len(), 3);
    house.ask(Ask::Purge).unwrap();
}

#[test]
fn an_undo_point_in_use_outlives_its_time_and_is_not_looked_at_over_and_over() {
    let mut house = House::furnished();
    house.clear();
    house.ask(Ask::Undo(None)).unwrap();
    let month = EngineOptions::default().undo_retention;
    house.0.pass(month).unwrap();
    let revision = house.view().revision;
    assert_eq!(house.view().undo_points.len(), 1);
    house.0.pass(Duration::from_secs(1)).unwrap();
    assert_eq!(house.view().revision, revision, "it is not due again at once");
    house.moved();
    assert_eq!(house.pieces().len(), 3);
    house.0.pass(Duration::from_secs(60)).unwrap();
    let left: Vec<_> = house.view().undo_points.into_iter().map(|point| point.verb).collect();
    assert_eq!(left, ["undo"], "the one that was taken back is let go, the newer one stays");
}

#[test]
fn an_undo_point_in_use_does_not_make_room_for_a_new_one() {
    let mut house = House::furnished();
    house.clear();
    let Some(point) = house.view().undo_points.first().map(|point| point.number) else { panic!() };
    house.ask(Ask::Undo(Some(point))).unwrap();
    for _ in 0..=UNDO_POINTS_MAX {
        house.send(Command::Paper);
    }
    let points = house.view().undo_points;
    assert_eq!((points.len(), points[0].number), (UNDO_POINTS_MAX, point));
    house.moved();
    assert_eq!(house.pieces().len(), 3);
}

#[test]
fn an_undo_in_one_turn_while_movers_are_at_work_stays_one_in_one_turn() {
    let mut house = House::furnished();
    house.send(Command::Paper);
    house.send(Command::Clear);
    house.ask(Ask::Undo(None)).unwrap();
    assert_eq!(house.view().state.visitors, 0);
    house.moved();
    let point = house.view().undo_points.iter().find(|point| point.verb == "undo").map(|point| point.number);
    house.ask(Ask::Undo(point)).unwrap();
    assert_eq!((house.view().state.visitors, house.owed().len()), (100, 0));
}

#[test]
fn a_second_beginning_is_refused_and_so_is_an_end_that_nobody_waits_for() {
    let mut house = House::furnished();
    assert!(house.ask(Ask::Command(Command::Moved)).is_err());
    house.send(Command::Clear);
    assert!(house.ask(Ask::Command(Command::Clear)).is_err());
    house.moved();
    house.ask(Ask::Undo(None)).unwrap();
    assert!(house.ask(Ask::Undo(None)).is_err());
}

#[test]
fn going_back_and_forth_goes_through_on_the_reserve_of_a_full_disk() {
    let disk = SimDisk::with_limit(400 << 10);
    let mut house = House(Harness::open(disk).unwrap());
    house.send(furnish("piece"));
    let full = loop {
        let outcome = house.0.ask(&id(), Ask::Command(furnish(&"x".repeat(2_000))), Terms::default());
        match outcome {
            Ok(_) => {}
            Err(failure) => break failure,
        }
    };
    assert!(matches!(full, Failure::Store(StoreError::DiskFull { .. })), "{full}");
    house.clear();
    assert_eq!(house.pieces().len(), 0);
    house.undo();
    assert_ne!(house.pieces().len(), 0);
}

#[test]
fn wherever_the_power_fails_either_part_is_there_or_not_and_the_rest_can_be_done() {
    for stop_after in 1.. {
        let disk = SimDisk::new();
        let mut house = House(Harness::open(disk.clone()).unwrap());
        for n in 0..3 {
            house.send(furnish(&format!("piece {n}")));
        }
        let before = house.pieces();
        disk.fail_at(disk.operations() + stop_after, Fault::Stop);
        let terms = || Terms { by: "ann".into(), ..Terms::default() };
        let mut acknowledged = 0;
        for ask in [Some(Ask::Command(Command::Clear)), None, Some(Ask::Undo(None)), None] {
            let ask = ask.or_else(|| {
                let owed = house.0.owed().ok()?.into_iter().find(|owed| owed.key == "move")?;
                Some(Ask::Answer { key: owed.key, revision: owed.revision, command: Some(Command::Moved) })
            });
            acknowledged += u32::from(ask.is_some_and(|ask| house.0.ask(&id(), ask, terms()).is_ok()));
        }
        let mut house = House(Harness::open(disk.crash(stop_after, Keep::Random)).unwrap());
        let parts = house.view().revision - 3;
        assert!(parts >= u64::from(acknowledged), "what was acknowledged is there");
        assert_eq!(house.owed().len() as u64, parts % 2, "owed exactly between the parts");
        assert_eq!(house.pieces(), if parts == 2 || parts == 3 { Vec::new() } else { before.clone() });
        if parts % 2 == 1 {
            house.moved();
        }
        house.pieces();
        if acknowledged == 4 {
            assert!(stop_after > 4, "each part was cut off");
            return;
        }
    }
}
