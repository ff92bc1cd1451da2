"""A headless Chromium, driven over a pipe with the DevTools protocol.

Needs Debian's `chromium` and nothing else: commands go in and events come out
as JSON documents that end in a zero byte, on file descriptors 3 and 4.
"""
import base64
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

DEADLINE_S = 120


def find_browser():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    sys.exit("error: no Chromium: tools/scripts/install_dependencies.sh --tests installs it")


class Browser:
    """One page. `messages` are those of its console, `requests` what it asked the network for."""

    def __init__(self, width=1500, height=950):
        self.messages, self.requests = [], []
        self.counter, self.results, self.buffer, self.session = 0, {}, b"", None
        self.loaded = False
        browser = find_browser()
        self.profile = tempfile.mkdtemp(prefix="attnc-browser-")
        to_read, to_write = os.pipe()
        from_read, from_write = os.pipe()
        # No sandbox: tests run as root in containers; the page is our own.
        command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu",
                   "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
                   "--disable-extensions", "--hide-scrollbars", "--remote-debugging-pipe",
                   f"--user-data-dir={self.profile}", f"--window-size={width},{height}",
                   "about:blank"]
        # Chromium expects its pipes at fixed numbers.
        script = f'exec 3<&{to_read} 4>&{from_write}; exec "$@"'
        self.process = subprocess.Popen(
            ["bash", "-c", script, "bash", *command], pass_fds=(to_read, from_write),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        os.close(to_read)
        os.close(from_write)
        self.input, self.output = to_write, from_read
        try:
            self.attach()
        except BaseException:
            self.__exit__()
            raise

    def find_page(self):
        targets = self.call("Target.getTargets")["targetInfos"]
        return next((target for target in targets if target["type"] == "page"), None)

    def attach(self):
        page = self.poll(self.find_page, lambda page: page, "a page")
        self.session = self.call("Target.attachToTarget", targetId=page["targetId"],
                                 flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self.input)
        os.close(self.output)
        shutil.rmtree(self.profile, ignore_errors=True)

    def call(self, method, **parameters):
        self.counter += 1
        message = {"id": self.counter, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.input, data):]
        number = self.counter
        self.wait(lambda: number in self.results, method)
        result = self.results.pop(number)
        if "error" in result:
            raise RuntimeError(f"{method}: {result['error']['message']}")
        return result["result"]

    def wait(self, is_done, what):
        end = time.monotonic() + DEADLINE_S
        while not is_done():
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.output], [], [], left)[0]:
                raise TimeoutError(f"{what}: no answer in {DEADLINE_S} s")
            data = os.read(self.output, 1 << 16)
            if not data:
                raise RuntimeError(f"{what}: the browser has ended")
            self.buffer += data
            *documents, self.buffer = self.buffer.split(b"\0")
            for document in documents:
                self.receive(json.loads(document))

    def receive(self, message):
        if "id" in message:
            self.results[message["id"]] = message
            return
        method, parameters = message["method"], message.get("params", {})
        if method == "Page.loadEventFired":
            self.loaded = True
        elif method == "Runtime.consoleAPICalled":
            self.messages.append(str([part.get("value") for part in parameters["args"]]))
        elif method == "Runtime.exceptionThrown":
            self.messages.append(parameters["exceptionDetails"]["text"])
        elif method == "Log.entryAdded":
            self.messages.append(parameters["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])

    def open(self, url):
        self.loaded = False
        self.call("Page.navigate", url=url)
        self.wait(lambda: self.loaded, url)

    def poll(self, look, is_right, what):
        """What `look` sees as soon as it is right: events come after the calls that cause them."""
        end = time.monotonic() + DEADLINE_S
        while not is_right(seen := look()):
            if time.monotonic() > end:
                raise AssertionError(f"{what}: after {DEADLINE_S} s it is {seen}")
            time.sleep(0.05)
        return seen

    def expect(self, script, value):
        """The expression comes to have the value."""
        self.poll(lambda: self.run(script), lambda seen: seen == value, f"{script} to be {value}")

    def run(self, script):
        """The value of a JavaScript expression."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(f"{script}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def press(self, key, code=0):
        event = {"key": key, "windowsVirtualKeyCode": code}
        if len(key) == 1:
            event["text"] = key
        self.call("Input.dispatchKeyEvent", type="keyDown", **event)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def click(self, selector):
        x, y = self.run(f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            element.scrollIntoView({{block: "center"}});
            const box = element.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
        }})()""")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def set_scheme(self, scheme):
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def set_scripts(self, are_on):
        self.call("Emulation.setScriptExecutionDisabled", value=not are_on)

    def screenshot(self, path):
        data = self.call("Page.captureScreenshot", format="png")["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))
