"""What the benchmarks share: a throw-away home with a running engine, percentiles, peers that are
installed apart, and rows for `tests/bench/run`."""
import json, os, shutil, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DAYFLY = os.environ.get("DAYFLY") or os.path.join(ROOT, "target", "dist", "dayfly")
if not os.path.exists(DAYFLY):
    sys.exit("first: cargo build --profile dist -p dayfly")


def row(what, measured, beside=""):
    """Prints a result, and hands it to `tests/bench/run` where that asks."""
    print(f"{what}: {measured}" + (f"; {beside}" if beside else ""), flush=True)
    if path := os.environ.get("DAYFLY_BENCH_ROWS"):
        with open(path, "a") as f:
            f.write(json.dumps([what, measured, beside]) + "\n")


def at(times, percent):
    """A percentile."""
    return sorted(times)[int((len(times) - 1) * percent / 100)]


def sessions(number, **more):
    """Sessions that need no cloud."""
    return {"sessions": [{"sessionId": f"s{n}", "sessionName": f"s{n}", "type": "localstack",
                          "profileName": f"p{n}", "region": "eu-west-1"} | more for n in range(number)]}


def peer(name, *packages):
    """The programs of a Python environment with these packages."""
    folder = os.path.join(ROOT, "target", "test-tools", "bench-" + name)
    mark = os.path.join(folder, "installed")
    if not os.path.exists(mark) or open(mark).read() != " ".join(packages):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        python = os.path.join(folder, "bin", "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages],
                       check=True)
        with open(mark, "w") as f:
            f.write(" ".join(packages))
    return os.path.join(folder, "bin")


class Home:
    """A home of its own; gone at the end, and its engine with it."""

    def __init__(self, workspace, config=""):
        # Two folders down, since the folder of the home is watched too, and others write to /tmp.
        self.outer = os.path.realpath(tempfile.mkdtemp(prefix="dayfly-bench-"))
        self.folder = os.path.join(self.outer, "own", "home")
        os.makedirs(self.folder)
        self.env = {"PATH": os.environ["PATH"], "HOME": self.folder, "DAYFLY_HOME": self.folder, "TZ": "UTC"}
        self.engine = None
        self.write("workspace.json", json.dumps(workspace))
        if config:
            self.write("dayfly.toml", config)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.outer)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        """At once, as editors do; the moment in milliseconds."""
        with open(self.path(name + ".part"), "w") as f:
            f.write(text)
        os.rename(self.path(name + ".part"), self.path(name))
        return time.time() * 1000

    def start(self, entries=0):
        """Runs the engine; how many seconds until it listens and these entries are in force."""
        begun = time.perf_counter()
        self.engine = subprocess.Popen([DAYFLY, "run", "-q"], env=self.env, stdout=subprocess.DEVNULL)
        while not os.path.exists(self.path("state", "engine.sock")):
            assert self.engine.poll() is None, "the engine ended"
            time.sleep(0.002)
        while len(json.loads(self.run("status", "--json"))["policies"]) < entries:
            time.sleep(0.01)
        return time.perf_counter() - begun

    def stop(self):
        if self.engine:
            self.engine.terminate()
            self.engine.wait()
            self.engine = None

    def run(self, *args):
        return subprocess.run([DAYFLY, *args], env=self.env, check=True, capture_output=True, text=True).stdout

    def wakes(self):
        """How often threads of the engine went to sleep so far, by thread."""
        found = {}
        for task in os.listdir(f"/proc/{self.engine.pid}/task"):
            with open(f"/proc/{self.engine.pid}/task/{task}/status") as f:
                lines = dict(line.split(":", 1) for line in f)
            found[lines["Name"].strip(), task] = int(lines["voluntary_ctxt_switches"])
        return found

    def resident(self):
        """MiB."""
        with open(f"/proc/{self.engine.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024
