//! The meaning of the names of one model's tensors. A suite hands these rules to the judge.

use crate::names::{EntryName, Kind, Stage, compose};

/// Rules about the names of a model's tensors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameRules {
    /// The part of a path before the number of a repeated block.
    pub block: &'static str,
    /// The first part of the paths in the network that the optimizer trains.
    pub trained: &'static str,
    /// The first parts of the paths in the networks that are averages of the trained one.
    pub averages: &'static [&'static str],
    /// The entries whose error in one block is too small a sample.
    pub rare: &'static [RareError],
}

/// Entries at which the error of an fp32 run is rare and large rather than steady and small. The few runs of one block may
/// all miss it, so each block is given the largest error at the same place of any block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RareError {
    /// The stages of the entries.
    pub stages: &'static [Stage],
    /// The entries have one of these parts in their path or port; `None` means every entry of a block.
    pub parts: Option<&'static [&'static str]>,
    /// The place in a block, with `*` for its number, whose largest error the entries may have, which then need not be of blocks; `None` means
    /// their own place.
    pub lender: Option<&'static str>,
    /// The reason why the error is rare and large.
    pub why: &'static str,
}

impl NameRules {
    /// Rules for a model without blocks and without a distinction between networks.
    pub const NONE: Self = Self { block: "", trained: "", averages: &[], rare: &[] };

    /// The place whose largest error is the entry's own, where that is rare and large, see [`RareError`].
    pub(super) fn lender(&self, stage: Stage, name: &EntryName) -> Option<String> {
        let port = || name.port().into_iter().flat_map(|port| port.split('.'));
        let has_part = |parts: &[&str]| name.parts().chain(port()).any(|part| parts.contains(&part));
        let is_of = |rare: &&RareError| {
            rare.stages.contains(&stage)
                && rare.parts.is_none_or(has_part)
                && (rare.lender.is_some() || self.in_block(name))
        };
        let rare = self.rare.iter().find(is_of)?;
        Some(rare.lender.map_or_else(|| self.role(name), str::to_owned))
    }

    /// Whether the path leads to a module within a block.
    fn in_block(&self, name: &EntryName) -> bool {
        name.parts().skip(1).zip(name.parts().skip(2)).any(|(part, _)| part == self.block)
    }

    /// The place of an entry within a block or head: its name without the network, the number of the block, and the
    /// number of the call. `student.backbone.blocks.3.attn.proj#1:in` becomes `backbone.blocks.*.attn.proj:in` if
    /// `student` is a network and `blocks` the part before a block's number. The kind stays.
    pub(super) fn role(&self, name: &EntryName) -> String {
        let is_network = |part: &str| part == self.trained || self.averages.contains(&part);
        let path = match name.path().split_once('.') {
            Some((network, within)) if is_network(network) => within,
            _ => name.path(),
        };
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let before = std::iter::once("").chain(path.split('.'));
        let starred = |(before, part)| if before == self.block && is_number(part) { "*" } else { part };
        let place = before.zip(path.split('.')).map(starred).collect::<Vec<_>>().join(".");
        compose(name.kind(), &place, 0, name.port())
    }

