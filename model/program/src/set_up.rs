//! Folder, log, seeds and config of a training: `setup_config` and `setup_job` of `dinov3/configs/config.py`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use dinov3_config::yaml::to_yaml;
use dinov3_ground::atomic::write_file;
use dinov3_torch::runtime;
use dinov3_train::checkpoint::{Folder, Keep};
use serde_json::Value;

use crate::append::cut_torn_line;
use crate::banner::at;
use crate::journal::{Journal, Level, OURS};
use crate::progress::METRICS;
use crate::python;
use crate::{Links, Plan, ProgramError, Resume};

impl Plan {
    /// Folder, log, seeds, and the config as text.
    pub(crate) fn set_up(&self, links: &Links, quiet: bool) -> Result<Arc<Journal>, ProgramError> {
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
        runtime::manual_seed(u64::from(self.asked.seed) + links.meets.rank() as u64);
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
        let several = python::repr(&Value::from(!self.students.is_empty()));
        let all = [
            ("benchmark_codebase", "False"),
            ("config_file", &asked.source.name()),
            ("dump_fsdp_weights", "False"),
            ("eval", ""),
            ("eval_only", "False"),
            ("eval_pretrained_weights", ""),
            ("multi_distillation", &several),
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

    pub(crate) fn folder(&self) -> Folder {
        let last = at(&self.merged.config, "checkpointing.max_to_keep").as_u64().map(|last| last as usize);
        let keep = Keep { last, every: at(&self.merged.config, "checkpointing.keep_every").as_u64().unwrap_or(0) };
        Folder::new(self.output.join("ckpt"), self.period("checkpointing.period") as u64, keep)
    }
}
