//! The pass through the networks: forward, losses and backward, forced to what was recorded.

use std::collections::{HashMap, HashSet};

use dinov3_config::SslConfig;
use dinov3_golden::local::{Probe, own_error_of_sums};
use dinov3_golden::{EntryName, GoldenSet, Kind, Precision, compose};
use dinov3_torch::device::Device;
use dinov3_torch::shim;
use dinov3_vit::hook::Hook;
use tch::Tensor;

use super::alternatives::{Alternative, SCALE, other_eps};
use super::operations::operation;
use super::recording::{Recording, Stored};
use super::{Mistake, Own};
use crate::SuiteError;
use crate::judging::replay::{Notes, Replay, config, kind_of};
use crate::{layers, training};

/// The own errors of everything that a forced pass computes.
pub(super) fn run(golden: &GoldenSet, recording: &Recording<'_>) -> Result<Vec<Own>, SuiteError> {
    let config = config(golden)?;
    let mistaken = once(golden, &config, recording, Mode::Mistaken)?.mistaken;
    Ok(once(golden, &config, recording, Mode::Truth(&mistaken))?.found)
}

fn once<'a>(
    golden: &'a GoldenSet,
    config: &'a SslConfig,
    recording: &'a Recording<'a>,
    mode: Mode<'a>,
) -> Result<Pass<'a>, SuiteError> {
    let replay = Replay {
        precision: Precision::Truth,
        device: Device::Cpu,
        plant: None,
        free_run: false,
        notes: Notes::default(),
    };
    let gradients = recording.names().any(|name| Kind::Gradout.path_in(name).is_some());
    let rotations = recording.names().any(|name| name.contains(".apply_rope"));
    let of_golden = golden.manifest().entries.iter();
    let of_golden = of_golden.filter(|entry| entry.records.get(recording.precision()).is_some());
    let recorded = of_golden.map(|entry| entry.name.as_str()).collect();
    let mut pass = Pass {
        config,
        recording,
        recorded,
        unseen: Vec::new(),
        mode,
        gradients,
        rotations,
        last: None,
        products: Vec::new(),
        cut: Vec::new(),
        found: Vec::new(),
        mistaken: HashMap::new(),
        failed: None,
    };
    match golden.manifest().recipe.training {
        Some(_) => training::replay::run(golden, &replay, None, &mut pass)?,
        None => layers::replay::run(golden, &replay, &mut pass)?,
    }
    match pass.failed.take() {
        Some(error) => Err(error),
        None => Ok(pass),
    }
}

/// Which outputs a pass computes.
#[derive(Clone, Copy)]
enum Mode<'a> {
    /// Local truths. Outputs with a known mistake are there, by name.
    Truth(&'a HashMap<String, Vec<f64>>),
    /// Outputs with a known mistake each.
    Mistaken,
}

struct Pass<'a> {
    config: &'a SslConfig,
    recording: &'a Recording<'a>,
    /// The names that the golden set has at this precision.
    recorded: HashSet<&'a str>,
    /// Outputs of modules, computed since the last operation that was measured, that the recording lacks and the golden set has.
    unseen: Vec<String>,
    mode: Mode<'a>,
    /// Whether gradients of outputs were recorded.
    gradients: bool,
    /// Whether rotated queries and keys were recorded, so that no mistake of the rotation reaches attention.
    rotations: bool,
    /// What the tensor before was continued with.
    last: Option<Tensor>,
    /// The products of outputs and their recorded gradients.
    products: Vec<Tensor>,
    /// Tensors that took the place of an output, from which the graph starts anew. One may be shown under several names.
    cut: Vec<Tensor>,
    found: Vec<Own>,
    mistaken: HashMap<String, Vec<f64>>,
    failed: Option<SuiteError>,
}

