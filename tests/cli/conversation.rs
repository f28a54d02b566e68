//! A conversation of 566 messages: imported, edited, reset under a late writer, undone, exported, compared.

use std::fs;
use std::path::Path;

use restage::transcript;
use restage::workshop::{Message, Role, StoredMessage};
use restage::{EntityId, Generation, Rejection, Restage, StageId, Workshop};

use crate::program::Program;

fn original() -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/conversation.jsonl")).unwrap()
}

async fn garden(restage: &Restage) -> Workshop {
    restage.workshops().unwrap().get(&EntityId::new("garden").unwrap()).by("ada")
}

/// Writes snapshots of a reply under generation 1 until it was refused `refusals` times. Gives how many were saved, and
/// under which number the late work is kept.
async fn late_writer(workshop: Workshop, step: StageId, refusals: usize) -> (usize, u64) {
    let workshop = workshop.under(Generation::FIRST);
    let (mut saved, mut refused, mut kept) = (0, 0, None);
    let mut content = String::new();
    while refused < refusals {
        content.push_str("and so on ");
        let message = Message {
            id: "late".into(),
            role: Role::Assistant,
            content: content.clone(),
            finished: false,
            sub_step: None,
            by: None,
            source: None,
        };
        match workshop.save(&step, vec![message]).await {
            Ok(_) => saved += 1,
            Err(error) => match error.rejection() {
                Some(Rejection::Stale { orphan, .. }) => {
                    refused += 1;
                    kept = kept.or(*orphan);
                }
                _ => unreachable!("{error}"),
            },
        }
    }
    (saved, kept.unwrap())
}

/// What an export would be without what the late writer wrote before the reset.
fn without_late(stored: &[StoredMessage]) -> Vec<u8> {
    transcript::write(stored.iter().map(|stored| &stored.message).filter(|message| message.id != "late"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_conversation_survives_an_edit_a_reset_under_a_late_writer_and_an_undo() {
    let program = Program::new();
    fs::write(program.path("long.jsonl"), original()).unwrap();
    program.done(&["workshop", "new", "garden"]);
    let told = program.done(&["workshop", "import", "garden", "challenge", "long.jsonl"]);
    assert_eq!(told, "566 messages in challenge: 566 stored\n");

    let step = StageId::new("challenge").unwrap();
    let restage = Restage::open(program.data()).await.unwrap();
    let workshop = garden(&restage).await;
    let imported = workshop.conversation(&step).await.unwrap();
    assert_eq!((imported.len(), transcript::write(imported.iter().map(|s| &s.message))), (566, original()));

    let edited = transcript::edited(&imported[100].message, "Edited: \"the well\", 🙂 and \\ all");
    workshop.edit(&step, edited.clone()).await.unwrap();
    let mut expected: Vec<Message> = imported.into_iter().map(|stored| stored.message).collect();
    expected[100] = edited;
    let expected = transcript::write(&expected);
    assert_ne!(expected, original());

    let writer = tokio::spawn(late_writer(workshop.clone(), step.clone(), 20));
    while workshop.view().await.unwrap().state.step(&step).unwrap().messages == 566 {
        tokio::task::yield_now().await;
    }
    workshop.reason("wrong question").reset(&step).await.unwrap();
    let (saved, orphan) = writer.await.unwrap();
    assert!(saved > 0 && orphan > 0);
    assert_eq!(workshop.conversation(&step).await.unwrap(), []);
    workshop.handle().undo(None).await.unwrap();
    assert_eq!(without_late(&workshop.conversation(&step).await.unwrap()), expected);
    restage.shutdown().await.unwrap();

    // The same through the program: what the writer said before the reset is one more line at the end.
    let exported = program.run(&["workshop", "export", "garden", "challenge"]).out.into_bytes();
    assert!(exported.starts_with(&expected));
    let rest = String::from_utf8(exported[expected.len()..].to_vec()).unwrap();
    assert!(rest.starts_with("{\"id\":\"late\"") && rest.lines().count() == 1, "{rest}");
    let shown = program.done(&["workshop", "orphans", "garden", &orphan.to_string()]);
    assert!(shown.contains("and so on"));
    program.done(&["verify", "--deep"]);
}
