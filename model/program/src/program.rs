//! A training from its set-up to its end, in the order of `main` and `do_train` of the reference's `dinov3/train/train.py`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use dinov3_train::checkpoint;
use dinov3_train::phases::{Phase, Phases};
use dinov3_train::run::{Checkpoints, Ended, Loader, Run, Stop, Wall};
use dinov3_train::{Part, TrainError};
use dinov3_vit::hook::Hooks;
use tch::Tensor;

use crate::banner::Banner;
use crate::images::Data;
use crate::journal::{Aside, Journal, Level, OURS};
use crate::measure::{HELD, Measure, Measurer, Only};
use crate::progress::{Live, Progress};
use crate::ratios::Ratios;
use crate::saving::Saving;
use crate::stop::Stopping;
use crate::tensorboard::EventFile;
use crate::trace::Trace;
use crate::{Links, Plan, ProgramError, Resume};

/// What a state has of a trainer that the reference saves too.
const OF_REFERENCE: [Part; 7] = [
    Part::Student,
    Part::Average,
    Part::FirstMoment,
    Part::SecondMoment,
    Part::Steps,
    Part::GramTeacher,
    Part::Buffers,
];

/// What is shown while a training goes on.
#[derive(Default)]
pub struct Screen<'a> {
    /// Shown a line that changes.
    pub live: Option<Box<dyn Live + 'a>>,
    /// Steps aside for the lines of the log.
    pub aside: Option<Box<dyn Aside>>,
    /// Nothing goes to standard output: the log is in its file alone.
    pub quiet: bool,
    /// Who measures the training.
    pub measure: Option<Measure<'a>>,
}

/// How a training ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All its iterations are done.
    Done,
    /// It was stopped, and its state saved here.
    Stopped {
        /// The next iteration.
        it: usize,
        /// The checkpoint, if anything was to be saved.
        checkpoint: Option<PathBuf>,
    },
}

/// What trains.
pub(crate) type Training<'a> = Run<Data, Saving, Progress<'a>, Wall, Stopping>;

impl Plan {
    /// Trains. Every rank calls it.
    ///
    /// # Errors
    /// See [`ProgramError`]. What was saved is still there.
    pub fn train(self, links: &Links, screen: Screen<'_>) -> Result<Outcome, ProgramError> {
        let journal = self.set_up(links, screen.quiet)?;
        journal.beside(screen.aside);
        let outcome = self.run(links, &journal, screen.live, screen.measure);
        if let Err(error) = &outcome {
            let failed = format!("the training ends: {error}");
            match error {
                ProgramError::Train(TrainError::TooManyNans { .. }) => {
                    let message = "Too many consecutive nans detected in loss, aborting...";
                    journal.say(Level::Error, ("train.py", 526), message);
                }
                _ => journal.say(Level::Error, OURS, &failed),
            }
        }
        journal.beside(None);
        outcome
    }

    fn run(
        &self,
        links: &Links,
        journal: &Arc<Journal>,
        live: Option<Box<dyn Live + '_>>,
        mut measure: Option<Measure<'_>>,
    ) -> Result<Outcome, ProgramError> {
        let stop = Stopping::at_signals(Arc::clone(&links.meets)).map_err(ProgramError::io(&self.output))?;
        if let Some(Measure { by, only: Only::Data }) = &mut measure {
            return self.load(*by, links, journal, stop);
        }
        let trainer = self.trainer(links, journal)?;
        let mut run = self.parts(trainer, links, journal, stop)?;
        self.resume(&mut run, links, journal)?;
        self.all_begin(run.it, links)?;
        if let Some(every) = self.asked.trace {
            let opened = Trace::open(&self.output, every, run.it);
            run.checkpoints.trace = Some(opened.map_err(|(path, source)| ProgramError::Io { path, source })?);
        }
        self.begin(&mut run, journal);
        run.stop.after(run.it, self.asked.steps);
        run.stop.before(self.asked.until);
        run.log.live = live;
        run.log.events = self.events(run.it, links)?;
        let measured = measure.is_some();
        let mut phases = match measure {
            None => Phases::none(),
            Some(Measure { by, only }) => {
                if only == Only::Compute {
                    journal.info(OURS, &format!("{HELD} batches are made now, and taken over and over"));
                    run.loader.hold(HELD).map_err(ProgramError::no_batch)?;
                }
                by.begins(&self.facts(Some(&run.trainer)));
                Phases::to(by)
            }
        };
        let begun = Instant::now();
        let end = self.config.training.iterations();
        let ended = match run.it >= end {
            true => Ended::Done,
            false => run.until(end, &mut phases)?,
        };
        self.end(run, ended, journal, begun, !measured)
    }

    /// Takes the iterations up to [`Asked::until`](crate::Asked::until) with the trainer and the loader alone: no log of steps, no figures,
    /// no checkpoints, nobody who listens. `tell` is told of each, with its total loss.
    ///
    /// # Errors
    /// See [`ProgramError`].
    pub fn take_alone(self, links: &Links, tell: &mut dyn FnMut(usize, f32)) -> Result<(), ProgramError> {
        let journal = self.set_up(links, true)?;
        let mut trainer = self.trainer(links, &journal)?;
        let mut loader = self.images(0, links, &journal);
        let end = self.config.training.iterations();
        for it in 0..self.asked.until.map_or(end, |until| until.min(end)) {
            let Some(batch) = loader.next_batch().map_err(ProgramError::no_batch)? else { break };
            let log = trainer.step(&batch, it, &mut Hooks::none())?;
            tell(it, log.metrics.first().map_or(f32::NAN, |(_, loss)| *loss));
        }
        Ok(())
    }

