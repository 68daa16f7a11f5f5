"""A fresh memory control group for one process (cgroup v1 or v2, root only)."""
import os
from pathlib import Path

V1, V2 = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")


class MemoryGroup:
    """Limits the memory of what runs in it; swap is off. Use as a context."""

    def __init__(self, limit_bytes):
        self.limit = limit_bytes
        name = f"neap-test-{os.getpid()}"
        if (V1 / "memory.limit_in_bytes").exists():
            self.path, self.version = V1 / name, 1
        elif "memory" in read(V2 / "cgroup.subtree_control").split():
            self.path, self.version = V2 / name, 2
        else:
            raise OSError("no memory controller is mounted")

    def __enter__(self):
        self.path.mkdir()
        try:
            if self.version == 1:
                self.write("memory.limit_in_bytes", self.limit)
                self.write("memory.swappiness", 0)
                if (self.path / "memory.memsw.limit_in_bytes").exists():
                    self.write("memory.memsw.limit_in_bytes", self.limit)
            else:
                self.write("memory.max", self.limit)
                if (self.path / "memory.swap.max").exists():
                    self.write("memory.swap.max", 0)
        except OSError:
            self.path.rmdir()
            raise
        return self

    def __exit__(self, *_):
        self.path.rmdir()

    def write(self, name, value):
        (self.path / name).write_text(str(value))

    def command(self, *command):
        """Runs the command inside: a shell enters the group and becomes it."""
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self.path / "cgroup.procs"),
                *map(str, command)]

    def peak_bytes(self):
        """Highest charge so far, or None where the kernel does not keep it."""
        name = "memory.max_usage_in_bytes" if self.version == 1 else "memory.peak"
        text = read(self.path / name)
        return int(text) if text else None

    def times_limited(self):
        """How often the charge met the limit; reclaim of clean pages counts."""
        if self.version == 1:
            return int(read(self.path / "memory.failcnt"))
        return dict(line.split() for line in read(self.path / "memory.events").splitlines()).get("max")


def read(path):
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def evict(*paths):
    """Drops the files' pages from the page cache, so that the group is charged for them."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(descriptor)
