"""Runs the tests in a folder: cases of unittest, and functions `test_*` of modules `test_*.py`."""

import importlib
import sys
import types
import unittest
from pathlib import Path


def suite(folder):
    sys.path.insert(0, str(folder))
    loader, cases = unittest.defaultTestLoader, unittest.TestSuite()
    for path in sorted(folder.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        cases.addTest(loader.loadTestsFromModule(module))
        for name, value in vars(module).items():
            if name.startswith("test_") and isinstance(value, types.FunctionType):
                cases.addTest(unittest.FunctionTestCase(value, description=f"{path.stem}.{name}"))
    return cases


if __name__ == "__main__":
    sys.exit(not unittest.TextTestRunner().run(suite(Path(sys.argv[1]))).wasSuccessful())
