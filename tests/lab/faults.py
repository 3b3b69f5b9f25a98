#!/usr/bin/env python3
"""Runs a scripted cluster of real nodes with our collectors inside and our server outside, and keeps what is told.

    faults.py ORSZEM LAB_SCRIPT OUT [SCENARIO]

LAB_SCRIPT is a script that makes a cluster in namespaces and knows the commands `SCENARIO DIR` (scenario), `on NODE CMD…` and
`pid NODE`; it keeps its files in $LAB, runs $LAB/alert_dump.sh as Pacemaker's alert agent and $LAB/clustermon_dump.sh
as ClusterMon's external agent, and writes ground_truth.jsonl and probe.jsonl to DIR. Needs root.

OUT/run.jsonl then is the run as `ORSZEM_CLUSTER_RUN=OUT/run.jsonl cargo test -p orszem-facts` reads it: the faults, what
the service answered, what the collectors told of the cluster and what the server concluded, with when each was known.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

PORT = 17450
# All that collectors send.
TOLD = "NOT service:orszem-facts"
# Lines of daemons that may tell something.
TELLING = re.compile(
    r"Token has not been received|token timed out|the (non-)?primary component|Requesting fencing|state is now|Result of "
)
# Signs of life of a host are kept so often.
SIGN_EVERY_NS = 100_000_000
AGENTS = ["alert_dump.sh", "clustermon_dump.sh"]
FACTS = "service:orszem-facts"


def main():
    orszem, script, out = (os.path.abspath(path) for path in sys.argv[1:4])
    scenario = sys.argv[4] if len(sys.argv) > 4 else "scenario"
    run = os.path.join(out, "run")
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(run)
    lab = os.environ.setdefault("LAB", os.path.join(out, "lab"))
    server = start_server(orszem, run)
    stop = threading.Event()
    tails = [
        threading.Thread(target=tail, args=(orszem, run, query, os.path.join(out, name), stop))
        for query, name in [(TOLD, "records.jsonl"), (FACTS, "facts.jsonl")]
    ]
    watcher = threading.Thread(target=watch, args=(orszem, run, lab, stop))
    for thread in [*tails, watcher]:
        thread.start()
    try:
        done = subprocess.run(["bash", script, scenario, os.path.join(out, "scenario")])
        time.sleep(15)
        found = ask(orszem, run, ["search", FACTS, "--json", "--order", "oldest", "--since", "2h", "--limit", "100000"])
        with open(os.path.join(out, "found.jsonl"), "w") as file:
            file.write(found)
    finally:
        stop.set()
        subprocess.run(["bash", script, "down"])
        for thread in [*tails, watcher]:
            thread.join()
        server.send_signal(signal.SIGTERM)
        server.wait()
    put_together(out)
    sys.exit(done.returncode)


def put_together(out):
    """All of a run in one file, without what tells nothing."""
    lines = lambda name: (json.loads(line) for line in open(os.path.join(out, name)))
    with open(os.path.join(out, "run.jsonl"), "w") as file:
        put = lambda kind, value: file.write(json.dumps({kind: value}, ensure_ascii=False, separators=(",", ":")) + "\n")
        put("cluster", "halab")
        for fault in lines("scenario/ground_truth.jsonl"):
            put("fault", fault)
        for probe in lines("scenario/probe.jsonl"):
            put("probe", {key: probe[key] for key in ["ts", "ok", "node"] if key in probe})
        heard = {}
        for row in lines("records.jsonl"):
            is_event, told = row["kind"] == "event", record(row)
            if is_event or TELLING.search(row["body"]):
                put("record", told | ({} if is_event else {"body": row["body"]}))
            elif told["ts"] > heard.get(told["host"], 0) + SIGN_EVERY_NS:
                put("heard", {key: told[key] for key in ["known", "ts", "host"]})
                heard[told["host"]] = told["ts"]
        for row in lines("facts.jsonl"):
            put("fact", record(row) | {"body": row["body"], "entities": row["entities"]})


def record(row):
    return {
        "known": row["known_ns"],
        "ts": int(row["ts_ns"]),
        "host": row["stream"].get("host", ""),
        "service": row["stream"].get("service", ""),
        "attributes": row["attributes"],
    }


def start_server(orszem, run, more=""):
    made = subprocess.run([orszem, "token", "new", "lab", "--role", "admin"], capture_output=True, text=True, check=True)
    write(os.path.join(run, "token"), made.stderr.rsplit(" ", 1)[1])
    write(os.path.join(run, "tokens"), made.stdout)
    write(
        os.path.join(run, "server.toml"),
        f'[server]\nlisten = ["0.0.0.0:{PORT}"]\n[server.tls]\nmode = "off"\n'
        f'[access]\ntoken_file = "{run}/tokens"\n{more}',
    )
    log = open(os.path.join(run, "server.log"), "w")
    server = subprocess.Popen(
        [orszem, "server", "--config", f"{run}/server.toml", "--data-dir", f"{run}/data"], stdout=log, stderr=log
    )
    for _ in range(300):
        if subprocess.run(["curl", "-sf", f"http://127.0.0.1:{PORT}/-/ready"], capture_output=True).returncode == 0:
            return server
        time.sleep(0.1)
    sys.exit("the server does not start")


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o600)


def ask(orszem, run, arguments):
    where = ["--server", f"http://127.0.0.1:{PORT}", "--token-file", f"{run}/token"]
    return subprocess.run([orszem, *arguments, *where], capture_output=True, text=True).stdout


def tail(orszem, run, query, path, stop):
    """Keeps what matches, with when it came."""
    where = ["--server", f"http://127.0.0.1:{PORT}", "--token-file", f"{run}/token"]
    child = subprocess.Popen([orszem, "tail", query, "--json", *where], stdout=subprocess.PIPE, text=True)
    threading.Thread(target=lambda: (stop.wait(), child.terminate())).start()
    with open(path, "w", buffering=1) as file:
        for line in child.stdout:
            row = json.loads(line)
            row["known_ns"] = time.time_ns()
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def watch(orszem, run, lab, stop):
    """Makes each node that is on run a collector, and the cluster's agents tell it."""
    started = {}
    while not stop.wait(0.05):
        nodes = read(os.path.join(lab, "nodes")).split()
        for name in AGENTS if nodes else []:
            path = os.path.join(lab, name)
            if orszem not in read(path):
                with open(path + ".new", "w") as file:
                    file.write(f"#!/bin/sh\nORSZEM_SPOOL={lab}/spool-$(hostname) exec {orszem} event\n")
                os.chmod(path + ".new", 0o755)
                os.rename(path + ".new", path)
        for node in nodes:
            pid = init_of(lab, node)
            if pid and started.get(node) != pid:
                if start_collector(orszem, run, lab, node, pid):
                    started[node] = pid


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return ""