impl Pass<'_> {
    /// Looks at a tensor, and gives what takes its place.
    fn see(&mut self, name: &str, value: &Tensor) -> Result<Option<Tensor>, SuiteError> {
        let Ok(name) = name.parse::<EntryName>() else { return Ok(None) };
        match name.kind() {
            Kind::Data => return Ok(self.rounded(value)),
            // Element by element: see `update`.
            Kind::Param | Kind::ExpAvg | Kind::ExpAvgSq => return Ok(None),
            _ => {}
        }
        let Some(stored) = self.recording.stored(name.as_str())? else {
            if name.kind() == Kind::Output && self.recorded.contains(name.as_str()) {
                self.unseen.push(name.as_str().to_owned());
            }
            return Ok(self.mistaken_within(&name, value));
        };
        let size: Vec<usize> = value.size().iter().map(|extent| *extent as usize).collect();
        if stored.shape != size {
            return Ok(None);
        }
        match self.mode {
            Mode::Truth(mistaken) => self.measure(&name, value, &stored, mistaken)?,
            Mode::Mistaken => self.remember(&name, value),
        }
        if name.kind() == Kind::Loss && name.path() == "total_loss" {
            return Ok(Some(std::mem::take(&mut self.products).iter().fold(value.shallow_clone(), |sum, it| sum + it)));
        }
        if !stored.is_whole() || matches!(name.kind(), Kind::Gradout) {
            return Ok(None);
        }
        let theirs = whole(&stored).to_kind(value.kind());
        if theirs.is_floating_point() {
            self.last = Some(theirs.shallow_clone());
        }
        Ok(Some(self.continued(&name, value, theirs)?))
    }

    /// `theirs` in the place of `value`. The graph is cut where the gradient was recorded; elsewhere the gradient is that of `value`.
    fn continued(&mut self, name: &EntryName, value: &Tensor, theirs: Tensor) -> Result<Tensor, SuiteError> {
        let theirs = match self.mode {
            Mode::Mistaken => self.mistaken(name, theirs)?,
            Mode::Truth(_) => theirs,
        };
        if !value.requires_grad() {
            return Ok(theirs);
        }
        if let Some(same) = self.cut.iter().find(|it| shim::is_same(it, value)) {
            return Ok(same.shallow_clone());
        }
        let recorded = match name.kind() == Kind::Output && self.gradients {
            true => self.recording.stored(&Kind::Gradout.of(name.as_str()).to_string())?,
            false => None,
        };
        Ok(match recorded.filter(Stored::is_whole) {
            Some(gradient) => {
                self.products.push((value * whole(&gradient).to_kind(value.kind())).sum(value.kind()));
                let theirs = theirs.set_requires_grad(true);
                self.cut.push(theirs.shallow_clone());
                theirs
            }
            None => theirs + (value - value.detach()),
        })
    }

    /// What is computed on, for the mistakes that lie in operands: queries times a factor, and the tables of sine and cosine, the one in the
    /// place of the other.
    fn mistaken(&self, name: &EntryName, theirs: Tensor) -> Result<Tensor, SuiteError> {
        let other = match name.port() {
            Some("0") if name.path().ends_with(".apply_rope") => return Ok(theirs * SCALE),
            Some("0") if self.rotations && name.path().ends_with(".rope_embed") => "1",
            Some("1") if self.rotations && name.path().ends_with(".rope_embed") => "0",
            _ => return Ok(theirs),
        };
        let other = compose(Kind::Output, name.path(), name.call(), Some(other));
        let other = self.recording.stored(&other)?.filter(Stored::is_whole);
        Ok(other.map_or(theirs.shallow_clone(), |other| whole(&other).to_kind(theirs.kind())))
    }

    /// The same within a fused operation, whose queries nobody recorded. The gradient is that of the right queries.
    fn mistaken_within(&self, name: &EntryName, value: &Tensor) -> Option<Tensor> {
        let queries = name.port() == Some("0") && name.path().ends_with(".apply_rope");
        (queries && matches!(self.mode, Mode::Mistaken)).then(|| value + value.detach() * (SCALE - 1.0))
    }

    fn measure(
        &mut self,
        name: &EntryName,
        value: &Tensor,
        stored: &Stored<'_>,
        mistaken: &HashMap<String, Vec<f64>>,
    ) -> Result<(), SuiteError> {
        let Some(operation) = operation(name, self.config) else { return Ok(()) };
        let truth = every(values(value), stored.stride);
        let mistake = Alternative::at(name).zip(mistaken.get(name.as_str()));
        let direction = mistake.map(|(_, values)| {
            let mistaken = values.iter().step_by(stored.stride);
            mistaken.zip(&truth).map(|(mistaken, truth)| mistaken - truth).collect::<Vec<f64>>()
        });
        let probes: Vec<Probe> = direction.iter().map(|direction| Probe { direction }).collect();
        let view = stored.view();
        let terms = self.terms(name, truth.len())?;
        if let Some(error) = own_error_of_sums(view, &truth, view.resolution(), &probes, terms) {
            let mistakes = mistake.map(|(mistake, _)| Mistake::Layer(mistake)).into_iter().collect();
            let (name, span) = (name.as_str().to_owned(), std::mem::take(&mut self.unseen));
            self.found.push(Own { name, stage: stored.stage, operation, error, mistakes, span });
        }
        Ok(())
    }

    /// The root of the sum of squares of what is added up over tokens to an element of a gradient by a bias, or by a norm's weight, whose
    /// factor is one on average: the recorded gradients by the module's output. These may cancel, as those of neighbours that KoLeo drives
    /// apart do. 0 for everything else.
    fn terms(&self, name: &EntryName, elements: usize) -> Result<f64, SuiteError> {
        let module = name.path_of(Kind::Grad).and_then(|path| path.rsplit_once('.')).filter(|(module, key)| {
            *key == "bias" || (*key == "weight" && module.rsplit('.').next().is_some_and(|last| last.contains("norm")))
        });
        let Some((module, _)) = module else { return Ok(0.0) };
        let mut squares = 0.0;
        for call in 0.. {
            let gradient = self.recording.stored(&compose(Kind::Gradout, module, call, None))?;
            let Some(gradient) = gradient.filter(Stored::is_whole) else { break };
            squares += gradient.values().iter().map(|it| it * it).sum::<f64>();
        }
        Ok((squares / elements as f64).sqrt())
    }

    fn remember(&mut self, name: &EntryName, value: &Tensor) {
        if let Some(mistake) = Alternative::at(name) {
            let of_input = self.last.as_ref().and_then(|input| mistake.of(input));
            self.mistaken.insert(name.as_str().to_owned(), values(of_input.as_ref().unwrap_or(value)));
        }
    }

    /// A value as mixed precision holds it.
    fn rounded(&self, value: &Tensor) -> Option<Tensor> {
        let low = self.recording.precision() == Precision::Bf16 && value.is_floating_point() && value.dim() > 0;
        low.then(|| {
            let rounded = value.detach().to_kind(tch::Kind::BFloat16).to_kind(value.kind());
            if value.requires_grad() { rounded + (value - value.detach()) } else { rounded }
        })
    }
}

