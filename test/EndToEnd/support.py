"""What the end-to-end tests share: running the binaries, files, comparison.

The tests use the public contract only (commands, files, exit codes) and
Python's standard library. `NEAP_BIN` names the folder of the binaries and
`NEAP_TEST_DATA` the optional outside data; ctest sets the first.
"""
import array
import json
import math
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("NEAP_BIN", ROOT / "build" / "bin")).resolve()
DATA = Path(os.environ.get("NEAP_TEST_DATA", ROOT.parent / "shared" / "data"))
DEVICE = os.environ.get("NEAP_TEST_DEVICE", "host")
SKIPPED = 77  # ctest's SKIP_RETURN_CODE for these tests

sys.path.insert(0, str(ROOT / "models"))


def skip(reason):
    """Ends a test visibly: ctest lists it as skipped, with the reason."""
    print(f"SKIPPED: {reason}")
    sys.exit(SKIPPED)


def require_data(*parts):
    path = DATA.joinpath(*parts)
    if not path.exists():
        skip(f"{path} is absent (set NEAP_TEST_DATA to the folder of the test data)")
    return path


# Running -------------------------------------------------------------------


def run(*command, timeout=600, **options):
    """Runs a command and returns the completed process with text output."""
    return subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="replace", timeout=timeout, **options)


def checked(*command, **options):
    """Runs a command that must succeed; raises with its output otherwise."""
    done = run(*command, **options)
    if done.returncode:
        raise AssertionError(f"exit {done.returncode}: {' '.join(map(str, command))}\n"
                             f"{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done


def compile_job(model, lora, train, out, *extra, device=None):
    """`neap compile`; returns the folder with trainer, weights and plan."""
    checked(BIN / "neap", "compile", model, "--lora", lora, "--train", train,
            "--device", device or DEVICE, "-o", out, *extra)
    return Path(out)


def train_job(job, out, *extra):
    """`trainer train`; returns the log's step events."""
    log = Path(str(out) + ".log.jsonl")
    checked(Path(job) / "trainer", "train", "--out", out, "--log", log, *extra)
    return steps_of(log)


def events_of(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def steps_of(path):
    return [e for e in events_of(path) if e["event"] == "step"]


def plan_of(job):
    return json.loads((Path(job) / "plan.json").read_text())


def planned(plan, kind):
    """Planned bytes by the measure `kind`: anon, rss or cgroup."""
    return plan["peak"][kind]


def generate(path, *arguments):
    """A model with random weights from models/generate.py."""
    checked(sys.executable, ROOT / "models" / "generate.py", "-o", path, *arguments)
    return Path(path)


def device_with_threads(path, count, edit=None):
    """Probes this machine and writes its profile with `count` equal cores."""
    profile = json.loads(checked(BIN / "neap", "device", "probe").stdout)
    profile["clusters"] = profile["clusters"][:1]
    profile["clusters"][0]["count"] = count
    if edit:
        edit(profile)
    Path(path).write_text(json.dumps(profile))
    return Path(path)


# Specs and data ------------------------------------------------------------

LLAMA_TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def write_lora(path, targets=None, **fields):
    spec = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": 4, "lora_alpha": 8,
            "target_modules": targets or LLAMA_TARGETS, "bias": "none"}
    spec.update(fields)
    Path(path).write_text(json.dumps(spec))
    return Path(path)


def write_train(path, **fields):
    spec = {"per_device_train_batch_size": 2, "max_length": 32, "learning_rate": 0.01,
            "max_steps": 5, "lr_scheduler_type": "constant", "weight_decay": 0.01,
            "max_grad_norm": 0.0, "shuffle_dataset": False, "seed": 0}
    spec.update(fields)
    Path(path).write_text(json.dumps(spec))
    return Path(path)


def write_tokens(path, rows, length, vocabulary, seed=0, ignored=0.2):
    """Random token rows; labels equal the ids except a share of -100."""
    rng = random.Random(seed)
    ids = [rng.randrange(vocabulary) for _ in range(rows * length)]
    labels = [-100 if rng.random() < ignored else t for t in ids]
    write_safetensors(path, {"input_ids": ("I32", [rows, length], ids),
                             "labels": ("I32", [rows, length], labels)})
    return Path(path)


# Safetensors ---------------------------------------------------------------

CODES = {"F32": "f", "I32": "i", "F64": "d", "I64": "q"}


def read_safetensors(path):
    """{name: (shape, array)}; refuses what the format does not allow."""
    blob = Path(path).read_bytes()
    size, = struct.unpack_from("<Q", blob)
    header = json.loads(blob[8:8 + size])
    result, used = {}, 0
    for name, info in sorted(((k, v) for k, v in header.items() if k != "__metadata__"),
                             key=lambda item: item[1]["data_offsets"]):
        begin, end = info["data_offsets"]
        if begin != used:
            raise AssertionError(f"{path}: '{name}' starts at {begin}, expected {used}")
        values = array.array(CODES[info["dtype"]])
        values.frombytes(blob[8 + size + begin:8 + size + end])
        if len(values) != math.prod(info["shape"]):
            raise AssertionError(f"{path}: '{name}' has {len(values)} values for {info['shape']}")
        result[name], used = (info["shape"], values), end
    if 8 + size + used != len(blob):
        raise AssertionError(f"{path}: {len(blob) - 8 - size - used} bytes after the last tensor")
    return result


def write_safetensors(path, tensors):
    """Writes {name: (dtype, shape, values)}."""
    header, blob = {"__metadata__": {"format": "pt"}}, b""
    for name, (dtype, shape, values) in sorted(tensors.items()):
        data = array.array(CODES[dtype], values).tobytes()
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(blob), len(blob) + len(data)]}
        blob += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + blob)


