"""The reference's configuration, merged as the reference's training program merges it."""

from pathlib import Path

from . import ExportError

# The name of a distillation teacher's config in a recipe. The file is written in the working folder of the recording.
TEACHER = "teacher.yaml"


def load(reference: Path, config_file: str | None, overrides: list[str]):
    """Merges the default config, the YAML and the `key=value` overrides (not in struct mode, as train.py does). No
    output folder is given, so that the config holds no path of this machine."""
    from dinov3.configs import DinoV3SetupArgs, get_cfg_from_args, get_default_config
    from omegaconf import OmegaConf

    if config_file is None:
        return OmegaConf.merge(get_default_config(), OmegaConf.from_cli(list(overrides)))
    path = reference / config_file
    if Path(config_file).is_absolute() or not path.is_file():
        raise ExportError(f"the reference has no config file `{config_file}`", "give its path inside the checkout")
    arguments = DinoV3SetupArgs(config_file=str(path), output_dir=None, opts=list(overrides))
    return get_cfg_from_args(arguments, strict=False)


def as_json(cfg) -> dict:
    """The merged config as plain values."""
    from omegaconf import OmegaConf

    return OmegaConf.to_container(cfg, resolve=True)


def distillation(cfg, overrides: list[str], path: Path) -> dict | None:
    """If the config distils from a teacher: writes the teacher's YAML, made of these overrides, to `path`, sets the
    path in the config, and returns the teacher's config as the reference merges it."""
    if not cfg.distillation.enabled:
        if overrides:
            raise ExportError("teacher_overrides are given, but distillation.enabled is not set")
        return None
    if cfg.distillation.full_cfg_path != TEACHER or not overrides:
        raise ExportError(f"the teacher's config is `{cfg.distillation.full_cfg_path}`",
                          f"write distillation.full_cfg_path={TEACHER}, and what it is in teacher_overrides")
    from dinov3.configs import get_default_config
    from omegaconf import OmegaConf

    OmegaConf.save(OmegaConf.from_cli(list(overrides)), path)
    cfg.distillation.full_cfg_path = str(path)
    return as_json(OmegaConf.merge(get_default_config(), OmegaConf.load(path)))
