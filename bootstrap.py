"""Make the environment of this source folder: `python3 bootstrap.py run` or `... dev`.

Only the standard library, and only words that an old Python understands, so that it can say which
one is needed. Installs exactly what the lock files name, each file checked against its hash, and
does nothing while they are what was installed last.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(HERE, ".venv")
STAMP = os.path.join(VENV, "installed.txt")
LOCKS = {
    "run": ("requirements.lock", "requirements-build.lock"),
    "dev": ("requirements-dev.lock",),
}
NEEDED_MB = 1500


def main(purpose):
    """Bring the environment up to date for `purpose`; return the exit status."""
    if sys.version_info < (3, 11):
        return refuse(
            "AI Doctor needs Python 3.11 or newer, and this is {}.{}.".format(*sys.version_info),
            "Install a newer one, or name it: make run PYTHON=/path/to/python3.11",
        )
    wanted = fingerprint(purpose)
    if wanted in installed():
        return 0
    free = shutil.disk_usage(HERE).free // 1_000_000
    if free < NEEDED_MB:
        return refuse(
            f"The environment needs {NEEDED_MB} MB of disk and {free} MB are free.",
            "Free some space and run this again.",
        )
    return make() or install(purpose) or note(wanted, purpose)


def fingerprint(purpose):
    """What an environment for `purpose` is made of, as one word."""
    total = hashlib.sha256(sys.version.encode())
    for name in (*LOCKS[purpose], "pyproject.toml"):
        with open(os.path.join(HERE, name), "rb") as file:
            total.update(file.read())
    return total.hexdigest()


def installed():
    """The fingerprints that the environment satisfies."""
    try:
        with open(STAMP) as file:
            return file.read().split()
    except OSError:
        return []


def note(wanted, purpose):
    """Remember what is installed; an environment for development also runs."""
    met = [wanted, fingerprint("run")] if purpose == "dev" else [wanted]
    with open(STAMP, "w") as file:
        file.write("\n".join(met))
    return 0


def python():
    """The environment's own Python."""
    folder = "Scripts" if os.name == "nt" else "bin"
    return os.path.join(VENV, folder, "python")


def make():
    """Create the environment where there is none."""
    if os.path.exists(python()) and works([python(), "-m", "pip", "--version"]):
        return 0
    say("Creating the environment in .venv ...")
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", VENV],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if made.returncode == 0:
        return 0
    shutil.rmtree(VENV, ignore_errors=True)
    if "No space left" in made.stdout:
        return refuse("The disk is full.", "Free some space and run this again.")
    return refuse(
        "Python's venv module is missing or broken.",
        "Install it (Debian and Ubuntu: sudo apt install python3-venv) and run this again.",
    )


def works(command):
    """Whether a command ends well; what it says does not matter."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.call(command, **quiet) == 0


def install(purpose):
    """Install what the locks name, counting along, then this folder itself."""
    locks = LOCKS[purpose]
    total = sum(count(name) for name in locks)
    say(f"Installing {total} packages, once (about a minute) ...")
    pip = [python(), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    wanted = [part for name in locks for part in ("-r", os.path.join(HERE, name))]
    exact = ["install", "--require-hashes", "--no-deps", "--progress-bar", "off"]
    status = follow([*pip, *exact, *wanted], total)
    if status:
        return status
    this = ["install", "--no-deps", "--no-index", "--no-build-isolation", "--editable", HERE]
    return follow([*pip, *this], 0)


def count(name):
    """How many packages a lock names for some machine or other."""
    with open(os.path.join(HERE, name)) as file:
        return sum("==" in line for line in file)


def follow(command, total):
    """Run pip, show how far it is, and say in one sentence why it failed."""
    began, seen, said = time.monotonic(), 0, []
    pip = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    for line in pip.stdout:
        said.append(line)
        if total and line.startswith(("Collecting ", "Requirement already", "Ignoring ")):
            seen += 1
            name = line.split()[1].split("=")[0] if line.startswith("Collecting") else ""
            progress(seen, total, name, began)
        elif total and line.startswith("Installing collected"):
            progress(total, total, "unpacking", began)
    status = pip.wait()
    if sys.stdout.isatty():
        sys.stdout.write("\r\033[K")
    if status:
        return explain("".join(said))
    return 0


def progress(seen, total, name, began):
    """Show one line that moves on a terminal, and a line now and then elsewhere."""
    text = f"  {seen:3d}/{total}  {time.monotonic() - began:3.0f} s  {name}"
    if sys.stdout.isatty():
        sys.stdout.write("\r\033[K" + text[:79])
        sys.stdout.flush()
    elif seen % 20 == 0 or seen == total:
        say(text)


def explain(said):
    """Turn pip's last words into one sentence and its fix."""
    tail = "".join(said.splitlines(True)[-20:])
    if "No space left" in said:
        return refuse("The disk is full.", "Free some space and run this again.")
    if "THESE PACKAGES DO NOT MATCH" in said:
        return refuse(
            "A package differs from the one that was locked, so it was not installed.",
            "Check where pip gets its packages from, then run this again.\n" + tail,
        )
    if "Connection" in said or "No matching distribution" in said:
        return refuse(
            "The package registry cannot be reached, or lacks a package.",
            "Check the network connection and pip's settings, then run this again.\n" + tail,
        )
    return refuse("The packages could not be installed.", "pip said:\n" + tail)


def refuse(what, fix):
    """Say what is wrong and what to do about it."""
    sys.stderr.write(f"{what}\n{fix.rstrip()}\n")
    return 1


def say(text):
    """Tell what is going on."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "run"))
