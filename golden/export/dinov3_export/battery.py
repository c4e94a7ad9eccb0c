"""The set `losses`: every loss function of the reference by itself, including options that no training set uses."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import torch
from torch import nn

from .driver import on_device
from .entries import seen
from .hooks import widened_casts
from .names import named
from .replicas import moved
from .spread import Spread

# Prototypes of the DINO and iBOT cases; the teacher's temperature in the cases that centre by a mean.
K, TEMPERATURE = 64, 0.07
GRID, STUDENT_GRID = 8, 4


@dataclass
class Case:
    """`run` takes the tensors drawn in these shapes and the batch's float type, and returns the recorded values: the
    case's value under the empty name, further values under other names. `gradient`: whether the gradient of the value's
    sum with respect to the first tensor is recorded. `bfloat16`: whether torch computes the case on the host in that
    type."""

    name: str
    shapes: tuple[tuple[int, ...], ...]
    run: Callable[..., dict[str, torch.Tensor]]
    gradient: bool = False
    bfloat16: bool = True


class Battery:
    """The cases in their order, at one float type and on one device. Modules hold float32 unless the float type is wider."""

    def __init__(self, dtype: torch.dtype, device: str = "cpu") -> None:
        self._dtype, self._device = dtype, device

    def _module(self, module: nn.Module) -> nn.Module:
        if hasattr(module, "init_weights"):
            module.init_weights()
        return (module.double() if self._dtype == torch.float64 else module).to(self._device)

    def cases(self) -> Iterator[Case]:
        """All cases. The number of a case decides its seed."""
        yield from self._clusters()
        yield from self._koleo()
        yield from self._gram()
        yield from self._resizing()

    def _clusters(self) -> Iterator[Case]:
        from dinov3.loss import DINOLoss, iBOTPatchLoss

        dino, ibot = (lambda: self._module(DINOLoss(K))), (lambda: self._module(iBOTPatchLoss(K)))

        def centred(make):
            def run(teacher):
                loss = make()
                loss.update_center(teacher)
                return {"": loss.softmax_center_teacher(teacher, TEMPERATURE), "center": loss.center}
            return run

        def masked(student, teacher):
            masks = torch.zeros(30, dtype=torch.bool, device=student.device)
            masks[torch.tensor([0, 3, 6, 9, 10, 13, 16, 19])] = True
            return {"": ibot().forward_masked(student, teacher.softmax(-1), masks.view(3, 10))}

        def unmasked(student, teacher):
            masks = torch.arange(30, device=student.device).view(3, 10) % 3 == 0
            masks[2] = False
            return {"": ibot()(student, teacher.softmax(-1), masks)}

        def pairs(ignore):
            # The reference's teacher is float32 wherever it comes from, and its sum over pairs takes no two types.
            return lambda student, teacher: {"": dino()(student, teacher.softmax(-1).float(), ignore_diagonal=ignore)}

        def assigned(teacher):
            count = torch.tensor([len(teacher)], device=teacher.device)
            return {"": ibot().sinkhorn_knopp_teacher(teacher, 0.05, n_masked_patches_tensor=count)}

        yield Case("dino.softmax_center", ((12, K),), centred(dino))
        yield Case("ibot.softmax_center", ((3, 10, K),), centred(ibot))
        yield Case("ibot.forward", ((3, 10, K), (3, 10, K)), unmasked, True)
        yield Case("ibot.forward_masked", ((8, K), (8, K)), masked, True)
        yield Case("dino.pairs", ((3, 5, K), (2, 5, K)), pairs(False), True)
        yield Case("dino.pairs_ignore_diagonal", ((3, 5, K), (2, 5, K)), pairs(True), True)
        yield Case("sinkhorn.dino", ((12, K),), lambda t: {"": dino().sinkhorn_knopp_teacher(t, 0.05)})
        yield Case("sinkhorn.ibot", ((9, K),), assigned)

    def _koleo(self) -> Iterator[Case]:
        from dinov3.loss import KoLeoLoss, KoLeoLossDistributed

        def spaced(make):
            return lambda x: {"": self._module(make())(x)}

        yield Case("koleo", ((9, 16),), spaced(KoLeoLoss), True)
        yield Case("koleo.distributed_topk1", ((8, 16),), spaced(lambda: KoLeoLossDistributed(topk=1)), True)
        yield Case("koleo.distributed_topk3", ((8, 16),),
                   spaced(lambda: KoLeoLossDistributed(topk=3, loss_group_size=8)), True)

    def _gram(self) -> Iterator[Case]:
        from dinov3.loss import GramLoss

        def compared(norm, image, negatives):
            loss = GramLoss(apply_norm=norm == "norm", img_level=image == "image", remove_neg=negatives == "noneg",
                            remove_only_teacher_neg=negatives == "noteacherneg")
            return lambda student, teacher: {"": self._module(loss)(student, teacher, img_level=image == "image")}

        options = itertools.product(("norm", "raw"), ("image", "batch"), ("all", "noneg", "noteacherneg"))
        for norm, image, negatives in options:
            yield Case(f"gram.{norm}.{image}.{negatives}", ((2, 6, 16), (2, 6, 16)), compared(norm, image, negatives), True)

    def _resizing(self) -> Iterator[Case]:
        for mode, antialias in itertools.product(("bicubic", "bilinear"), ("plain", "antialias")):
            yield Case(f"gram.resize.{mode}.{antialias}", ((2, GRID**2, 16),),
                       lambda t, mode=mode, antialias=antialias: {"": resized(t, mode, antialias == "antialias")},
                       bfloat16=antialias == "plain")


def resized(patches: torch.Tensor, mode: str, antialias: bool) -> torch.Tensor:
    """[n, 8 · 8, D] -> [n, 4 · 4, D] by the reference's own method, called on an object with only the attributes that
    it reads."""
    from dinov3.train.ssl_meta_arch import SSLMetaArch

    side = 2
    model = SimpleNamespace(
        gram_ema_teacher=False, gram_teacher_initialized=True, gram_tokens_used="all",
        gram_teacher=SimpleNamespace(backbone=lambda images, is_training: {"x_norm_patchtokens": patches}),
        cfg=SimpleNamespace(student=SimpleNamespace(patch_size=side)),
        gram_global_teacher_resize_method=mode, gram_global_teacher_resize_antialias=antialias,
    )
    student = patches.new_zeros(1, len(patches), STUDENT_GRID**2, patches.shape[-1])
    found = SSLMetaArch.get_gram_teacher_output(
        model, patches.new_zeros(1, len(patches), 3, GRID * side, GRID * side), masks=None, teacher_global=None,
        student_global={"patch_pre_head": student}, student_global_crops_size=STUDENT_GRID * side,
    )
    return found["teacher_patches"]


def run(seed: int, dtype: torch.dtype, sink, moving: torch.Generator | None = None, device: str = "cpu") -> list[str]:
    """Runs every case; `moving` first moves the drawn tensors by one ulp. Returns the entries that torch does not
    compute in this type."""
    absent = []
    for number, case in enumerate(Battery(dtype, device).cases()):
        if dtype == torch.bfloat16 and not case.bfloat16:
            absent.append(named("loss", case.name))
            continue
        torch.manual_seed(seed + number)
        drawn = [torch.randn(shape, dtype=torch.float32) for shape in case.shapes]
        tensors = [(tensor if moving is None else moved(tensor, moving)).to(device, dtype) for tensor in drawn]
        tensors[0].requires_grad_(case.gradient)
        values = case.run(*tensors)
        for name, value in values.items():
            # `dino.softmax_center` with `center` is `dino.center`.
            shown = f"{case.name.rpartition('.')[0]}.{name}" if name else case.name
            sink(named("loss", shown), "loss", value)
        if case.gradient:
            values[""].sum().backward()
            sink(named("grad", case.name), "backward", tensors[0].grad)
    return absent


def record(session, out: Path) -> None:
    """Fills the session's store. In float32 it also measures the spread against the truth in `out`."""
    recipe, replicas = session.recipe, session.job["replicas"]
    with widened_casts(session.job["precision"] == "truth"), on_device(session.job["device"]):
        session.absent = run(recipe["seed"], session.dtype, session.store.add, device=session.job["device"])
        session.say("every case done")
        if not replicas:
            return
        spread = Spread(out)

        def see(name: str, _stage: str, tensor: torch.Tensor) -> None:
            seen(name, tensor, recipe["sample_limit"], spread)

        for replica in range(replicas):
            run(recipe["seed"], session.dtype, see, torch.Generator().manual_seed(recipe["seed"] + 1000 + replica))
            spread.end_run()
        session.store.add_spread(spread)
