//! Recipes on board: configs that need no file.

use std::path::Path;

use dinov3_config::merge::{self, MergeError, Merged};
use dinov3_ground::similar::most_like;

use crate::ProgramError;

/// A config of our own, which has what differs from the reference's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// Whether it trains on the photographs on board if no dataset is named.
    pub photographs: bool,
    yaml: &'static str,
}

/// All of them.
pub const RECIPES: [Recipe; 4] = [
    Recipe {
        name: "vitl16-published",
        about: "ViT-L/16 on ImageNet-1k, 100 epochs of 1250 iterations of 64 images a rank: the published accuracy run",
        photographs: false,
        yaml: include_str!("../recipes/vitl16-published.yaml"),
    },
    Recipe {
        name: "vitl16-performance",
        about: "the same for one epoch: the published performance run",
        photographs: false,
        yaml: include_str!("../recipes/vitl16-performance.yaml"),
    },
    Recipe {
        name: "vits16",
        about: "ViT-S/16 on ImageNet-1k, for one accelerator",
        photographs: false,
        yaml: include_str!("../recipes/vits16.yaml"),
    },
    Recipe {
        name: "micro-125k",
        about: "a ViT of width 32 on 36 photographs on board, for all 125000 iterations on a CPU",
        photographs: true,
        yaml: include_str!("../recipes/micro-125k.yaml"),
    },
];

impl Recipe {
    /// The recipe of this name.
    ///
    /// # Errors
    /// When there is none, with those that there are.
    pub fn named(name: &str) -> Result<&'static Self, ProgramError> {
        RECIPES.iter().find(|recipe| recipe.name == name).ok_or_else(|| {
            let names = RECIPES.map(|recipe| recipe.name);
            let hint = most_like(name, names).map(|meant| format!("did you mean `{meant}`?"));
            let hint = hint.unwrap_or_else(|| format!("there are {}", names.join(", ")));
            ProgramError::refused(format!("there is no recipe `{name}`"), hint)
        })
    }
}

/// Where a config comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A YAML file.
    File(String),
    /// A recipe on board.
    Recipe(&'static Recipe),
    /// The base config of several students, of which this rank trains one.
    Students {
        /// The YAML file.
        base: String,
        /// This rank, of all.
        rank: usize,
        /// How many there are.
        world: usize,
    },
}

impl Source {
    /// Its text for people.
    pub fn name(&self) -> String {
        match self {
            Self::File(path) | Self::Students { base: path, .. } => path.clone(),
            Self::Recipe(recipe) => format!("recipe {}", recipe.name),
        }
    }

    /// Whether it needs no dataset.
    pub fn trains_on_board(&self) -> bool {
        matches!(self, Self::Recipe(recipe) if recipe.photographs)
    }

    /// The defaults, this config and the overrides, merged.
    ///
    /// # Errors
    /// As [`merge::merged`].
    pub fn merged(&self, overrides: &[String]) -> Result<Merged, MergeError> {
        match self {
            Self::File(path) => merge::merged(Some(Path::new(path)), overrides),
            Self::Recipe(recipe) => merge::merged_text(&self.name(), recipe.yaml, overrides),
            Self::Students { base, rank, world } => {
                merge::merged_student(Path::new(base), overrides, *rank, *world, None).map(|student| student.merged)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use dinov3_config::SslConfig;
    use dinov3_data::config::{DataConfig, Ranks};

    use super::*;

    #[test]
    fn every_recipe_can_be_trained() {
        for recipe in &RECIPES {
            let merged = Source::Recipe(recipe).merged(&[]).unwrap();
            assert!(merged.unknown.is_empty(), "{}: {:?}", recipe.name, merged.unknown);
            let config = SslConfig::from_merged(&merged.config).unwrap();
            DataConfig::from_merged(&merged.config, Ranks { world: 1, subgroup: 1 }).unwrap();
            let iterations = if recipe.name == "vitl16-performance" { 1250 } else { 125_000 };
            assert_eq!(config.training.iterations(), iterations, "{}", recipe.name);
        }
    }

    #[test]
    fn another_name_is_refused_with_the_nearest() {
        let error = Recipe::named("vitl16").unwrap_err();
        assert_eq!(error.to_string(), "there is no recipe `vitl16`");
    }
}
