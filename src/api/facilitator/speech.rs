//! A message while it is being said: shown as it grows, saved as a draft now and then, saved for good at its end.

use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::call::{Call, Failed};
use crate::agents::chat::{Asked, Said};
use crate::api::live::LiveText;
use crate::domain::workshop::Message;

/// How often it is shown.
const SHOWN_EVERY: Duration = Duration::from_millis(100);
/// How many times it is shown for each time it is saved.
const SHOWN_PER_SAVE: u32 = 10;
/// What it is called among the texts of a step that are being said.
const REPLY: &str = "reply";

impl Call<'_> {
    /// Has the model say a message, and saves it. What was said when it failed stays, as far as it came.
    pub(super) async fn speak(&self, message: Message, asked: &Asked) -> Result<(), Failed> {
        let said = Said::default();
        let mut shown = Shown { call: self, said: &said, bytes: 0 };
        let answered = {
            let answering = self.ask(asked, &said);
            tokio::pin!(answering);
            let mut ticks = interval(SHOWN_EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let (mut count, mut saved) = (0, 0);
            loop {
                tokio::select! {
                    answered = &mut answering => break answered,
                    _ = ticks.tick() => {
                        shown.show();
                        count += 1;
                        if count % SHOWN_PER_SAVE == 0 && said.len() > saved {
                            saved = said.len();
                            self.save_draft(&message, &said).await?;
                        }
                    }
                }
            }
        };
        shown.show();
        let content = said.text();
        if !content.trim().is_empty() && !matches!(answered, Err(Failed::NotAwaited | Failed::Later(_))) {
            self.workshop.save(self.effect.stage(), vec![Message { content, ..message }]).await?;
        }
        drop(shown);
        answered?;
        if said.text().trim().is_empty() {
            return Err(Failed::Problem("the model answered nothing".into()));
        }
        Ok(())
    }

    async fn save_draft(&self, message: &Message, said: &Said) -> Result<(), Failed> {
        let draft = Message { content: said.text(), ..message.clone() }.unfinished();
        self.workshop.auto_save(self.effect.stage(), vec![draft]).await?;
        Ok(())
    }
}

/// What is shown of a message. When it is dropped, for whatever reason, nothing more is said.
struct Shown<'a> {
    call: &'a Call<'a>,
    said: &'a Said,
    /// How much was shown last.
    bytes: usize,
}

impl Shown<'_> {
    fn show(&mut self) {
        let bytes = self.said.len();
        if bytes != self.bytes {
            self.bytes = bytes;
            self.publish(false);
        }
    }

    fn publish(&self, finished: bool) {
        let Call { host, effect, .. } = self.call;
        host.live.publish(LiveText {
            kind: "workshop".into(),
            id: self.call.id().clone(),
            stage: effect.stage().clone(),
            generation: effect.generation(),
            name: REPLY.into(),
            text: self.said.text(),
            skipped: 0,
            finished,
        });
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.publish(true);
    }
}
