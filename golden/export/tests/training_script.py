"""A training script as somebody may have it: the reference's objects, a loop of its own. Two marked lines of it record a step. `python training_script.py REFERENCE GOLDEN OUT`."""

import copy
import json
import sys
from pathlib import Path

reference, golden, out = sys.argv[1:]
sys.path[:0] = [reference, str(Path(__file__).resolve().parents[1])]

import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402
from omegaconf import OmegaConf  # noqa: E402

from dinov3_export import watch  # noqa: E402  the first line
from dinov3_export.build import add_micro_architectures  # noqa: E402

torch._dynamo.config.disable = True
torch.set_num_threads(2)
# A port to a host without CUDA.
torch.Tensor.cuda = lambda tensor, **_: tensor

from dinov3.configs import config  # noqa: E402
from dinov3.distributed import torch_distributed_wrapper  # noqa: E402
from dinov3.train import train  # noqa: E402
from dinov3.train.ssl_meta_arch import SSLMetaArch  # noqa: E402


def main() -> None:
    add_micro_architectures()
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    torch_distributed_wrapper._DEFAULT_PROCESS_GROUP = dist.group.WORLD
    cfg = OmegaConf.create(json.loads((Path(golden) / "manifest.json").read_text())["recipe"]["config"])
    cfg.compute_precision.param_dtype = "fp32"
    model = SSLMetaArch(cfg)
    model.to_empty(device="cpu")
    model.init_weights()
    model.train()
    optimizer = train.build_optimizer(cfg, model.get_params_groups())
    scaled = config.apply_scaling_rules_to_cfg(copy.deepcopy(cfg))
    lrs, wds, momenta, temperatures, last_lrs = train.build_schedulers(scaled)
    curves = {"lr": lrs, "weight_decay": wds, "momentum": momenta, "teacher_temp": temperatures, "last_layer_lr": last_lrs}
    for it, data in watch(model, optimizer, golden, out, "fp32", schedules=curves):  # the second line
        train.apply_optim_scheduler(optimizer, lrs[it], wds[it], last_lrs[it])
        optimizer.zero_grad(set_to_none=True)
        model.forward_backward(data, teacher_temp=temperatures[it], iteration=it)
        for part in model.student.values():
            torch.nn.utils.clip_grad_norm_(part.parameters(), max_norm=cfg.optim.clip_grad)
        optimizer.step()
        model.update_ema(momenta[it])


if __name__ == "__main__":
    main()
