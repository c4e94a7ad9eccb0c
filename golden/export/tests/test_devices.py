"""Devices of torch, and those that a package adds."""

import importlib.util
import unittest
from unittest import mock

from dinov3_export import ENVIRONMENT, USAGE, ExportError, pins

HAS_TORCH = importlib.util.find_spec("torch") is not None


class ImportsTest(unittest.TestCase):
    def test_what_is_imported_for_a_device(self):
        self.assertEqual(pins.imports("cpu"), [])
        self.assertEqual(pins.imports("npu:1"), ["torch_npu"])
        self.assertEqual(pins.imports("npu", ["torch_npu"]), ["torch_npu"])
        self.assertEqual(pins.imports("musa", ["torch_musa"]), ["torch_musa"])

    def test_a_module_that_is_not_there_is_named(self):
        with mock.patch.object(pins, "PACKAGES", {}), self.assertRaisesRegex(ExportError, "no module `torch_xyz`") as caught:
            pins.require_packages("xyz", ["torch_xyz"])
        self.assertEqual(caught.exception.code, ENVIRONMENT)


@unittest.skipUnless(HAS_TORCH, "needs torch")
class DevicesTest(unittest.TestCase):
    def test_ranks_and_backends(self):
        from dinov3_export import devices

        self.assertEqual([devices.of_rank(d, 2, 4) for d in ("cpu", "cuda", "npu:1")], ["cpu", "cuda:2", "npu:3"])
        self.assertEqual(devices.of_rank("cuda:1", 0, 1), "cuda:1")
        self.assertEqual(devices.backend("cpu"), "gloo")
        self.assertEqual(devices.backend("npu:3"), "cpu:gloo,npu:hccl")
        self.assertEqual(devices.backend("privateuseone", "mccl"), "cpu:gloo,privateuseone:mccl")
        with self.assertRaisesRegex(ExportError, "no backend for the device privateuseone"):
            devices.backend("privateuseone")
        self.assertIsNone(devices.name("cpu"))

    def test_a_device_that_cannot_be_used_is_refused(self):
        from dinov3_export import devices

        devices.load("cpu", [])
        for device, code in (("xyz", USAGE), ("meta", ENVIRONMENT)):
            with self.assertRaises(ExportError) as caught:
                devices.load(device, [])
            self.assertEqual(caught.exception.code, code, caught.exception)
            self.assertTrue(caught.exception.hint)


if __name__ == "__main__":
    unittest.main()
