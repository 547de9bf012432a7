"""Looks for inputs that break a parser: ``python -m fuzz.run [NAME…] --seconds 60`` in tests/ (`make fuzz`).

Guided by coverage where atheris (libFuzzer) can be imported, else by Hypothesis: mutations of the corpus and of the target's
tokens. A finding is written to the corpus, from where `make test` replays it, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fuzz.target import CORPUS, MEBIBYTES, SECONDS, Target


def main() -> int:
    """Run the targets one after another, each in a process of its own: one that ends the process is a finding too."""
    parser = argparse.ArgumentParser(prog="fuzz.run", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="targets; default: all")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target (60)")
    parser.add_argument("--engine", choices=("atheris", "hypothesis"), help="default: atheris where it is installed")
    parser.add_argument("--inside", choices=("atheris", "hypothesis"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inside == "atheris":
        return _atheris(given.names[0], given.seconds)
    if given.inside == "hypothesis":
        return _hypothesis(given.names[0], given.seconds)
    engine = given.engine or ("atheris" if importlib.util.find_spec("atheris") else "hypothesis")
    names = given.names or sorted(path.name for path in CORPUS.iterdir())
    failed = []
    for name in names:
        print(f"==> {name}: {engine}, {given.seconds:g} s", flush=True)  # noqa: T201
        command = [sys.executable, "-m", "fuzz.run", name, "--seconds", str(given.seconds), "--inside", engine]
        with tempfile.TemporaryDirectory(prefix="kafkade-fuzz-") as folder:  # libFuzzer ends without tidying up
            environment = {**os.environ, "TMPDIR": folder}
            if subprocess.run(command, env=environment, check=False).returncode != 0:
                failed.append(name)
    print(f"broken: {', '.join(failed)}; see tests/fuzz/corpus" if failed else "nothing found", flush=True)  # noqa: T201
    return 1 if failed else 0


def _atheris(name: str, seconds: float) -> int:
    import atheris

    with atheris.instrument_imports(include=["kafkade", "avro", "jsonschema", "yaml", "kafka.protocol"]):
        target = _target(name)
    with tempfile.TemporaryDirectory(prefix="kafkade-fuzz-") as found:
        words = Path(found, "words.dict")
        # libFuzzer reads a quoted text with hexadecimal escapes a line
        lines = ("".join(rf"\x{byte:02x}" for byte in token) for token in target.tokens if token)
        words.write_text("".join(f'"{line}"\n' for line in lines))
        corpus = Path(found, "corpus")
        corpus.mkdir()
        arguments = [sys.argv[0], str(corpus), str(CORPUS / name), f"-dict={words}", f"-max_total_time={seconds:.0f}"]
        arguments += [f"-timeout={6 * SECONDS:.0f}", f"-rss_limit_mb={4 * MEBIBYTES}", f"-max_len={target.longest}"]
        arguments += [f"-artifact_prefix={CORPUS / name}/", "-print_final_stats=1", "-verbosity=0"]
        atheris.Setup(arguments, target.run)
        atheris.Fuzz()  # ends the process
    return 0


def _hypothesis(name: str, seconds: float) -> int:
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import strategies as st

    target = _target(name)
    kept = [path.read_bytes() for path in target.corpus()] or [b""]
    pieces = st.one_of(st.sampled_from(target.tokens or (b"",)), st.binary(max_size=8))
    mutated = st.builds(
        lambda base, at, width, put: base[: (i := at % (len(base) + 1))] + put + base[i + width :],
        st.sampled_from(kept),
        st.integers(0, 4096),
        st.integers(0, 16),
        st.lists(pieces, max_size=4).map(b"".join),
    )
    until, count = time.monotonic() + seconds, 0

    @settings(
        max_examples=10_000_000,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(st.one_of(mutated, st.lists(pieces, max_size=40).map(b"".join)))
    def once(data: bytes) -> None:
        nonlocal count
        if time.monotonic() > until:
            raise KeyboardInterrupt
        count += 1
        try:
            target.run(data[: target.longest])
        except Exception:
            smallest[:] = [data]
            raise

    smallest: list[bytes] = []
    try:
        once()
    except KeyboardInterrupt:
        if not smallest:
            print(f"{count} inputs", flush=True)  # noqa: T201
            return 0
    except Exception as error:  # noqa: BLE001 -- a finding may be anything
        print(f"{type(error).__name__}: {error}", flush=True)  # noqa: T201
    path = CORPUS / name / f"crash-{hashlib.sha1(smallest[0], usedforsecurity=False).hexdigest()}"
    path.write_bytes(smallest[0])
    print(f"kept as {os.path.relpath(path)}", flush=True)  # noqa: T201
    return 1


def _target(name: str) -> Target:
    from fuzz.targets import TARGETS

    return TARGETS[name]


if __name__ == "__main__":
    sys.exit(main())