    /// The name of the first moment that moved a parameter, or moved the parameter behind an average; `None` for any
    /// other entry.
    pub(super) fn moment_of(&self, name: &EntryName, stage: Stage) -> Option<String> {
        let (network, key) = name.path_of(Kind::Param)?.split_once('.')?;
        let moved = match stage {
            Stage::Optimizer => network == self.trained,
            Stage::Ema => self.averages.contains(&network),
            _ => false,
        };
        moved.then(|| Kind::ExpAvg.name(format_args!("{}.{key}", self.trained)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::RULES;

    fn name(text: &str) -> EntryName {
        text.parse().unwrap()
    }

    #[test]
    fn only_the_attention_branch_follows_the_rotation() {
        for text in [
            "student.backbone.blocks.3.attn.proj#1:in",
            "teacher.backbone.blocks.0.ls1",
            "a.blocks.1.attn.apply_rope:0",
        ] {
            assert_eq!(RULES.lender(Stage::Forward, &name(text)), Some(RULES.role(&name(text))), "{text}");
        }
        for text in
            ["teacher.backbone.patch_embed.proj", "a.blocks.1.attn.qkv", "a.blocks.1.mlp.fc1", "a.blocks.1.norm1:in"]
        {
            assert_eq!(RULES.lender(Stage::Forward, &name(text)), None, "{text}");
        }
    }

    #[test]
    fn gradients_and_moments_of_blocks_follow_it_too() {
        for (stage, text, rare) in [
            (Stage::Backward, "grad:student.backbone.blocks.0.norm1.bias", true),
            (Stage::Optimizer, "exp_avg_sq:student.backbone.blocks.2.mlp.fc1.weight", true),
            (Stage::Backward, "grad:student.dino_head.mlp.0.weight", false),
            (Stage::Ema, "param:teacher.backbone.blocks.0.norm1.bias", false),
            (Stage::Forward, "student.backbone.blocks.0.norm1", false),
        ] {
            assert_eq!(RULES.lender(stage, &name(text)).is_some(), rare, "{text}");
        }
    }

    /// The class token is what attention has made of all patches.
    #[test]
    fn a_class_token_may_have_the_error_of_attention() {
        for text in ["student.backbone:0.x_norm_clstoken", "teacher.dino_head.mlp.3"] {
            let lender = RULES.lender(Stage::Forward, &name(text));
            assert_eq!(lender.as_deref(), Some("backbone.blocks.*.attn.proj"), "{text}");
        }
        for text in ["student.backbone:0.x_norm_patchtokens", "student.ibot_head.mlp.3"] {
            assert_eq!(RULES.lender(Stage::Forward, &name(text)), None, "{text}");
        }
    }

    #[test]
    fn the_block_is_left_out_and_the_place_is_kept() {
        let roles = [
            ("student.backbone.blocks.3.attn.proj#1:in", "backbone.blocks.*.attn.proj:in"),
            ("teacher.backbone.blocks.12.attn.proj:in", "backbone.blocks.*.attn.proj:in"),
            ("teacher.backbone.blocks.12.attn.proj", "backbone.blocks.*.attn.proj"),
            ("student.backbone.blocks.0:1", "backbone.blocks.*:1"),
            ("student.dino_head.mlp.2", "dino_head.mlp.2"),
            ("student.backbone:0.x_prenorm", "backbone:0.x_prenorm"),
            ("grad:student.backbone.blocks.3.norm1.bias", "grad:backbone.blocks.*.norm1.bias"),
            ("exp_avg_sq:student.dino_head.mlp.0.weight", "exp_avg_sq:dino_head.mlp.0.weight"),
        ];
        for (text, expected) in roles {
            assert_eq!(RULES.role(&name(text)), expected, "{text}");
        }
    }

    #[test]
    fn a_parameter_and_its_averages_share_a_moment() {
        let moment_of = |text, stage| RULES.moment_of(&name(text), stage);
        let moment = Some("exp_avg:student.backbone.norm.bias".to_owned());
        assert_eq!(moment_of("param:student.backbone.norm.bias", Stage::Optimizer), moment);
        assert_eq!(moment_of("param:teacher.backbone.norm.bias", Stage::Ema), moment);
        assert_eq!(moment_of("param:gram_teacher.backbone.norm.bias", Stage::Ema), moment);
        assert_eq!(moment_of("param:student.backbone.norm.bias", Stage::Init), None);
        assert_eq!(moment_of("exp_avg_sq:student.backbone.norm.bias", Stage::Optimizer), None);
    }

    #[test]
    fn without_rules_no_name_means_anything() {
        let proj = name("param:student.backbone.blocks.3.attn.proj");
        let none = NameRules::NONE;
        assert!(none.lender(Stage::Forward, &proj).is_none() && none.moment_of(&proj, Stage::Optimizer).is_none());
        assert_eq!(none.role(&proj), "param:student.backbone.blocks.3.attn.proj");
    }
}