def init_of(lab, node):
    launcher = read(os.path.join(lab, node, "launcher.pid")).strip()
    return read(f"/proc/{launcher}/task/{launcher}/children").split(" ")[0] if launcher else ""


def start_collector(orszem, run, lab, node, pid):
    state, spool = os.path.join(run, "collector-" + node), os.path.join(lab, "spool-" + node)
    os.makedirs(state, exist_ok=True)
    if not os.path.isdir(spool):
        os.makedirs(spool)
        shutil.chown(spool, group="haclient")
        os.chmod(spool, 0o2770)
    # Its own view of /var/log and of its name come a moment after its first process.
    if subprocess.run(["nsenter", "-t", pid, "-u", "hostname"], capture_output=True, text=True).stdout.strip() != node:
        return False
    if f"{lab}/{node}/log" not in mounts(pid):
        return False
    write(
        os.path.join(run, node + ".toml"),
        f'[collector]\nstate_dir = "{state}"\n[collector.cluster]\nspool = "{spool}"\n'
        f'[collector.host_metrics]\nenabled = false\n'
        f'[collector.output]\nendpoints = ["http://10.77.0.254:{PORT}"]\ntoken_file = "{run}/token"\n',
    )
    log = open(os.path.join(run, node + ".log"), "a")
    inside = ["nsenter", "-t", pid, "-m", "-u", "-i", "-n", "-p", "--", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TZ=UTC"]
    subprocess.Popen([*inside, orszem, "collector", "--config", f"{run}/{node}.toml"], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    return True


def mounts(pid):
    """The roots of what is mounted at /var/log, as mountinfo has them."""
    found = [line.split(" ") for line in read(f"/proc/{pid}/mountinfo").splitlines()]
    return [words[3] for words in found if words[4] == "/var/log"]


if __name__ == "__main__":
    main()
