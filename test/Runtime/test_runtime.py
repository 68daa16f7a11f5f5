#!/usr/bin/env python3
"""Runs every test of the runtime; see the CMakeLists.txt beside it."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    if not os.path.exists(os.environ.get('NEAP_TEST_PROGRAMS', '')):
        sys.exit('error: expected NEAP_TEST_PROGRAMS to name the folder of the '
                 'built test trainers')
    sys.path.insert(0, HERE)
    sys.dont_write_bytecode = True
    pattern = sys.argv[1] if len(sys.argv) > 1 else 'test_*.py'
    loader = unittest.TestLoader()
    suite = unittest.TestSuite(
        loader.loadTestsFromName(name[:-3]) for name in sorted(os.listdir(HERE))
        if name.startswith('test_') and name != 'test_runtime.py'
        and (pattern == 'test_*.py' or pattern in name))
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    sys.exit(0 if result.wasSuccessful() else 1)


if __name__ == '__main__':
    main()
