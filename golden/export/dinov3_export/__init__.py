"""Records golden sets from a checkout of the reference. `golden/README.md` describes the sets."""

EXPORTER_VERSION = 1
SCHEMA_VERSION = 1
REPOSITORY = "facebookresearch/dinov3"
COMMIT = "cb054165e9ec6bd86dbae674416eb36c8349adcb"
# What git calls the folder `dinov3` of that commit.
TREE = "d5ba4762795d72b9043c5eeb664a2025ccc4ea1e"

# Exit codes of the whole project: 0 done, 1 a check failed, 2 wrong usage or input, 3 the environment lacks something.
FAILED, USAGE, ENVIRONMENT = 1, 2, 3


class ExportError(Exception):
    """An error with its message, a hint for the user, and the exit code of its kind."""

    def __init__(self, message: str, hint: str = "", code: int = USAGE):
        super().__init__(message)
        self.hint = hint
        self.code = code


def watch(model, optimizer, golden, out, precision, **options):
    """Records one step of a training script of your own as a candidate:

        from dinov3_export import watch
        for iteration, data in watch(model, optimizer, "golden/sets/train_micro_10", "candidate", "bf16"):
            ...  # the body of the script's own loop

    `watching.Watch` has the options. The modules that the script has made are watched as they are."""
    from .watching import Watch  # It imports torch, which the recorder's command line does not.

    return Watch(model, optimizer, golden, out, precision, **options)
