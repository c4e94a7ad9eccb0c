"""The choice of the stored elements of a large tensor. Needs no torch."""

import math


def stride(elements: int, limit: int) -> int:
    """Step between stored elements: ceil(elements / limit), made odd, since an even step over a width that is a power
    of two would visit only some of the channels. 1 if all elements fit; a limit of 0 means no limit."""
    if limit == 0 or elements <= limit:
        return 1
    step = math.ceil(elements / limit)
    return step if step % 2 else step + 1
