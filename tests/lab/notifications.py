#!/usr/bin/env python3
"""What people are told of a crash, of work that was planned and of a failure, in a cluster of three real nodes.

    notifications.py ORSZEM LAB_SCRIPT OUT [STORY…]

LAB_SCRIPT is as for faults.py, and knows `up 3`, `config`, `on NODE CMD…`, `kill NODE` and `down`. The server has the
shipped rules, a contact that notes each message, and a probe of the service from outside. The stories are told one after
the other, each when the one before is over: `crash`, `standby`, `maintenance`, `failure`. Fails unless a crash is one
message that is edited and one all-clear, after all is as before, and what is planned is told to nobody. Needs root.
"""

import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import faults

SERVICE = "http://10.77.0.100:8080/"
# How long nothing is told after a story before it counts as over.
CALM_S = 60
STORY_S = 420
NOTE = """#!/usr/bin/env python3
import json, sys, time
message = json.load(sys.stdin)
message["told_at"] = time.time()
with open(sys.argv[1], "a") as file:
    file.write(json.dumps(message) + "\\n")
"""


def main():
    orszem, script, out = (os.path.abspath(path) for path in sys.argv[1:4])
    stories = sys.argv[4:] or list(STORIES)
    run = os.path.join(out, "run")
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(run)
    lab = os.environ.setdefault("LAB", os.path.join(out, "lab"))
    lab = Lab(script, out)
    server = faults.start_server(orszem, run, alerting(run, lab.messages))
    stop = threading.Event()
    watcher = threading.Thread(target=faults.watch, args=(orszem, run, os.environ["LAB"], stop))
    probe = None
    wrong = []
    try:
        lab.run("up", "3")
        watcher.start()
        lab.run("config")
        lab.wait_for_service()
        probe = start_probe(orszem, run)
        time.sleep(20)
        lab.skip()
        for story in stories:
            begun = time.time()
            STORIES[story](lab)
            told = lab.wait_until_calm()
            show(story, begun, told)
            wrong += [f"{story}: {what}" for what in EXPECTED[story](told)]
        topology = faults.ask(orszem, run, ["topology"])
        faults.write(os.path.join(out, "topology.txt"), topology)
        facts = ["search", faults.FACTS, "--order", "oldest", "--since", "2h", "--limit", "10000"]
        faults.write(os.path.join(out, "facts.txt"), faults.ask(orszem, run, facts))
        faults.write(os.path.join(out, "incidents.txt"), faults.ask(orszem, run, ["alerts", "incidents"]))
    finally:
        stop.set()
        subprocess.run(["bash", script, "down"], stderr=subprocess.DEVNULL)
        for child in filter(None, [probe, server]):
            child.send_signal(signal.SIGTERM)
            child.wait()
    print("\n".join(wrong) or "as it should be")
    sys.exit(1 if wrong else 0)


class Lab:
    def __init__(self, script, out):
        self.script, self.out = script, out
        self.messages = os.path.join(out, "messages.jsonl")
        self.seen = 0

    def run(self, *arguments):
        return subprocess.run(["bash", self.script, *arguments], capture_output=True, text=True).stdout

    def skip(self):
        self.seen += len(self.new())

    def new(self):
        return [json.loads(line) for line in faults.read(self.messages).splitlines()[self.seen :]]

    def nodes(self):
        return faults.read(os.path.join(os.environ["LAB"], "nodes")).split()

    def on_any(self, *command, but=""):
        for node in self.nodes():
            said = self.run("on", node, *command) if node != but else ""
            if said.strip():
                return said.strip().splitlines()[0]
        return ""

    def active(self, resource, but=""):
        return self.on_any("crm_resource", "-r", resource, "-W", "-Q", but=but)

    def wait_for_service(self):
        for _ in range(600):
            if subprocess.run(["curl", "-sf", "-m", "1", SERVICE], capture_output=True).returncode == 0:
                return
            time.sleep(0.2)
        sys.exit("the service does not start")

    def wait_until_calm(self):
        """What was told since the last story, when nothing was for a while and nobody is owed an all-clear."""
        begun = time.time()
        while time.time() < begun + STORY_S:
            told = self.new()
            open_threads = {message["thread"]: message["kind"] != "resolve" for message in told}
            last = max([begun] + [message["told_at"] for message in told])
            if not any(open_threads.values()) and time.time() > last + CALM_S:
                break
            time.sleep(1)
        self.seen += len(told)
        return told


