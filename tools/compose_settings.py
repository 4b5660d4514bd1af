"""Reads a resolved compose file, checks what a compose tool does not, and prints a line for each role:
the service, its role and its settings. The pepper is left out, for it has a blank in it."""

import sys

import yaml

ROLES = {"gateway", "enrichment", "retention", "query"}

services = yaml.safe_load(sys.stdin)["services"]
ours = {name: service for name, service in services.items() if service["image"] == "sluice:local"}


def refuse(text):
    sys.exit(f"compose: {text}")


builders = [name for name, service in ours.items() if "build" in service]
if len(builders) != 1:
    refuse(f"one service must build the image, not {builders}")
missing = ROLES - ours.keys()
if missing:
    refuse(f"there is no service for {', '.join(sorted(missing))}")
for name, service in services.items():
    if name not in ours and "healthcheck" not in service:
        refuse(f"{name} has no health check, so nothing can wait for it")
for name, service in ours.items():
    for needed in service["depends_on"]:
        if needed not in services:
            refuse(f"{name} waits for {needed}, which is not there")
for name in sorted(ROLES):
    service = ours[name]
    if service["command"][0] != name:
        refuse(f"{name} runs {service['command']}")
    if "healthcheck" not in service:
        refuse(f"{name} has no health check")
    settings = {key: value for key, value in service["environment"].items() if key != "SLUICE__AUTH__PEPPER"}
    print(name, name, *(f"{key}={value}" for key, value in sorted(settings.items())))
