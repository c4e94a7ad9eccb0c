"""The DINOv3 conformance harness: the command `dinov3-harness`, and the recorder for a training in Python.

The command runs on the PyTorch 2.8 that this interpreter has, and compiles nothing. `watch` records a training that runs in this
process; it needs PyTorch too, so it is imported when it is asked for.
"""

__all__ = ["watch"]


def __getattr__(name):
    if name == "watch":
        from dinov3_export import watch

        return watch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
