//! The arguments of `run` that choose checks, and what a candidate may lack or call otherwise.

use std::path::PathBuf;

use clap::Args;
use dinov3_suites::Pattern;

/// Which checks are made, which must be, and what a candidate may lack or call otherwise. `*` in a name stands for any text.
#[derive(Debug, Args)]
pub struct ChoiceArgs {
    /// Make this check alone, such as layers/micro/fp32 or 'training/*/bf16'; repeatable.
    #[arg(long, value_name = "CHECK")]
    pub check: Vec<Pattern>,
    /// Fail unless this check is made: 'layers/*', or all for every check that could be; repeatable.
    #[arg(long, value_name = "CHECK")]
    pub require: Vec<Pattern>,
    /// A tensor that the candidate need not have, such as '*.attn.apply_rope*' where a fused operation holds it; repeatable.
    /// What follows is judged from the last tensors that were recorded, as one operation.
    #[arg(long, value_name = "TENSOR", requires = "candidate")]
    pub allow_missing: Vec<Pattern>,
    /// A JSON object from the candidate's names of tensors to the golden set's: {"*.attn.in_proj*": "*.attn.qkv*"}; null leaves one out.
    #[arg(long, value_name = "FILE", requires = "candidate")]
    pub names: Option<PathBuf>,
}
