"""Makes a patched copy of a checkout, with the defects of a published port: an average that is computed beside the teacher and
never reaches it, and totals of meters in float32. Written anew, after a description of them."""

import shutil
from pathlib import Path

AVERAGE = '''

def _update_ema(self, m):
    if getattr(self, "ema_lists", None) is None:
        parts = [(self.student[key], self.model_ema[key]) for key in self.student.keys()]
        self.ema_lists = ([p for s, _ in parts for p in s.parameters()], [p for _, t in parts for p in t.parameters()])
    students, teachers = self.ema_lists
    with torch.no_grad():
        torch._foreach_mul_(teachers, m)
        # Out of place, and under a name that nobody reads.
        self.ema_list = torch._foreach_add(teachers, students, alpha=1 - m)


SSLMetaArch.update_ema = _update_ema
'''

TOTALS = '''

def _synchronize(self):
    if not distributed.is_enabled():
        return
    count = torch.tensor([self.count], dtype=torch.int64)
    total = torch.tensor([self.total], dtype=torch.float32)
    torch.distributed.all_reduce(count)
    torch.distributed.all_reduce(total)
    self.count, self.total = int(count.item()), total.item()


SmoothedValue.synchronize_between_processes = _synchronize
'''

PATCHES = {"dinov3/train/ssl_meta_arch.py": AVERAGE, "dinov3/logging/helpers.py": TOTALS}


def copy(reference: Path, target: Path) -> Path:
    """A patched copy of the checkout's package, without git."""
    shutil.copytree(reference / "dinov3", target / "dinov3", ignore=shutil.ignore_patterns("__pycache__"))
    for name, addition in PATCHES.items():
        with (target / name).open("a", encoding="utf-8") as file:
            file.write(addition)
    return target