impl Hook for Pass<'_> {
    fn tensor(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        if self.failed.is_some() {
            return None;
        }
        match self.see(name, value) {
            Ok(other) => other,
            Err(error) => {
                self.failed = Some(error);
                None
            }
        }
    }

    fn operand(&mut self, name: &str, value: &Tensor) -> Option<Tensor> {
        if matches!(self.mode, Mode::Mistaken) && name.ends_with(":eps") {
            return Some(Tensor::from(other_eps(value.double_value(&[]))));
        }
        if matches!(self.mode, Mode::Mistaken) && name == "sinkhorn:iterations" {
            return Some(value - 1.0);
        }
        // The weights of iBOT's masks are float32 at every precision.
        if name == "batch:masks_weight" { None } else { self.rounded(value) }
    }

    fn wants_gradients(&self) -> bool {
        self.gradients
    }

    fn summary(&mut self, name: &str, value: &Tensor) {
        let _ = self.tensor(name, value);
    }
}

/// All elements of a tensor, in float64.
pub(super) fn values(tensor: &Tensor) -> Vec<f64> {
    let flat = tensor.detach().to_kind(tch::Kind::Double).flatten(0, -1).contiguous();
    Vec::<f64>::try_from(dinov3_torch::device::host(&flat)).expect("a flat tensor of float64")
}

/// Every `stride`-th element.
pub(super) fn every(values: Vec<f64>, stride: usize) -> Vec<f64> {
    if stride == 1 { values } else { values.into_iter().step_by(stride).collect() }
}

fn whole(stored: &Stored<'_>) -> Tensor {
    let shape: Vec<i64> = stored.shape.iter().map(|extent| *extent as i64).collect();
    Tensor::from_data_size(stored.view().bytes(), &shape, kind_of(stored.dtype))
}