    /// Makes the batches of a training, and computes nothing.
    fn load(
        &self,
        by: &mut dyn Measurer,
        links: &Links,
        journal: &Arc<Journal>,
        mut stop: Stopping,
    ) -> Result<Outcome, ProgramError> {
        let mut loader = self.images(0, links, journal);
        stop.after(0, self.asked.steps);
        stop.before(self.asked.until);
        journal.info(OURS, "batches are made, and nothing is computed");
        by.begins(&self.facts(None));
        let mut phases = Phases::to(by);
        for it in 0..self.config.training.iterations() {
            if stop.is_wanted(it) {
                return Ok(Outcome::Stopped { it, checkpoint: None });
            }
            let begun = Instant::now();
            let batch = phases.during(Phase::Data, || loader.next_batch()).map_err(ProgramError::no_batch)?;
            let waited = begun.elapsed();
            if batch.is_none() {
                break;
            }
            phases.over(it, waited, begun.elapsed());
        }
        Ok(Outcome::Done)
    }

    /// Takes the last checkpoint, if there is one and it is wanted.
    fn resume(&self, run: &mut Training<'_>, links: &Links, journal: &Arc<Journal>) -> Result<(), ProgramError> {
        let Some(path) = self.folder().latest()?.filter(|_| self.asked.resume != Resume::Not) else { return Ok(()) };
        journal.info(("train.py", 405), &format!("Checkpoint found {}", path.display()));
        let talks = links.talks.as_ref();
        match self.asked.resume {
            Resume::AsReference => {
                let state = checkpoint::load(&path, talks.rank(), talks.size())?;
                let fits = run.trainer.load_parts(&OF_REFERENCE, &state);
                let unfit = |source| checkpoint::CheckpointError::State { path: path.clone(), source };
                fits.map_err(unfit)?;
                run.it = state.get("iteration").map_err(unfit)?;
                run.trainer.start_at(run.it);
                run.loader = self.images(run.it, links, journal);
            }
            Resume::Exactly | Resume::Not => {
                checkpoint::resume(&path, run, talks)?;
            }
        }
        run.checkpoints.resumed(run.it);
        journal.info(("checkpointer.py", 165), &format!("Loaded: {}", path.display()));
        Ok(())
    }

    /// Several students load each other's batches, and so take the same iterations.
    fn all_begin(&self, it: usize, links: &Links) -> Result<(), ProgramError> {
        if self.students.is_empty() {
            return Ok(());
        }
        let all = links.meets.all_gather(&Tensor::from_slice(&[it as i64]))?;
        let all: Vec<i64> = all.iter().map(|it| it.int64_value(&[0])).collect();
        if all.iter().any(|other| *other != it as i64) {
            let what = format!("the students do not go on from the same iteration; by rank: {all:?}");
            return Err(ProgramError::refused(what, "remove the checkpoints that not every student has"));
        }
        Ok(())
    }

    /// What is said of the loaders and of the first iteration.
    fn begin(&self, run: &mut Training<'_>, journal: &Journal) {
        let banner = Banner { config: &self.scaled, journal };
        banner.loaders(dinov3_data::dataset::Dataset::len(self.dataset.as_ref()));
        journal.info(("train.py", 431), &format!("Starting training from iteration {}", run.it));
        if run.it > 0 && run.trainer.gram_updates() > 0 {
            let (updates, it) = (run.trainer.gram_updates(), run.it);
            journal.info(("train.py", 452), &format!("Gram was updated {updates} times before iteration {it}"));
        }
        let shares: Vec<f64> = self.data.resolutions.iter().map(|resolution| resolution.ratio).collect();
        if shares.len() > 1 {
            journal.info(("meta_loaders.py", 75), "Using homogeneous iterator for CDL MultiResDL");
            let passed = if self.asked.resume == Resume::Exactly { run.it } else { 0 };
            run.log.ratios = Ratios::new(&shares, passed);
        }
    }

    /// The event file of rank 0, from iteration `it` on.
    fn events(&self, it: usize, links: &Links) -> Result<Option<EventFile>, ProgramError> {
        let wanted = self.asked.tensorboard.as_ref().filter(|_| links.talks.rank() == 0);
        wanted.map(|folder| EventFile::create(folder, it).map_err(ProgramError::io(folder))).transpose()
    }

    fn end(
        &self,
        mut run: Training<'_>,
        ended: Ended,
        journal: &Journal,
        begun: Instant,
        saves: bool,
    ) -> Result<Outcome, ProgramError> {
        run.log.live = None;
        if ended == Ended::Stopped {
            // What was measured is not gone on with.
            let last = run.it.checked_sub(1).filter(|last| saves && run.checkpoints.wants(*last));
            if let Some(last) = last {
                let state = run.state();
                let saved = run.checkpoints.save(last, state);
                saved.map_err(|source| ProgramError::Part { what: "what lasts cannot be saved", source })?;
            }
            run.checkpoints.wait()?;
            let checkpoint = run.checkpoints.last().map(|it| self.folder().of(it as u64));
            let how = "the same command goes on from there";
            match &checkpoint {
                Some(path) => {
                    journal.info(
                        OURS,
                        &format!("stopped before iteration {}, saved in {}; {how}", run.it, path.display()),
                    );
                }
                None => journal.info(OURS, &format!("stopped before iteration {}, with nothing new to save", run.it)),
            }
            return Ok(Outcome::Stopped { it: run.it, checkpoint });
        }
        run.checkpoints.wait()?;
        run.meters.synchronize(run.trainer.group())?;
        journal.info(("helpers.py", 133), &run.log.table.total(begun.elapsed().as_secs_f64()));
        Ok(Outcome::Done)
    }
}
