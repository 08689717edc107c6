"""Reads the page of an agent in both formats with Prometheus' own client for Python, and fails where they differ.

    openmetrics.py TEXT OPENMETRICS TEXT

The text pages are from before and after the other one: where these two agree, so must the one in between.
"""

import sys

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from prometheus_client.utils import floatToGoString


def read(parse, path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(parse(file.read()))


def series(families):
    """Values by name and labels; a bound is a number."""
    values = {}
    for sample in (sample for family in families for sample in family.samples):
        labels = dict(sample.labels)
        if sample.name.endswith("_bucket"):
            labels["le"] = float(labels["le"])
        key = (sample.name, tuple(sorted(labels.items())))
        assert key not in values, f"{key} is there twice"
        values[key] = sample.value
    return values


def check_bounds(families):
    for sample in (sample for family in families for sample in family.samples):
        bound = sample.labels.get("le")
        if sample.name.endswith("_bucket"):
            assert bound == floatToGoString(float(bound)), f"{sample} has an unusual bound"


def heads(families):
    return {family.name: (family.type, family.documentation) for family in families}


def check_heads(families, before, after):
    """A family comes with its first series and goes with its last one."""
    missing = heads(before).keys() & heads(after).keys()
    types = heads(before) | heads(after)
    for family in families:
        name = family.name + "_info" if family.type == "info" else family.name
        kind = "gauge" if family.type == "info" else family.type
        assert types[name] == (kind, family.documentation), f"{family.name} is {family.type}"
        missing.discard(name)
        for unit in ("seconds", "bytes", "ratio"):
            assert (family.unit == unit) == family.name.endswith("_" + unit), f"{family.name}: {family.unit}"
    assert not missing, f"missing: {missing}"


def check_created(created, all_of_it):
    start = all_of_it[("process_start_time_seconds", ())]
    assert created, "no series says when it was created"
    for (name, labels), value in created.items():
        assert value == start, f"{name} {labels} is of {value}, the agent of {start}"
        base = name[: -len("_created")]
        assert (base + "_total", labels) in all_of_it or (base + "_count", labels) in all_of_it, name


def main(before, between, after):
    before, after = read(parse_text, before), read(parse_text, after)
    families = read(parse_openmetrics, between)
    check_bounds(families)
    check_heads(families, before, after)
    values, before, after = series(families), series(before), series(after)
    created = {key: value for key, value in values.items() if key[0].endswith("_created")}
    check_created(created, values)
    others = {key: value for key, value in values.items() if key not in created}
    assert others.keys() <= before.keys() | after.keys(), others.keys() - before.keys() - after.keys()
    assert before.keys() & after.keys() <= others.keys(), (before.keys() & after.keys()) - others.keys()
    steady = [key for key, value in before.items() if after.get(key) == value]
    wrong = {key: (before[key], others[key]) for key in steady if others[key] != before[key]}
    assert not wrong, wrong
    print(f"{len(families)} families, {len(others)} series, {len(steady)} steady, {len(created)} created")


main(*sys.argv[1:])
