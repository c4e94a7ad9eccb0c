//! What the log of a training says of its speed and its end.

use dinov3_reports::message::{Between, Compared, ComparedWord, Message};
use dinov3_trajectory::meters::TOTAL_LOSS;
use dinov3_trajectory::timing::{self, Cadence, Doubt, Evidence, Flag, IMAGES};
use dinov3_trajectory::{Format, Run};

use crate::Side;
use crate::told::notes;

/// Takes over what the losses and settings of a run say.
pub(crate) fn of_run(run: Run, side: &mut Side) {
    let setting = |meter: &str| run.series(meter).and_then(|it| it.values.last()).copied().filter(|it| *it >= 1.0);
    let (batch, local) = (setting("global_batch_size"), setting("local_batch_size"));
    side.batch = side.batch.or(batch.map(|it| it as u64));
    side.cards = side.cards.or_else(|| Some((batch? / local?).round() as u64));
    side.steps = side.steps.or_else(|| run.last().map(|last| last + 1));
    if side.loss.is_none() {
        let last = run.series(TOTAL_LOSS).and_then(|it| it.values.last()).copied();
        side.loss = last.map(|loss| if loss.is_nan() { "NaN".to_owned() } else { format!("{loss:.4}") });
    }
    side.by = side.by.or(Some(ComparedWord::ByItsLog));
    side.remarks.extend(notes::of(&run));
    side.run = Some(run);
}

/// Takes over what the times of a log say. `format` is the log's: the published scripts read the text log alone.
pub(crate) fn of_times(log: &[u8], format: Format, side: &mut Side) {
    let lines = timing::lines(log);
    let images = side.batch.unwrap_or(IMAGES);
    if format == Format::Text {
        let script = timing::script(log, images);
        side.fps = side.fps.take().or_else(|| script.fps().map(|_| script.fps.clone()));
        side.loss = script.loss().map(|_| script.loss.clone()).or(side.loss.take());
    }
    let Some(last) = lines.last() else { return };
    let stretches = timing::stretches(&lines);
    let cadence = Cadence::published(last.horizon.unwrap_or(last.iteration + 1));
    let speed = timing::steps(&stretches, &cadence, images);
    side.window = timing::window(&lines, &cadence).map(|window| (window, speed.as_ref().map(|it| it.median)));
    let evidence = Evidence { stretches: &stretches, ..Evidence::default() };
    side.doubts.extend(timing::doubts(&evidence, &cadence).iter().map(said));
    if let Some(speed) = speed {
        let (low, high) = speed.fps_interval();
        side.speed = Some(Between { value: speed.fps().into(), low: low.into(), high: high.into() });
        side.excluded = speed.excluded;
    }
}

fn said(doubt: &Doubt) -> Message {
    Compared::Doubt { doubt: word(doubt.flag), value: doubt.value.into(), limit: doubt.limit.into(), at: doubt.at }
        .into()
}

fn word(flag: Flag) -> ComparedWord {
    match flag {
        Flag::Few => ComparedWord::FewTimes,
        Flag::Drift => ComparedWord::Drift,
        Flag::Jump => ComparedWord::Jump,
        Flag::Bimodal => ComparedWord::Bimodal,
        Flag::Outliers => ComparedWord::Outliers,
        Flag::Starved => ComparedWord::Starved,
        Flag::Throttled => ComparedWord::Throttled,
        Flag::Busy => ComparedWord::Busy,
    }
}
