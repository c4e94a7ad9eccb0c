"""What a compiled block rounds otherwise at fp32, which is why compiled code is recorded at bf16 alone."""

import sys
import unittest

from tests import reference


@reference.needed
class RotationTest(unittest.TestCase):
    """The reference rotates queries and keys in bfloat16 and rounds every product and sum. Inductor fuses them: the sum is rounded,
    and what is stored in between. Each element of a compiled rotation has the bits of exactly that."""

    @classmethod
    def setUpClass(cls):
        import torch

        sys.path.insert(0, reference.GIVEN)
        from dinov3.layers.attention import SelfAttention
        from dinov3.layers.rope_position_encoding import RopePositionEmbedding

        rope = RopePositionEmbedding(embed_dim=64, num_heads=2, base=100, dtype=torch.bfloat16)
        rope._init_weights()
        rope.eval()
        tables = rope(H=4, W=4)
        cls.query = torch.randn(2, 2, 17, 32, generator=torch.Generator().manual_seed(0))
        rotate = lambda query: SelfAttention.apply_rope(None, query, query, tables)[0]
        cls.eager, cls.compiled = rotate(cls.query), torch.compile(rotate)(cls.query)
        cls.sin, cls.cos = (table.float() for table in tables)

    def rotated(self, direct: bool, products: bool):
        """The rotation in float32 with some of its roundings: of the query before its product with the cosine, and of both products."""
        import torch

        to = lambda tensor, rounded=True: tensor.bfloat16().float() if rounded else tensor
        query, patches = to(self.query), to(self.query, direct)[:, :, 1:]
        first, second = query[:, :, 1:].chunk(2, dim=-1)
        half = torch.cat([-second, first], dim=-1)
        turned = to(to(patches * self.cos, products) + to(half * self.sin, products))
        return torch.cat([query[:, :, :1], turned], dim=-2)

    def test_eager_code_rounds_everything(self):
        self.assertTrue(bool((self.rotated(direct=True, products=True) == self.eager).all()))

    def test_compiled_code_rounds_what_it_stores(self):
        self.assertTrue(bool((self.rotated(direct=False, products=False) == self.compiled).all()))
        self.assertLess(float((self.eager == self.compiled).float().mean()), 0.9)
