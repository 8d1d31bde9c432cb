"""A screen without a monitor, windows on it, and a hand at mouse and keyboard; and the agent's own process."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from Xlib import X, display

from portal.agent import credentials
from portal.agent.credentials import Credentials
from portal.agent.home import Home
from portal.agent.queue import Queue
from portal.agent.sealed import box

PROJECT = Path(__file__).resolve().parent.parent.parent
QUICK = ("--ask-every", "0.3", "--send-every", "0.4")


class Desktop:
    """`with Desktop() as desktop:` is there until the block ends."""

    def __enter__(self):
        reading, writing = os.pipe()
        command = ["Xvfb", "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-displayfd", str(writing)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, pass_fds=[writing], **quiet)
        os.close(writing)
        assert select.select([reading], [], [], 10)[0], "Xvfb did not start"
        with open(reading) as number:
            # To the end of the line: a pipe that closes before ends Xvfb.
            self.name = f":{number.readline().strip()}"
        self.screen = display.Display(self.name)
        return self

    def __exit__(self, *exception):
        self.screen.close()
        self.process.terminate()
        self.process.wait(timeout=10)

    def window(self, app, title):
        """Open a window and give it the focus, as a click on it would."""
        root = self.screen.screen().root
        window = root.create_window(0, 0, 400, 300, 0, X.CopyFromParent)
        window.set_wm_class(app.lower(), app)
        window.set_wm_name(title)
        window.map()
        self.screen.sync()
        self.give_focus(window)
        return window

    def give_focus(self, window):
        window.set_input_focus(X.RevertToParent, X.CurrentTime)
        self.screen.sync()

    def do(self, *acts):
        """Move, click and type, as xdotool's commands: "mousemove 10 20", "click 1"."""
        for act in acts:
            subprocess.run(["xdotool", *act.split()], env={"DISPLAY": self.name}, check=True, timeout=20)
        time.sleep(0.5)  # until it has been heard, before something else comes to the front


def eventually(holds, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


class Agent:
    """The agent of one computer; `enrol` gives it its token without the code."""

    def __init__(self, path, desktop, origin):
        self.home, self.desktop, self.origin = Home(path / "agent"), desktop, origin
        self.log = path / "agent.log"
        self.process = None

    def enrol(self, token, refresh="", source="agent"):
        sealing = box(self.home.make())
        credentials.save(self.home, sealing, Credentials(self.origin, source, token, refresh))

    def call(self, *arguments, DISPLAY="", **over):
        command = [sys.executable, "-m", "portal.agent", "--home", str(self.home.path), *arguments]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PROJECT), "DISPLAY": DISPLAY or self.desktop.name}
        return subprocess.Popen(command, env=environment, text=True, **over)

    def say(self, *arguments):
        """Call a command and return its exit code and what it wrote."""
        process = self.call(*arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        written, _nothing = process.communicate(timeout=30)
        return process.returncode, written

    def start(self, *options, **over):
        self.home.status.unlink(missing_ok=True)
        with self.log.open("ab") as sink:
            self.process = self.call("run", *(options or QUICK), stdout=sink, stderr=sink, **over)
        return self

    def stop(self, by=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(by)
        return self.process.wait(timeout=20) if self.process else 0

    def threads(self):
        return len(list(Path(f"/proc/{self.process.pid}/task").iterdir()))

    def status(self):
        try:
            return json.loads(self.home.status.read_bytes())
        except FileNotFoundError:
            return {}

    def until(self, holds, seconds=15.0):
        """Wait until the status holds what is asked of it; return it."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            said = self.status()
            if said and holds(said):
                return said
            time.sleep(0.03)
        raise AssertionError(f"{self.status()}\n{self.log.read_text()}")

    def listens(self):
        self.until(lambda said: said["state"] == "recording" and said["listeners"])
        time.sleep(0.2)  # until the X server has heard of it

    def sends_all(self):
        """Wait until what was done has been sent."""
        return self.until(lambda said: said["sent"] and not said["queued"])

    def queued(self):
        """Return the events that wait, read as the agent itself would."""
        queue, events = Queue(self.home.queue, box(self.home)), []
        while waiting := queue.next():
            events += waiting[1]
            queue._files.pop(0)
        return events


class Cable:
    """A way to the portal that can be pulled out."""

    def __init__(self, port):
        self.port, self.listening, self.ends = port, None, []
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.own = free.getsockname()[1]

    @property
    def origin(self):
        return f"http://127.0.0.1:{self.own}"

    def plug(self):
        self.listening = socket.create_server(("127.0.0.1", self.own))
        threading.Thread(target=self._accept, args=[self.listening], daemon=True).start()

    def pull(self):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        for end in self.ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self, listening):
        with contextlib.suppress(OSError):
            while True:
                near, _address = listening.accept()
                far = socket.create_connection(("127.0.0.1", self.port))
                self.ends += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=[one, other], daemon=True).start()

    def _carry(self, one, other):
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
