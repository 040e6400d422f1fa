"""Calls the program for benchmarks of learning."""

import json
import subprocess
import sys


def run(program, *arguments):
    """The JSON object that `mynah ARGUMENTS... --json` prints; ends the benchmark where the program fails."""
    call = [str(program), *map(str, arguments), "--json"]
    try:
        result = subprocess.run(call, capture_output=True, text=True)
    except OSError as error:
        sys.exit(f"{sys.argv[0]}: {program}: {error.strerror}; build it (tools/quickstart), or name it with --program")
    if result.returncode != 0:
        sys.exit(f"{sys.argv[0]}: `{' '.join(call)}` failed:\n{result.stderr}")
    return json.loads(result.stdout)
