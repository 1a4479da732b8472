"""Started by a service manager: sockets handed over, and word of being ready.

SPDX-License-Identifier: Apache-2.0
"""
import os
import socket

from harness import DEADLINE_S, Case, run_cli

# What systemd does between fork and exec: descriptors from 3 on, and the process's own number.
ACTIVATE = ["bash", "-c", 'exec 3<&"$1"; shift; export LISTEN_PID=$$; exec "$@"', "activate"]


class Activation(Case):
    def listener(self, address="127.0.0.1"):
        s = socket.create_server((address, 0))
        self.addCleanup(s.close)
        return s

    def test_serves_the_socket_that_it_is_given(self):
        listener = self.listener()
        port = listener.getsockname()[1]
        waiting = socket.create_connection(("127.0.0.1", port))  # before there is a server
        waiting.settimeout(DEADLINE_S)
        waiting.sendall(b"GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        s = self.server(prefix=[*ACTIVATE, str(listener.fileno())],
                        pass_fds=(listener.fileno(),), LISTEN_FDS=1, MCP_SSE_PORT=1)
        self.assertEqual(s.port, port)
        self.assertEqual(s.request("GET", "/api/health").status, 200)
        self.assertIn(b"200 OK", waiting.recv(4096))
        waiting.close()
        self.assertEqual(s.stop(), 0)

    def test_a_socket_that_others_can_reach_is_refused(self):
        listener = self.listener("0.0.0.0")
        with self.assertRaises(AssertionError) as failed:
            self.server(prefix=[*ACTIVATE, str(listener.fileno())],
                        pass_fds=(listener.fileno(),), LISTEN_FDS=1)
        self.assertIn("other machines could reach it", str(failed.exception))

    def test_variables_for_another_process_mean_nothing(self):
        s = self.server(LISTEN_PID=1, LISTEN_FDS=1)
        self.assertEqual(s.request("GET", "/api/health").status, 200)
        code, _, err = run_cli(self.folder, "list", LISTEN_PID=1, LISTEN_FDS=1)
        self.assertEqual(code, 0, err)

    def test_tells_the_manager(self):
        path = self.folder / "notify"
        manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(manager.close)
        manager.bind(os.fspath(path))
        manager.settimeout(DEADLINE_S)
        s = self.server(NOTIFY_SOCKET=path)
        self.assertEqual(manager.recv(100), b"READY=1")
        self.assertEqual(s.stop(), 0)
        self.assertEqual(manager.recv(100), b"STOPPING=1")