def worst(errors):
    """The largest error; one that is not a number counts as infinite."""
    return max((math.inf if math.isnan(e) else e for e in errors), default=0.0)


def relative_error(found, expected):
    """Frobenius norm of the difference over that of the expected values, or
    the plain norm where the expected values are all zero."""
    difference = math.sqrt(sum((a - b) ** 2 for a, b in zip(found, expected)))
    size = math.sqrt(sum(b * b for b in expected))
    return (difference / size, False) if size else (difference, True)


def compare_tensors(found, expected, tolerance, zero_tolerance=1e-7):
    """Worst relative error over two safetensors files; raises beyond the tolerance."""
    found, expected = read_safetensors(found), read_safetensors(expected)
    if found.keys() != expected.keys():
        raise AssertionError(f"tensors differ: missing {sorted(expected.keys() - found.keys())[:3]}, "
                             f"unexpected {sorted(found.keys() - expected.keys())[:3]}")
    errors = []
    for name, (shape, values) in expected.items():
        if found[name][0] != shape:
            raise AssertionError(f"'{name}' has shape {found[name][0]}, expected {shape}")
        error, is_zero = relative_error(found[name][1], values)
        if not error <= (zero_tolerance if is_zero else tolerance):
            raise AssertionError(f"'{name}' is off by {error:.3g}, allowed "
                                 f"{zero_tolerance if is_zero else tolerance:.3g}")
        errors.append(error)
    return worst(errors)


# Workspaces ----------------------------------------------------------------


class Workspace:
    """A temporary folder, kept when NEAP_KEEP is set."""

    def __enter__(self):
        self.path = Path(tempfile.mkdtemp(prefix="neap-test-"))
        return self.path

    def __exit__(self, *_):
        if os.environ.get("NEAP_KEEP"):
            print(f"kept {self.path}")
        else:
            shutil.rmtree(self.path, ignore_errors=True)


class WorkspaceCase(unittest.TestCase):
    """Tests that share the temporary folder `work`."""

    @classmethod
    def setUpClass(cls):
        cls.work = cls.enterClassContext(Workspace())


class JobCase(WorkspaceCase):
    """Tests of `neap`'s commands on a small job."""
    device = DEVICE

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = generate(cls.work / "model.onnx", "--preset", "tiny")
        cls.lora = write_lora(cls.work / "lora.json")
        cls.train = write_train(cls.work / "train.json")

    def job(self, command, *extra, model=None, lora=None, train=None, device=None):
        """The command line of the job, with other inputs where they are given."""
        return [BIN / "neap", command, model or self.model, "--lora", lora or self.lora, "--train",
                train or self.train, "--device", self.device if device is None else device, *extra]
