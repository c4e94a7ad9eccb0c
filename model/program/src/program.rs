//! A training from its set-up to its end, in the order of `main` and `do_train` of the reference's `dinov3/train/train.py`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use dinov3_config::holds;
use dinov3_config::yaml::to_yaml;
use dinov3_data::loader::{Start, Unusable};
use dinov3_ground::atomic::write_file;
use dinov3_torch::runtime;
use dinov3_train::checkpoint::{self, Folder, Keep};
use dinov3_train::meters::Meters;
use dinov3_train::phases::{Phase, Phases};
use dinov3_train::run::{Checkpoints, Ended, Images, Loader, Run, Stop, Wall};
use dinov3_train::shard::Sharding;
use dinov3_train::weights::Cast;
use dinov3_train::{Part, Parts, TrainError, Trainer};
use dinov3_vit::hook::Hooks;
use serde_json::Value;

use crate::append::cut_torn_line;
use crate::banner::{Banner, at};
use crate::images::Data;
use crate::journal::{Aside, Journal, Level, OURS};
use crate::measure::{HELD, Measure, Measurer, Only};
use crate::nudge::nudge;
use crate::progress::{Live, METRICS, Progress};
use crate::python;
use crate::ratios::Ratios;
use crate::saving::{Export, Saving};
use crate::stop::Stopping;
use crate::table::Table;
use crate::tensorboard::EventFile;
use crate::trace::Trace;
use crate::{Links, Plan, ProgramError, Resume};

/// Batches that are made ahead.
const PREFETCH: usize = 2;

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

