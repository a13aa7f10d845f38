"""A box as a local process: started on free loopback ports with its own data, read up to `ready`, stopped, killed."""

import os
import re
import signal
import ssl
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from .deadline import Deadline

LISTENER = re.compile(r"^listening (\w+) (\S+)$")
SETUP_CODE = re.compile(r"^setup code: ([0-9A-Z]{4}-[0-9A-Z]{4})$")
FREE_PORTS = [
    word for name in ("https", "http", "media", "turn", "federation") for word in (f"--{name}", "127.0.0.1:0")
]
# What the contract grants a stop; starting is bounded by what an impatient person waits.
STOP_WITHIN = 10.0
READY_WITHIN = 30.0


CHECKOUT = Path(__file__).resolve().parents[2]


def binary_path() -> Path:
    """The release binary. A missing one is an error, not a skipped suite."""
    path = Path(os.environ.get("CALLBOX_BIN", CHECKOUT / "target/release/callbox"))
    assert path.is_file(), f"there is no {path}; run `make release`, or set CALLBOX_BIN"
    return path


class Box:
    """One `callbox serve`. The data folder outlives the process, so a box can be started again."""

    def __init__(self, binary: Path, data_dir: Path, options: tuple[str, ...] = (), env: dict[str, str] | None = None):
        self.binary = binary
        self.data_dir = data_dir
        self.options = options
        self.env = {**os.environ, **(env or {})}
        self.lines: list[str] = []
        self.log_path = data_dir.with_name(data_dir.name + ".log")
        self._news = threading.Condition()
        self._closed = False
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> "Box":
        """Starts the process and returns when it has said `ready`."""
        self.launch()
        self.wait_for_line("ready", READY_WITHIN)
        return self

    def launch(self) -> None:
        if self._reader:
            # The last words of the process before must not count as this one's.
            self._reader.join(timeout=STOP_WITHIN)
        self.lines, self._closed = [], False
        command = [str(self.binary), "serve", "--data-dir", str(self.data_dir), *FREE_PORTS, *self.options]
        with open(self.log_path, "a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL, text=True, env=self.env
            )
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True)
        self._reader.start()

    def _read(self, process: subprocess.Popen[str]) -> None:
        with process.stdout:
            for line in process.stdout:
                with self._news:
                    self.lines.append(line.rstrip("\n"))
                    self._news.notify_all()
        with self._news:
            self._closed = True
            self._news.notify_all()

    def wait_for_line(self, line: str, within: float) -> None:
        deadline = Deadline(within)
        with self._news:
            while line not in self.lines:
                if self._closed or not self._news.wait(deadline.left()):
                    raise AssertionError(f"no line `{line}` from the box; stdout {self.lines}; log:\n{self.log()}")

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None, "the box was never started"
        return self._process

    def log(self) -> str:
        """Everything the box wrote to stderr, over all its starts."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def listeners(self) -> dict[str, str]:
        """Addresses by the name of their listener."""
        found = (LISTENER.match(line) for line in self.lines)
        return {match[1]: match[2] for match in found if match}

    @property
    def https(self) -> str:
        return self.listeners()["https"].rstrip("/")

    @property
    def http(self) -> str:
        return self.listeners()["http"].rstrip("/")

    @property
    def https_port(self) -> int:
        port = urlsplit(self.https).port
        assert port, self.https
        return port

    @property
    def setup_code(self) -> str:
        codes = [match[1] for match in map(SETUP_CODE.match, self.lines) if match]
        assert len(codes) == 1, f"one setup code expected: {self.lines}"
        return codes[0]

    def ca_file(self) -> Path:
        """The box's CA certificate, fetched once from its plain port as a phone would do it."""
        path = self.data_dir.with_name(self.data_dir.name + ".ca.pem")
        if not path.exists():
            response = httpx.get(f"{self.http}/ca.pem", trust_env=False)
            response.raise_for_status()
            path.write_bytes(response.content)
        return path

    def trust(self) -> ssl.SSLContext:
        """A TLS context that trusts this box's CA and nothing else."""
        return ssl.create_default_context(cafile=str(self.ca_file()))

    def signal_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def wait_stopped(self, within: float = STOP_WITHIN) -> int:
        """The exit code, once the process has ended; a box that does not end in time fails the test."""
        return self.process.wait(timeout=within)

    def stop(self) -> int:
        self.signal_stop()
        return self.wait_stopped()

    def kill(self) -> None:
        """As a power cut would: no clean-up of any kind."""
        self.process.kill()
        self.process.wait(timeout=STOP_WITHIN)

    def clean_up(self) -> None:
        if self._process and self._reader:
            self._process.kill()
            self._process.wait(timeout=STOP_WITHIN)
            self._reader.join(timeout=STOP_WITHIN)
