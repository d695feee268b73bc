//! Another app takes a number's chats over, or hands them back, and the business is told of each.

use std::sync::Arc;

use greenline_wire::build::webhook::Change;
use serde_json::json;

use crate::inbound::Line;
use crate::log::EventKind;
use crate::platform::Platform;

/// Most chats of a number whose change of hands is told.
const CHATS_MAX: usize = 1_000;

/// How a chat changed hands. A release names nobody and is not told (ENF-36).
#[derive(Clone, Copy)]
enum Handover {
    /// The other app took it: whoever had it is told.
    Taken,
    /// The other app passed it on: whoever has it now is told.
    Passed,
}

impl Handover {
    fn name(self) -> &'static str {
        match self {
            Self::Taken => "control_taken",
            Self::Passed => "control_passed",
        }
    }
}

impl Platform {
    /// Another app takes all chats of a number, or hands them over.
    pub(super) fn stand_by(self: &Arc<Self>, id: &str, other_app: bool) {
        let Ok(line) = self.line(id) else {
            return;
        };
        let (before, ours) = {
            let mut state = self.world.write();
            let Some(number) = state.numbers.get_mut(id) else {
                return;
            };
            let ours = std::mem::take(&mut number.taken_over);
            let before = std::mem::replace(&mut number.other_app, other_app);
            (before, ours)
        };
        if before != other_app {
            let word = |other| if other { "other" } else { "own" };
            self.note_plain("number", id, "app", word(before), word(other_app));
        }
        let handover = if other_app {
            Handover::Taken
        } else {
            Handover::Passed
        };
        let now_ms = self.clock.now_ms();
        for person in self.world.people.who_wrote_to(id, now_ms, CHATS_MAX) {
            // Told where a chat changed hands, and nowhere else.
            let was_ours = !before || ours.contains(&person);
            if was_ours == other_app {
                self.tell_handover(&line, &person, handover);
            }
        }
    }

    fn tell_handover(self: &Arc<Self>, line: &Line, person: &str, handover: Handover) {
        let role = |other: bool| if other { "ai_agent" } else { "escalation" };
        let is_taken = matches!(handover, Handover::Taken);
        let mut value = json!({
            "messaging_product": "whatsapp",
            "type": handover.name(),
            "sender": {"phone_number": person},
            "recipient": line.metadata(),
            "timestamp": self.clock.now_s().to_string(),
        });
        value[handover.name()] = json!({
            "metadata": "sample",
            "previous_owner_role": role(!is_taken),
            "new_owner_role": role(is_taken),
        });
        let change = Change::new("messaging_handovers", &value);
        let number = Some(line.number.as_str());
        self.tell(
            &line.account,
            number,
            change,
            EventKind::Account,
            Vec::new(),
        );
    }
}