type Training<'a> = Run<Data, Saving, Progress<'a>, Wall, Stopping>;

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

    /// Folder, log, seeds, and the config as text.
    fn set_up(&self, links: &Links, quiet: bool) -> Result<Arc<Journal>, ProgramError> {
        let (output, rank) = (&self.output, links.talks.rank());
        fs::create_dir_all(output).map_err(ProgramError::io(output))?;
        let folder = self.folder();
        if self.asked.resume == Resume::Not && folder.latest()?.is_some() {
            let what = format!("--no-resume, and {} has checkpoints", output.join("ckpt").display());
            return Err(ProgramError::refused(what, "name another --output-dir, or remove them"));
        }
        let open = |folder: &Path, name| {
            let journal = Journal::open(folder, name, rank).map_err(ProgramError::io(output));
            journal.map(|journal| if quiet { journal.hushed() } else { journal })
        };
        let journal = Arc::new(open(output, "dinov3")?);
        let environment = format!("PyTorch distributed environment: {}", links.job);
        journal.info(("torch_distributed_wrapper.py", 255), &environment);
        runtime::manual_seed(u64::from(self.asked.seed) + rank as u64);
        let version = format!("dinov3-harness {}: the program of the reference at cb054165", env!("CARGO_PKG_VERSION"));
        journal.info(OURS, &version);
        journal.info(("config.py", 100), &self.arguments());
        let yaml = to_yaml(&self.merged.config);
        journal.info(("config.py", 58), &yaml);
        if rank == 0 {
            let metrics = output.join(METRICS);
            cut_torn_line(&metrics).map_err(ProgramError::io(&metrics))?;
            let path = output.join("config.yaml");
            write_file(&path, |out| out.write_all(yaml.as_bytes())).map_err(ProgramError::io(&path))?;
        }
        if let Some((old, new)) = self.lr {
            let (rule, line) = match at(&self.scaled, "optim.scaling_rule").as_str() {
                Some("linear_wrt_256") => ("linear", 49),
                _ => ("sqrt", 53),
            };
            let [old, new] = [old, new].map(python::float);
            journal.info(("config.py", line), &format!("{rule} scaling learning rate; old: {old}, new: {new}"));
        }
        journal.info(("train.py", 598), &python::str(&self.scaled));
        let nans = open(&output.join("nan_logs"), "nan_logger")?;
        nans.say(Level::Debug, ("__init__.py", 132), &environment);
        Ok(journal)
    }

    /// The arguments as the reference prints its own, all of them.
    fn arguments(&self) -> String {
        let asked = &self.asked;
        let opts = python::repr(&Value::from(asked.overrides.clone()));
        let no_resume = python::repr(&Value::from(asked.resume == Resume::Not));
        let all = [
            ("benchmark_codebase", "False"),
            ("config_file", &asked.source.name()),
            ("dump_fsdp_weights", "False"),
            ("eval", ""),
            ("eval_only", "False"),
            ("eval_pretrained_weights", ""),
            ("multi_distillation", "False"),
            ("no_resume", &no_resume),
            ("opts", &opts),
            ("output_dir", &asked.output_dir),
            ("profiling", "False"),
            ("record_ref_losses", "False"),
            ("ref_losses_path", ""),
            ("seed", &asked.seed.to_string()),
            ("test_ibot", "False"),
        ];
        all.map(|(name, value)| format!("{name}: {value}")).join("\n")
    }

    fn folder(&self) -> Folder {
        let last = at(&self.merged.config, "checkpointing.max_to_keep").as_u64().map(|last| last as usize);
        let keep = Keep { last, every: at(&self.merged.config, "checkpointing.keep_every").as_u64().unwrap_or(0) };
        Folder::new(self.output.join("ckpt"), self.period("checkpointing.period") as u64, keep)
    }

    fn run(
        &self,
        links: &Links,
        journal: &Arc<Journal>,
        live: Option<Box<dyn Live + '_>>,
        mut measure: Option<Measure<'_>>,
    ) -> Result<Outcome, ProgramError> {
        let stop = Stopping::at_signals(Arc::clone(&links.talks)).map_err(ProgramError::io(&self.output))?;
        if let Some(Measure { by, only: Only::Data }) = &mut measure {
            return self.load(*by, links, journal, stop);
        }
        let trainer = self.trainer(links, journal)?;
        let mut run = self.parts(trainer, links, journal, stop)?;
        self.resume(&mut run, links, journal)?;
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

    /// The networks with their first weights.
    fn trainer(&self, links: &Links, journal: &Journal) -> Result<Trainer, ProgramError> {
        let banner = Banner { config: &self.scaled, journal };
        let sharding = Sharding::over(Arc::clone(&links.trains));
        let (kind, device) = (self.kind(), self.asked.device);
        dinov3_torch::device::set_tf32(device, true);
        let mut trainer = Trainer::with_parts(&self.config, kind, device, &sharding, &Parts::of_program())?;
        let elements = trainer.groups().filter(|(name, ..)| name.starts_with("student.backbone."));
        let elements: i64 = elements.map(|(_, shape, _)| shape.iter().product::<i64>()).sum();
        banner.networks(elements as usize, self.config.student.size.embed_dim);
        banner.groups(&trainer);
        banner.schedules(self.config.training.batch_size_per_gpu as f64 * links.trains.size() as f64);
        let (rank, world) = (links.talks.rank() as u64, links.talks.size());
        if world > 1 {
            // All ranks draw the same network, of which each keeps its rows, and have a stream of their own from then on.
            runtime::manual_seed(u64::from(self.asked.seed));
            trainer.init_weights();
            runtime::manual_seed(u64::from(self.asked.seed) + rank);
        } else {
            trainer.init_weights();
        }
        banner.checkpoints();
        for loaded in trainer.load_checkpoints()? {
            for Cast { from, to, tensors, first } in loaded.casts {
                let path = loaded.path.display();
                let which = if tensors == 1 { first } else { format!("{tensors} tensors, {first} the first") };
                journal.info(OURS, &format!("{path}: {from} is cast to {to}, as load_state_dict does: {which}"));
            }
        }
        if let Some(seed) = self.asked.ulp_seed {
            nudge(&mut trainer, seed).map_err(|source| ProgramError::Part {
                what: "the first weights cannot be moved",
                source: source.into(),
            })?;
        }
        Ok(trainer)
    }

    fn parts(
        &self,
        trainer: Trainer,
        links: &Links,
        journal: &Arc<Journal>,
        stop: Stopping,
    ) -> Result<Training<'static>, ProgramError> {
        let export = Export {
            folder: self.output.clone(),
            period: self.period("evaluation.eval_period_iterations"),
            sharded: holds(&self.merged.config, "train.sharded_eval_checkpoint"),
        };
        let checkpoints = Saving::new(self.folder(), Arc::clone(&links.saves), Arc::clone(journal), export);
        let iterations = self.config.training.iterations();
        let world = self.ranks.world;
        let log = Progress {
            journal: Arc::clone(journal),
            table: Table::new(iterations),
            metrics: (links.talks.rank() == 0).then(|| self.output.join(METRICS)),
            iterations,
            device: self.asked.device,
            global_batch: self.data.batch_size * world,
            events: None,
            live: None,
            ratios: None,
        };
        Ok(Run {
            trainer,
            loader: self.images(0, links, journal),
            checkpoints: checkpoints.map_err(ProgramError::io(&self.output))?,
            log,
            clock: Wall::default(),
            stop,
            meters: Meters::new(),
            it: 0,
        })
    }

    fn images(&self, it: usize, links: &Links, journal: &Arc<Journal>) -> Data {
        let start = Start {
            rank: links.talks.rank(),
            world: self.ranks.world,
            iteration: it as u64,
            threads: self.asked.threads,
            prefetch: PREFETCH,
            broken_limit: self.asked.broken_limit,
        };
        let journal = Arc::clone(journal);
        let unusable = move |image: Unusable| journal.warning(OURS, &image.to_string());
        let images = Images::new(self.data.clone(), Arc::clone(&self.dataset) as _, start, Arc::new(unusable));
        Data::new(images, &self.merged.config)
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
