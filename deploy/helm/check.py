#!/usr/bin/env python3
"""Renders the chart with each file of ci/ and checks what comes out.

`cargo xtask test --full chart` runs it. By hand, with the packages of requirements.txt:

    pip install -r deploy/helm/requirements.txt
    deploy/helm/check.py

Every object is compared with its schema, README.md with values.yaml, and the plain manifests of
deploy/kubernetes with the chart. Ends with 1 where something is wrong, and names it.
"""

import re
import sys
import tarfile
import tempfile

sys.dont_write_bytecode = True
import cases  # noqa: E402
import chart  # noqa: E402
import helm_python  # noqa: E402
import manifests  # noqa: E402
import readme  # noqa: E402
import refused  # noqa: E402
import schemas  # noqa: E402
import yaml  # noqa: E402

# The oldest Kubernetes that Chart.yaml allows: AppArmor is an annotation there.
OLDEST = "1.25.0"


def check_readme():
    text = readme.VALUES.read_text(encoding="utf-8")
    assert readme.read(text)[0] == yaml.safe_load(text), "readme.py reads values.yaml wrongly"
    assert readme.main(["--check"]) == 0, "the table of README.md is not that of values.yaml"
    print("README.md has the values of values.yaml")


def check_pages():
    """Pages name programs that exist, and upgrade with the defaults of the new chart."""
    for path in [readme.README, *(chart.ROOT / "docs").rglob("*.md")]:
        text = path.read_text(encoding="utf-8")
        for line in text.splitlines():
            assert "helm upgrade" not in line or " --reuse-values" not in line, f"{path}: {line}"
        for name in re.findall(r"deploy/helm/\w+[.]py", text):
            assert (chart.ROOT / name).is_file(), f"{path} names {name}, which does not exist"


def rendered(values, namespace=chart.NAMESPACE):
    """Returns the objects, each as its schema says."""
    objects = chart.objects(values, namespace)
    for one in objects:
        schemas.validate(one)
    cases.common(objects, namespace)
    return objects


def check_files():
    schemas.check()
    found = {path.name.removesuffix("-values.yaml"): path for path in chart.CHART.glob("ci/*")}
    assert found.keys() == cases.OF_FILES.keys(), found.keys() ^ cases.OF_FILES.keys()
    for name, path in sorted(found.items()):
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        for version in (OLDEST, None):
            wrong = chart.lint(values, version)
            assert not wrong, wrong
        objects = rendered(values)
        cases.OF_FILES[name](objects)
        print(f"{path.name}: {len(objects)} objects, each as its schema says")
    for values, namespace, case in cases.MORE:
        case(rendered(values, namespace))
    print(f"{len(cases.MORE)} more sets of values, each as its schema says")


def check_package():
    """What Helm packs has files where the source has links."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(chart.package(folder)) as packed:
            names = {one.name for one in packed if one.isfile()}
    files = {name for name in names if name.startswith("tcpwarden/files/")}
    wanted = set()
    for link, source in (("rules", "prometheus/*.yml"), ("dashboards", "grafana/*.json")):
        found = (chart.ROOT / "dashboards").glob(source)
        wanted |= {f"tcpwarden/files/{link}/{path.name}" for path in found}
    assert files == wanted, files ^ wanted
    print(f"the package has {len(files)} files of rules and dashboards")


def refuse(values, word):
    try:
        chart.objects(values)
    except helm_python.HelmError as error:
        assert word in str(error), f"{values}: {error}"
    else:
        raise AssertionError(f"not refused: {values}")


def check_refusals():
    for values, word in refused.REFUSED:
        refuse(values, word)
    print(f"{len(refused.REFUSED)} wrong values, each refused")


def check_nulls():
    """A value that is null is refused, or something is left out and the rest is right."""
    values = yaml.safe_load(readme.VALUES.read_text(encoding="utf-8"))
    nulls = {key: {key: None} for key in values}
    for key, members in values.items():
        if isinstance(members, dict):
            nulls |= {f"{key}.{name}": {key: {name: None}} for name in members}
    assert refused.NEEDED <= nulls.keys(), refused.NEEDED - nulls.keys()
    for name, values in nulls.items():
        if name in refused.NEEDED:
            refuse(values, f"'{name.split('.')[-1]}'")
        else:
            rendered(values)
    print(f"{len(nulls)} nulls, {len(refused.NEEDED)} of them refused")


def check_manifests():
    assert manifests.main(["--check"]) == 0, "the plain manifests are not those of the chart"
    for path in sorted(manifests.FOLDER.glob("*.yaml")):
        objects = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
        for one in objects:
            schemas.validate(one)
        cases.order(objects)
        print(f"{path.name}: {len(objects)} objects, as the chart makes them")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(__doc__)
    for check in (
        check_readme,
        check_pages,
        check_files,
        check_refusals,
        check_nulls,
        check_package,
        check_manifests,
    ):
        check()