def crash(lab):
    lab.run("kill", lab.active("web"))


def standby(lab):
    node = lab.active("web")
    lab.run("on", node, "crm_attribute", "--type", "nodes", "--node", node, "--name", "standby", "--update", "on")
    time.sleep(45)
    lab.run("on", node, "crm_attribute", "--type", "nodes", "--node", node, "--name", "standby", "--delete")


def maintenance(lab):
    node = lab.active("web")
    lab.run("on", node, "crm_attribute", "--name", "maintenance-mode", "--update", "true")
    time.sleep(5)
    fail(lab, "app")
    time.sleep(50)
    lab.run("on", node, "crm_attribute", "--name", "maintenance-mode", "--update", "false")


def failure(lab):
    # Another than before: twice within five minutes is flapping.
    fail(lab, "db")


def fail(lab, resource):
    states = [f"/run/Dummy-{resource}.state", f"/run/resource-agents/Dummy-{resource}.state"]
    lab.run("on", lab.active(resource), "rm", "-f", *states)


def one_message(told):
    """One incident, opened once, edited, and ended once as the last word."""
    kinds = [message["kind"] for message in told]
    right = len({message["thread"] for message in told}) == 1 and kinds[:1] == ["open"] and kinds[-1:] == ["resolve"]
    if not right or set(kinds[1:-1]) != {"update"}:
        return [f"told as {[(message['thread'], message['kind'], message['title']) for message in told]}"]
    names = {alert["name"] for alert in told[-1]["alerts"]}
    return [f"{name} is not in it" for name in ["ClusterNodeLost", "ClusterFailover"] if name not in names]


def nothing(told):
    return [f"told: {message['kind']} {message['title']}" for message in told]


def at_most_one(told):
    return one_message(told) if len({message["thread"] for message in told}) > 1 else []


STORIES = {"crash": crash, "standby": standby, "maintenance": maintenance, "failure": failure}
EXPECTED = {"crash": one_message, "standby": nothing, "maintenance": nothing, "failure": at_most_one}


def show(story, begun, told):
    print(f"\n## {story}")
    for message in told:
        sound = "!" if message["is_loud"] else ""
        print(f"{message['told_at'] - begun:+7.1f} {message['kind']}{sound} {message['thread']}: {message['heading']}")
        for alert in message["alerts"]:
            suppressed = f" ({alert['suppressed']})" if alert["suppressed"] else ""
            print(f"          {alert['state']:9} {alert['name']}: {alert['what']}{suppressed}")
        for event in message["events"]:
            print(f"            {event['at']}  {event['text']}")
    sys.stdout.flush()


def alerting(run, messages):
    """A contact that notes each message, and all shipped rules about clusters and probes."""
    program = os.path.join(run, "note.py")
    faults.write(program, NOTE)
    os.chmod(program, 0o700)
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    names = [os.path.basename(path) for path in glob.glob(os.path.join(root, "config/rules/*.yml"))]
    files = json.dumps([os.path.join(root, "config/rules", name) for name in sorted(names)])
    return (
        f"[alerting]\nrule_files = {files}\n"
        f'[[alerting.contacts]]\nname = "eva"\naddresses = [{{ channel = "note", to = "eva" }}]\n'
        f'[[alerting.policies]]\nname = "all"\nsteps = [{{ contacts = ["eva"] }}]\n'
        f'[alerting.route]\npolicy = "all"\n'
        f'[[notify.exec]]\nname = "note"\nprogram = "{program}"\narguments = ["{messages}"]\n'
    )


def start_probe(orszem, run):
    """A collector outside that asks the service."""
    state = os.path.join(run, "collector-probe")
    os.makedirs(state)
    faults.write(
        os.path.join(run, "probe.toml"),
        f'[collector]\nstate_dir = "{state}"\n[collector.cluster]\nenabled = "off"\n'
        f"[collector.host_metrics]\nenabled = false\n"
        f'[[collector.probe]]\nname = "web"\ntargets = ["{SERVICE}"]\ninterval = "2s"\ntimeout = "1s"\n'
        f'[collector.output]\nendpoints = ["http://127.0.0.1:{faults.PORT}"]\ntoken_file = "{run}/token"\n',
    )
    log = open(os.path.join(run, "probe.log"), "w")
    return subprocess.Popen([orszem, "collector", "--config", f"{run}/probe.toml"], stdout=log, stderr=log)


if __name__ == "__main__":
    main()
