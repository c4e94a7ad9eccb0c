//! The check of the hashes of states, which only our own trainer has.

use dinov3_reports::message::{RunCheck, Trajectory as Says};
use dinov3_reports::{Bilingual, Check, Figure, Message, Verdict};

use super::states::States;

/// The check of the hashes of states.
pub(super) fn of_states(id: String, name: &str, states: &States) -> Check {
    let title = Says::Title { check: RunCheck::States, run: name.to_owned() };
    let says = || Message::from(Says::States { same: states.same, of: states.of, first: states.first.clone() });
    let wrong = states.of - states.same;
    let key = Bilingual { en: "states with other bits", zh: "二进制不一致的状态数" };
    let decided = match (states.of, wrong) {
        (0, _) => Verdict::Vacuous { reason: Says::Nothing.into() },
        (_, 0) => Verdict::Pass,
        _ => Verdict::Fail { reason: says() },
    };
    Check {
        summary: Some(says()),
        figures: vec![Figure::own("different_states", key, wrong as f64).with_limit(0.0)],
        ..Check::new(id, title, decided)
    }
}
