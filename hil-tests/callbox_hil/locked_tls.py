"""A TLS socket that two threads may use. OpenSSL's connections are not safe for that, Python's `ssl` does not guard
them, and the Socket.IO client reads in one thread while it writes in another: under load it loses its connection."""

import select
import socket
import ssl
import threading


class LockedTls:
    """One TLS connection to a port of this machine. Reading waits without the lock, so that a writer is never held up."""

    def __init__(self, port: int, trust: ssl.SSLContext, within: float, receive_buffer: int | None = None):
        plain = socket.socket()
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.settimeout(within)
        plain.connect(("127.0.0.1", port))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tls = trust.wrap_socket(plain, server_hostname="localhost")
        self._tls.setblocking(False)
        self._timeout: float | None = within
        self._lock = threading.Lock()

    def recv(self, size: int) -> bytes:
        return self._do(lambda: self._tls.recv(size))

    def send(self, data: bytes) -> int:
        return self._do(lambda: self._tls.send(data))

    def _do(self, deed):
        while True:
            with self._lock:
                try:
                    return deed()
                except ssl.SSLWantReadError:
                    wanted = ([self._tls], [], [])
                except ssl.SSLWantWriteError:
                    wanted = ([], [self._tls], [])
            try:
                ready = select.select(*wanted, self._timeout)
            except ValueError as error:
                raise ConnectionAbortedError("closed by another thread") from error
            if not any(ready):
                raise TimeoutError("timed out")

    def settimeout(self, seconds: float | None) -> None:
        self._timeout = seconds

    def gettimeout(self) -> float | None:
        return self._timeout

    def fileno(self) -> int:
        return self._tls.fileno()

    def shutdown(self, how: int) -> None:
        self._tls.shutdown(how)

    def close(self) -> None:
        self._tls.close()
