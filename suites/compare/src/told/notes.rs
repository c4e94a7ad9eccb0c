//! What a log says beside its figures, as messages.

use dinov3_reports::Message;
use dinov3_reports::message::{LogRemark, Logged};
use dinov3_trajectory::{Note, Run};

/// What a reader of `run` should know of its log, in the log's order.
pub fn of(run: &Run) -> impl Iterator<Item = Message> {
    run.notes.iter().map(|note| {
        let (line, what) = said(note);
        Logged { log: run.name.clone(), line, what }.into()
    })
}

fn said(note: &Note) -> (Option<u64>, LogRemark) {
    match note.clone() {
        Note::CutLine { line } => (Some(line), LogRemark::CutLine),
        Note::NoLineEnd { line } => (Some(line), LogRemark::NoLineEnd),
        Note::Malformed { line, column, more } => (Some(line), LogRemark::Malformed { column, more }),
        Note::Traceback { line, exception } => (Some(line), LogRemark::Traceback { exception }),
        Note::MixedProcesses { kept, line, dropped } => (Some(line), LogRemark::MixedProcesses { kept, dropped }),
        Note::NanLoss { line, lines } => (Some(line), LogRemark::NanLoss { lines }),
        Note::Assumed { column, meter } => (None, LogRemark::Assumed { column, meter }),
        Note::NotNumbers { columns } => (None, LogRemark::NotNumbers { columns }),
        Note::ConfigBeside { path } => (None, LogRemark::ConfigBeside { path }),
        Note::OtherHorizon { line, before } => (Some(line), LogRemark::OtherHorizon { before }),
    }
}
