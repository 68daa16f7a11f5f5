# lit configuration of every .mlir test.
import os

import lit.formats

config.name = "neap"
config.test_format = lit.formats.ShTest(not os.environ.get("NEAP_LIT_EXTERNAL"))
config.suffixes = [".mlir"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(lit_config.params["build"], "test")
build = lit_config.params["build"]
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(build, "bin"), os.path.join(build, "test")]
    + [lit_config.params["llvm"], config.environment["PATH"]]
)
