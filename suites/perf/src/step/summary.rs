//! What a person reads, and the same as JSON.

use serde_json::{Value, json};

use super::measured::Measured;
use super::workload::Round;
use crate::rounds::{Rounds, Spread};
use crate::table::{Columns, or_dash};

/// A recipe's rounds: at least one.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Its name, and how large a batch is.
    pub recipe: String,
    /// In the order in which they were taken.
    pub rounds: Rounds<Round>,
}

impl Figures {
    fn ours(&self) -> impl Iterator<Item = &Measured> {
        self.rounds.iter().map(|round| &round.ours)
    }

    fn reference(&self) -> impl Iterator<Item = &Measured> {
        self.rounds.iter().filter_map(|round| round.reference.as_ref())
    }

    /// Our steps a second.
    fn rate(&self) -> Option<Spread> {
        self.rounds.spread(our_rate)
    }

    /// The reference's steps a second.
    fn reference_rate(&self) -> Option<Spread> {
        self.rounds.spread(reference_rate)
    }

    /// Our steps a second to the reference's.
    fn ratio(&self) -> Option<Spread> {
        self.rounds.ratio(our_rate, reference_rate)
    }

    /// Of the steps a second that the matrix products alone would allow, at the fastest that this run saw.
    fn of_bound(&self, gemm_flops: f64) -> Option<f64> {
        let rate = self.rate()?.median;
        let step_flops = self.ours().find_map(|ours| ours.products)?.step_flops;
        Some(rate * step_flops / gemm_flops)
    }

    /// How the losses of both sides compare.
    fn losses(&self) -> String {
        let pairs: Vec<(&Measured, &Measured)> =
            self.rounds.iter().filter_map(|round| Some((&round.ours, round.reference.as_ref()?))).collect();
        let same = |loss: fn(&Measured) -> f64| {
            pairs.iter().all(|(ours, theirs)| loss(ours).to_bits() == loss(theirs).to_bits())
        };
        let apart = |(ours, theirs): &(&Measured, &Measured)| {
            (ours.first_loss - theirs.first_loss).abs() / theirs.first_loss.abs()
        };
        match (same(|side| side.first_loss), same(|side| side.last_loss)) {
            _ if pairs.is_empty() => "-".to_owned(),
            (true, true) => "same bits to the last step".to_owned(),
            (true, false) => "same bits in the first step".to_owned(),
            (false, _) => format!("{:.0e} apart in the first step", pairs.iter().map(apart).fold(0.0, f64::max)),
        }
    }
}

fn our_rate(round: &Round) -> Option<f64> {
    Some(round.ours.rate())
}

fn reference_rate(round: &Round) -> Option<f64> {
    round.reference.as_ref().map(Measured::rate)
}

/// The fastest fp32 products of the run, operations a second.
fn gemm_flops(all: &[Figures]) -> f64 {
    let products = all.iter().flat_map(Figures::ours).filter_map(|ours| ours.products);
    products.map(|products| products.gemm_flops).fold(0.0, f64::max)
}

fn peak<'a>(side: impl Iterator<Item = &'a Measured>) -> Option<u64> {
    side.map(|measured| measured.peak_bytes).max()
}

/// A table, a row a recipe, and what its figures mean.
pub fn text(all: &[Figures]) -> String {
    let gemm = gemm_flops(all);
    let header =
        ["recipe", "steps/s", "reference", "ratio", "peak memory", "reference", "of the product bound", "losses"];
    let mut table = Columns::new(header);
    for figures in all {
        let rate = |side: Option<Spread>| or_dash(side.map(|rate| rate.show(if rate.median < 10.0 { 3 } else { 1 })));
        let memory = |peak: Option<u64>| or_dash(peak.map(gib));
        table.add_row([
            figures.recipe.clone(),
            rate(figures.rate()),
            rate(figures.reference_rate()),
            or_dash(figures.ratio().map(|ratio| ratio.show(2))),
            memory(peak(figures.ours())),
            memory(peak(figures.reference())),
            or_dash(figures.of_bound(gemm).map(|share| format!("{:.1} %", 100.0 * share))),
            figures.losses(),
        ]);
    }
    table.align_right(1..header.len() - 1);
    let Measured { libtorch, capability, threads, .. } = all[0].ours().next().expect("a recipe has a round");
    format!(
        "libtorch {libtorch} on cpu, fp32, {capability}; threads: {threads}; matrix products: {:.0} GFLOP/s\n\n{table}\n\n\
         Medians, and ranges over the rounds ({}); the ratio is taken round by round. The reference runs as plain modules,\n\
         without FSDP and compilation. The bound is the time of the step's matrix products alone, at the rate above.\n{}",
        gemm / 1e9,
        all[0].rounds.len(),
        libraries(all) + kernels(all),
    )
}

/// Where the two sides compute with other kernels of the same library.
fn kernels(all: &[Figures]) -> &'static str {
    let mistaken = all.iter().flat_map(Figures::ours).any(|ours| ours.mkl_is_mistaken);
    if mistaken {
        "MKL computes our products with the kernels that it keeps for Intel's processors, and the reference's with those for others;\n\
         DINOV3_MKL=as-shipped in the environment has both take the same.\n"
    } else {
        ""
    }
}

/// How much of the peak memory is not the training's.
fn libraries(all: &[Figures]) -> String {
    let least = |side: &mut dyn Iterator<Item = &Measured>| side.map(|measured| measured.libraries_bytes).min();
    let ours = least(&mut all.iter().flat_map(Figures::ours)).map(gib);
    let reference = least(&mut all.iter().flat_map(Figures::reference)).map(gib);
    let reference = reference.map_or(String::new(), |gib| format!(", of the reference's {gib}, with Python's"));
    ours.map_or(String::new(), |gib| format!("Of our peak memory {gib} are libraries{reference}.\n"))
}

fn gib(bytes: u64) -> String {
    format!("{:.2} GiB", bytes as f64 / f64::from(1 << 30))
}

/// All figures, raw and summed up: times in seconds, memory in bytes, rates a second.
pub fn json(all: &[Figures]) -> Value {
    let gemm = gemm_flops(all);
    let recipes = all.iter().map(|figures| {
        json!({
            "recipe": figures.recipe,
            "steps_per_second": figures.rate(),
            "reference_steps_per_second": figures.reference_rate(),
            "ratio": figures.ratio(),
            "peak_bytes": peak(figures.ours()),
            "reference_peak_bytes": peak(figures.reference()),
            "fraction_of_product_bound": figures.of_bound(gemm),
            "rounds": figures.rounds,
        })
    });
    json!({ "gemm_flops_per_second": gemm, "recipes": recipes.collect::<Vec<_>>() })
}
