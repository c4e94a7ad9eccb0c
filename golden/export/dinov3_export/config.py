"""The reference's configuration, merged the way its own training program merges it."""

from pathlib import Path

from . import ExportError


def load(reference: Path, config_file: str | None, overrides: list[str]):
    """Default config, then the YAML, then `key=value` overrides (not in struct mode, as train.py does).
    No output folder is given, so no path of this machine gets in."""
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
