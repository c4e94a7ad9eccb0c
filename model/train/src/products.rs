//! Counts the floating-point operations of a step's matrix products, from the parameters' shapes and the tokens' numbers.
//!
//! Linear layers, attention's two products, patch embedding and heads. Left out are norms, activations, losses and the
//! optimizer, which are no products, and the losses' own small ones: below a hundredth of any recipe here.

/// A tensor's name and its shape.
pub type Shape = (String, Vec<i64>);

/// Crops of one size.
#[derive(Clone, Copy, Debug)]
pub struct Crops {
    /// How many.
    pub number: i64,
    /// Patches of each.
    pub patches: i64,
}

/// What a step computes on.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Those that the teacher sees too.
    pub global: Crops,
    /// Those that the student alone sees.
    pub local: Crops,
    /// Masked patches.
    pub masked: i64,
    /// CLS and storage tokens of a crop.
    pub prefix: i64,
    /// Share of samples that a branch leaves out.
    pub drop_path: f64,
}

/// The operations of a step: teacher forward, student forward and backward. A backward pass costs twice its forward, one
/// product for the inputs' gradient and one for the weights'; pixels need no gradient.
///
/// `student` holds the student's parameters, under the reference's names.
pub fn step_flops(student: &[Shape], step: &Step) -> f64 {
    let Step { global, local, masked, prefix, .. } = *step;
    let teacher = Pass { lists: &[global], prefix, drop_path: 0.0, masked };
    let student_pass = Pass { lists: &[global, local], prefix, drop_path: step.drop_path, masked };
    let rest = |pass: &Pass| pass.blocks(student) + pass.heads(student);
    teacher.patch_embed(student) + rest(&teacher) + 2.0 * student_pass.patch_embed(student) + 3.0 * rest(&student_pass)
}

/// A forward pass of one network.
struct Pass<'a> {
    lists: &'a [Crops],
    prefix: i64,
    drop_path: f64,
    masked: i64,
}

impl Pass<'_> {
    fn patch_embed(&self, parameters: &[Shape]) -> f64 {
        let patches: i64 = self.lists.iter().map(|crops| crops.number * crops.patches).sum();
        weights(parameters, ".patch_embed.").map(|shape| product(patches, shape)).sum()
    }

    /// Every linear layer on the tokens of the samples kept, and attention among those of each.
    fn blocks(&self, parameters: &[Shape]) -> f64 {
        let kept = |crops: &Crops| match self.drop_path {
            0.0 => crops.number,
            share => ((crops.number as f64 * (1.0 - share)) as i64).max(1),
        };
        let length = |crops: &Crops| self.prefix + crops.patches;
        let tokens: i64 = self.lists.iter().map(|crops| kept(crops) * length(crops)).sum();
        let pairs: i64 = self.lists.iter().map(|crops| kept(crops) * length(crops).pow(2)).sum();
        let linear: f64 = weights(parameters, ".blocks.").map(|shape| product(tokens, shape)).sum();
        // Queries by keys, then the weights by values: over all heads, each as wide as the model.
        let width = |shape: &[i64]| shape[1];
        let attention = weights(parameters, ".attn.qkv.").map(|shape| 2.0 * 2.0 * (pairs * width(shape)) as f64);
        linear + attention.sum::<f64>()
    }

    fn heads(&self, parameters: &[Shape]) -> f64 {
        let crops: i64 = self.lists.iter().map(|crops| crops.number).sum();
        let head = |part, rows| weights(parameters, part).map(|shape| product(rows, shape)).sum::<f64>();
        head(".dino_head.", crops) + head(".ibot_head.", self.masked)
    }
}

/// The shapes of the matrices of `part`: not of its vectors.
fn weights<'a>(parameters: &'a [Shape], part: &'a str) -> impl Iterator<Item = &'a [i64]> {
    let wanted = move |(name, shape): &&Shape| name.contains(part) && name.ends_with(".weight") && shape.len() > 1;
    parameters.iter().filter(wanted).map(|(_, shape)| shape.as_slice())
}

/// A multiplication and an addition for every row and weight.
fn product(rows: i64, weight: &[i64]) -> f64 {
    2.0 * (rows * weight.iter().product::<i64>()) as f64
}
