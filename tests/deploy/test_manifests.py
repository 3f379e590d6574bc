"""Overlays as they are shipped are valid; a manifest edited into nonsense is one clear line."""

import shutil
from pathlib import Path

import pytest

from k8s.validate.__main__ import main
from k8s.validate.admission import quantity
from k8s.validate.compose_file import check_deploy
from k8s.validate.guide import check_guide
from k8s.validate.known import IMAGE
from k8s.validate.kubectl import BuildFailed, build, kubectl
from k8s.validate.objects import things_of
from k8s.validate.overlay import check_overlay, overlays
from k8s.validate.schemas import check_schemas, versions

ROOT = Path(__file__).parents[2]
BASE = "k8s/base"
POLICIES = "k8s/components/network-policy"
SHORT = 160
"""Characters that a screen shows on one line or two."""


@pytest.fixture(scope="module")
def binary() -> Path:
    return kubectl(ROOT / ".cache" / "kubectl")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what is checked, to be edited."""
    for name in ("k8s", "deploy"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.py*"))
    for name in (".dockerignore", "Makefile"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("services", "requirements", "pyproject.toml", "README.md", "LICENSE"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "deploy/healthcheck.py").touch()
    return tmp_path


def edit(checkout: Path, file: str, old: str, new: str) -> None:
    path = checkout / file
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{file} no longer says {old!r}; the case tests nothing"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def wrong_in(checkout: Path, overlay: str, binary: Path) -> list[str]:
    found = check_overlay(checkout / "k8s/overlays" / overlay, root=checkout, binary=binary)
    return list(found.wrong)


def test_the_three_newest_kubernetes_are_checked() -> None:
    assert versions() == ("1.35", "1.36", "1.37")


@pytest.mark.parametrize("overlay", overlays(ROOT), ids=lambda path: path.name)
def test_an_overlay_as_shipped_is_valid(overlay: Path, binary: Path) -> None:
    report = check_overlay(overlay, root=ROOT, binary=binary)
    assert report.wrong == ()
    assert report.objects > 20


def test_deploy_as_shipped_is_valid() -> None:
    assert list(check_deploy(ROOT)) == []
    assert list(check_guide(ROOT)) == []


PRODUCTION = (
    # Arguments, variables, ports, probes.
    (f"{BASE}/scorer.yaml", "            - scorer\n", "            - scoring\n", "invalid choice: 'scoring'"),
    (f"{BASE}/scorer.yaml", "containerPort: 7701", "containerPort: 7710", "expected 7701 (TURNOUT_SCORER__PORT)"),
    (f"{BASE}/scorer.yaml", "containerPort: 9464", "containerPort: 9465", "expected 9464 (TURNOUT_SCORER__METRICS_PORT)"),
    (f"{BASE}/scorer.yaml", "- name: TURNOUT_NATS__URL", "- name: TURNOUT_NAT__URL", "did you mean TURNOUT_NATS__URL?"),
    (f"{BASE}/scorer.yaml", "key: TURNOUT_NATS__URL", "key: nats-url", "the key of TURNOUT_NATS__URL is TURNOUT_NATS__URL"),
    (f"{BASE}/scorer.yaml", "                  name: turnout-engines", "                  name: turnout-engine", "Secret turnout-engine has no TURNOUT_NATS__URL; expected turnout-engines"),
    (f"{BASE}/scorer.yaml", "- name: TURNOUT_SCORER__ADDRESS", "- name: TURNOUT_LOG_LEVEL", "TURNOUT_LOG_LEVEL"),
    (f"{BASE}/ingress.yaml", "path: /ready", "path: /readyz", "readinessProbe asks /readyz"),
    (f"{BASE}/ingress.yaml", "path: /ready", "path: /v1/messages", "readinessProbe asks /v1/messages"),
    (f"{BASE}/ingress.yaml", "name: turnout-provider-keys", "name: provider-keys", "expected turnout-provider-keys"),
    (f"{BASE}/telemetry.yaml", "- name: TURNOUT_CLICKHOUSE__URL", "- name: TURNOUT_CLICKHOUSE__USER", "TURNOUT_CLICKHOUSE__USER"),
    (f"{BASE}/telemetry.yaml", "path: /ready", "path: /health", "readinessProbe asks /health; expected one of ['/metrics', '/ready']"),
    # Settings in the ConfigMap.
    (f"{BASE}/settings.env", "TURNOUT_LOG_LEVEL=info", "TURNOUT_LOG_LEVEL=loud", "TURNOUT_LOG_LEVEL=loud"),
    (f"{BASE}/settings.env", "TURNOUT_LOG_LEVEL=info", "TURNOUT_LOGLEVEL=info", "did you mean TURNOUT_LOG_LEVEL?"),
    (f"{BASE}/settings.env", "TURNOUT_INGRESS__PORT=8080", "TURNOUT_INGRESS__PORT=eighty", "TURNOUT_INGRESS__PORT=eighty"),
    (f"{BASE}/settings.env", "TURNOUT_SCORER__HOST=0.0.0.0", "TURNOUT_SCORER__HOST=127.0.0.1", "nobody outside the pod reaches it"),
    (f"{BASE}/settings.env", "turnout-scorer:7701", "turnout-scorer:7711", "expected one of"),
    (f"{BASE}/settings.env", "SPOOL_BYTES=1073741824", "SPOOL_BYTES=9073741824", "expected more than TURNOUT_TELEMETRY__SPOOL_BYTES"),
    (f"{BASE}/settings.env", "INGRESS__DRAIN_SECONDS=300", "INGRESS__DRAIN_SECONDS=400", "expected more than 408"),
    (f"{BASE}/settings.env", "DISPATCHER__DRAIN_SECONDS=300", "DISPATCHER__DRAIN_SECONDS=500", "StatefulSet turnout-upstream-dispatcher: terminationGracePeriodSeconds is 320; expected more than 508"),
    ("k8s/components/mutual-tls/kustomization.yaml", "tls/ca.crt", "tls/authority.crt", "/etc/turnout/tls/authority.crt is in no volume"),
    ("k8s/components/mutual-tls/certificate.yaml", "secretName: turnout-grpc-tls", "secretName: turnout-tls", "expected ['turnout-grpc-tls']"),
    # What a pod may do.
    (f"{BASE}/pod.yaml", "enableServiceLinks: false", "enableServiceLinks: true", "enableServiceLinks is on"),
    (f"{BASE}/pod.yaml", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "expected true"),
    (f"{BASE}/pod.yaml", "type: RuntimeDefault", "type: Unconfined", "expected RuntimeDefault"),
    (f"{BASE}/spool.yaml", "mountPath: /var/lib/turnout", "mountPath: /var/lib/spool", "TURNOUT_DATA_DIR=/var/lib/turnout is no volume"),
    (f"{BASE}/spool.yaml", "whenScaled: Retain", "whenScaled: Delete", "expected Retain"),
    (f"{BASE}/pod.yaml", "        fsGroup: 10001\n", "", "fsGroup is missing"),
    (f"{BASE}/scorer.yaml", "image: turnout\n", "image: turnip:1\n", f"expected …/{IMAGE}"),
    ("k8s/overlays/production/kustomization.yaml", "newTag: 0.1.0", "newTag: 0.0.9", f"expected …/{IMAGE}"),
    (f"{BASE}/scorer.yaml", "namespace: turnout", "namespace: turnouts", "namespace is 'turnouts'; expected ['turnout']"),
    (f"{BASE}/namespace.yaml", "name: turnout", "name: turnouts", "expected ['turnouts']"),
    ("k8s/overlays/production/kustomization.yaml", "kind: StatefulSet|Deployment", "kind: StatefulSets|Deployment", "target StatefulSets .*, which is nothing here"),
    ("k8s/components/mutual-tls/kustomization.yaml", "|telemetry)", "|telemetri)", "target StatefulSet|Deployment turnout-telemetri, which is nothing here"),
    # Selectors.
    (f"{BASE}/scorer.yaml", "    app.kubernetes.io/name: scorer\n  ports:", "    app.kubernetes.io/name: scorers\n  ports:", "selects no pod"),
    (f"{BASE}/scorer.yaml", "    app.kubernetes.io/name: scorer\n  ports:", "    app.kubernetes.io/name: upstream-dispatcher\n  ports:", "port 7701 leads to 7703"),
    (f"{BASE}/scorer.yaml", "clusterIP: None", 'clusterIP: ""', "gRPC clients balance over the pods"),
    (f"{BASE}/scorer.yaml", "targetPort: grpc", "targetPort: rpc", "targetPort rpc is no port of turnout-scorer"),
    (f"{BASE}/scorer.yaml", "serviceName: turnout-scorer", "serviceName: turnout-score", "is no Service"),
    (f"{BASE}/scorer.yaml", "serviceName: turnout-scorer", "serviceName: turnout-ingress", "is the Service of other pods"),
    (f"{BASE}/scorer.yaml", "maxUnavailable: 1\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: scorer", "maxUnavailable: 1\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: ingress", "StatefulSet turnout-scorer: 0 PodDisruptionBudgets"),
    (f"{BASE}/telemetry.yaml", "maxUnavailable: 1\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: telemetry", "maxUnavailable: 1\n  selector:\n    matchLabels:\n      app.kubernetes.io/name: telemetries", "PodDisruptionBudget turnout-telemetry: selector selects no pod"),
    ("k8s/components/autoscaling/scorer.yaml", "name: turnout-scorer\n  minReplicas", "name: turnout-scorers\n  minReplicas", "StatefulSet turnout-scorers does not exist"),
    ("k8s/components/autoscaling/scorer.yaml", "turnout_route_p99_seconds", "turnout_route_p95_seconds", "expected one of ['turnout_route_p99_seconds']"),
    ("k8s/components/autoscaling/scorer.yaml", "name: turnout-scorer\n  minReplicas", "name: turnout-ingress\n  minReplicas", "turnout-ingress has another autoscaler"),
    ("k8s/components/autoscaling/scorer.yaml", "name: cpu", "name: cpus", "resource cpus is measured nowhere"),
    ("k8s/components/autoscaling/kustomization.yaml", "  - scorer.yaml\n", "", "turnout-scorer: replicas is not set and no autoscaler owns it"),
    ("k8s/engines/prometheus-adapter.values.yaml", "prometheus-kube-prometheus-prometheus", "prometheus-server", "expected one of ['http://prometheus-kube-prometheus-prometheus.monitoring.svc:9090']"),
    ("k8s/components/monitoring/pod-monitors.yaml", "jobLabel: app.kubernetes.io/part-of", "jobLabel: app.kubernetes.io/name", "makes job 'scorer'"),
    ("k8s/engines/prometheus-adapter.values.yaml", "turnout_rpc_client_duration_seconds_bucket{", "turnout_rpc_client_seconds_bucket{", "no metric is called turnout_rpc_client_seconds_bucket"),
    ("k8s/components/monitoring/pod-monitors.yaml", "port: metrics", "port: grpc", "has no metrics"),
    ("deploy/grafana/dashboards/kustomization.yaml", "      - overview.json\n", "", "overview.json is missing in files"),
    # The route.
    (f"{BASE}/route.yaml", "request: 0s", "request: 30s", "expected 0s or at least 3600s"),
    (f"{BASE}/route.yaml", "value: /v1", "value: /v2", "path /v2 is not served"),
    (f"{BASE}/route.yaml", "port: 80", "port: 81", "turnout-ingress:81 is no Service and port"),
    ("k8s/components/tracing/kustomization.yaml", "opentelemetry-collector.monitoring", "collector.monitoring", "expected one of ['clickhouse-clickhouse.turnout-engines:8123'"),
    ("k8s/components/tracing/kustomization.yaml", "RATIO=0.1", "RATIO=10", "TURNOUT_TRACING__SAMPLE_RATIO=10"),
    # The arrows.
    ("k8s/components/tracing/policy.yaml", "port: 4318", "port: 4317", "port 4317 is no port of opentelemetry-collector"),
    (f"{POLICIES}/scorer.yaml", "          port: grpc\n    - from", "          port: http\n    - from", "port http is no port of turnout-scorer"),
    (f"{POLICIES}/session-cache-tracker.yaml", "port: 6379", "port: 6380", "port 6380 is no port of valkey"),
    (f"{POLICIES}/telemetry.yaml", "app.kubernetes.io/name: clickhouse", "app.kubernetes.io/name: valkey", "telemetry"),
    (f"{POLICIES}/scorer.yaml", "app.kubernetes.io/name: session-cache-tracker", "app.kubernetes.io/name: upstream-dispatcher", "allows scorer -> upstream-dispatcher:7703, which nothing calls"),
    (f"{POLICIES}/telemetry.yaml", "turnout-engines", "engines", "is in no chart of k8s/engines/charts.yaml"),
    (f"{POLICIES}/telemetry.yaml", "  egress:\n", "  egress:\n    - ports:\n        - port: 443\n", "a rule without peers or ports allows them all"),
    (f"{POLICIES}/telemetry.yaml", "  egress:\n", "  egress:\n    - to:\n        - podSelector: {}\n", "a rule without peers or ports allows them all"),
    (f"{POLICIES}/default.yaml", "k8s-app: kube-dns", "k8s-app: coredns", "expected k8s-app: kube-dns of kube-system alone"),
    (f"{POLICIES}/kustomization.yaml", "  - default.yaml\n", "", "scorer may not ask for names"),
    (f"{POLICIES}/upstream-dispatcher.yaml", "              - 10.0.0.0/8\n", "", "expected ['10.0.0.0/8'] in except"),
    (f"{POLICIES}/kustomization.yaml", "  - telemetry.yaml\n", "", "no egress rule allows telemetry -> clickhouse:8123"),
    # Schemas.
    (f"{BASE}/scorer.yaml", "terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: long", "terminationGracePeriodSeconds"),
    (f"{BASE}/scorer.yaml", "livenessProbe:", "livelinessProbe:", "livelinessProbe"),
    ("k8s/components/monitoring/pod-monitors.yaml", "kind: PodMonitor", "kind: PodsMonitor", "no schema for monitoring.coreos.com/v1 PodsMonitor"),
    (f"{BASE}/route.yaml", "type: PathPrefix", "type: Prefix", "Prefix"),
    (f"{BASE}/telemetry.yaml", "apiVersion: policy/v1\n", "", "PodDisruptionBudget: apiVersion is missing"),
    (f"{POLICIES}/telemetry.yaml", "  labels:\n    app.kubernetes.io/name: telemetry\n", "  labels:\n", "metadata: Expected `object`, got `null` - at `$.labels`"),
    # What the schemas let pass.
    (f"{BASE}/scorer.yaml", "memory: 1Gi", "memory: 5XB", "StatefulSet turnout-scorer: container turnout: resources.limits.memory is 5XB; expected a quantity"),
    (f"{BASE}/scorer.yaml", "cpu: 1", "cpu: lots", "resources.requests.cpu is lots; expected a quantity"),
    (f"{BASE}/scorer.yaml", "cpu: 1", "cpu: 0.5.5", "resources.requests.cpu is 0.5.5; expected a quantity"),
    (f"{BASE}/telemetry.yaml", "memory: 1Gi", "memory: -5Gi", "resources.limits.memory is -5Gi; expected 0 or more"),
    (f"{BASE}/telemetry.yaml", "memory: 256Mi", "memory: 2Gi", "resources.requests.memory is 2Gi; expected at most its limit, 1Gi"),
    (f"{BASE}/spool.yaml", "storage: 2Gi", "storage: 2GB", "claim data: resources.requests.storage is 2GB; expected a quantity"),
    (f"{BASE}/telemetry.yaml", "replicas: 2", "replicas: -2", "replicas is -2; expected 0 or more"),
    ("k8s/components/autoscaling/scorer.yaml", "maxReplicas: 20", "maxReplicas: 1", "maxReplicas is 1; expected minReplicas, which is 2, or more"),
    ("k8s/components/autoscaling/scorer.yaml", "minReplicas: 2", "minReplicas: 0", "minReplicas is 0; expected 1 or more"),
    ("k8s/components/autoscaling/scorer.yaml", "value: 30m", "value: 30ms", "target.value is 30ms; expected a quantity"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    PRODUCTION,
    ids=lambda value: None if not isinstance(value, str) else value[:40],
)
def test_nonsense_is_one_clear_line(
    checkout: Path, binary: Path, file: str, old: str, new: str, said: str
) -> None:
    edit(checkout, file, old, new)
    lines = wrong_in(checkout, "production", binary)
    telling = [line for line in lines if said in line]
    assert telling, lines
    assert all("\n" not in line for line in lines)
    assert telling[0].startswith(("k8s/", "deploy/")), telling[0]


@pytest.mark.parametrize(
    ("told", "value"),
    [
        ("512Mi", 512 * 2**20), ("1.5Gi", 1.5 * 2**30), ("500m", 0.5), ("2", 2), (2, 2), (0.5, 0.5), (".5", 0.5),
        ("5.", 5), ("1k", 1000), ("1E", 10**18), ("1e3", 1000), ("12E-1", 1.2), ("100n", 1e-7), ("-5Gi", -5 * 2**30),
        ("5XB", None), ("lots", None), ("", None), ("Gi", None), ("1K", None), ("1 Gi", None), ("1gi", None), ("1e", None),
    ],
)  # fmt: skip
def test_quantities_are_read_as_kubernetes_reads_them(
    told: str | float, value: float | None
) -> None:
    found = quantity(told)
    assert (None if found is None else float(found)) == value


def test_what_cannot_be_built_is_one_line(checkout: Path, binary: Path) -> None:
    edit(checkout, f"{BASE}/kustomization.yaml", "  - scorer.yaml", "  - score.yaml")
    with pytest.raises(BuildFailed, match=r"score\.yaml") as failed:
        build(checkout / "k8s/overlays/local", root=checkout, binary=binary)
    assert "\n" not in str(failed.value)


def test_an_overlay_that_is_not_there_is_one_line(checkout: Path, binary: Path) -> None:
    with pytest.raises(
        BuildFailed, match=r"^k8s/overlays/staging: there is no kustomization\.yaml"
    ):
        build(checkout / "k8s/overlays/staging", root=checkout, binary=binary)


def test_what_only_kubectl_refuses_is_told_without_the_way_there(
    checkout: Path, binary: Path
) -> None:
    edit(checkout, f"{BASE}/kustomization.yaml", "namespace: turnout", "namespaces: turnout")
    with pytest.raises(BuildFailed, match="namespaces") as failed:
        build(checkout / "k8s/overlays/local", root=checkout, binary=binary)
    assert str(failed.value).startswith("k8s/overlays/local: it cannot be built: ")
    assert "accumulation err" not in str(failed.value)
    assert str(checkout) not in str(failed.value)


def test_a_manifest_that_is_no_object_is_told_by_its_cause(checkout: Path, binary: Path) -> None:
    edit(checkout, f"{BASE}/scorer.yaml", "kind: StatefulSet", "kinds: StatefulSet")
    with pytest.raises(
        BuildFailed, match=r"scorer\.yaml: missing kind in object .*\}\}$"
    ) as failed:
        build(checkout / "k8s/overlays/local", root=checkout, binary=binary)
    assert "accumulation err" not in str(failed.value)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (f"{BASE}/scorer.yaml", "metadata:", "metadata: :", f"{BASE}/scorer.yaml:4: no YAML: mapping values are not allowed here"),
        (f"{BASE}/kustomization.yaml", "  - scorer.yaml", "  - score.yaml", f"{BASE}/kustomization.yaml:12: there is no score.yaml"),
        (f"{BASE}/kustomization.yaml", "- settings.env", "- setting.env", f"{BASE}/kustomization.yaml:21: there is no setting.env"),
        (f"{BASE}/kustomization.yaml", "path: spool.yaml", "path: spools.yaml", f"{BASE}/kustomization.yaml:31: there is no spools.yaml"),
        ("k8s/overlays/local/kustomization.yaml", "components/simulator", "components", "k8s/overlays/local/kustomization.yaml: ../../components has no kustomization.yaml"),
        ("k8s/overlays/local/kustomization.yaml", "resources:", "resource:", "k8s/overlays/local/kustomization.yaml: it has no resources; expected the manifests that it builds"),
        ("k8s/overlays/local/kustomization.yaml", "components:\n", "components: simulator\nx:\n", "k8s/overlays/local/kustomization.yaml: Expected `array`, got `str` - at `$.components`"),
    ],
)  # fmt: skip
def test_what_kubectl_could_not_read_is_one_short_line(
    checkout: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, said: str
) -> None:
    edit(checkout, file, old, new)
    assert main(["--root", str(checkout)]) == 1
    assert capsys.readouterr().err.splitlines() == [said]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (f"{BASE}/scorer.yaml", "- name: TURNOUT_NATS__URL", "- name: TURNOUT_NATS__ULR", f"{BASE}/scorer.yaml: StatefulSet turnout-scorer: TURNOUT_NATS__ULR is no setting; did you mean TURNOUT_NATS__URL?"),
        (f"{BASE}/scorer.yaml", "name: turnout-settings", "name: turnout-setings", f"{BASE}/scorer.yaml: StatefulSet turnout-scorer: there is no ConfigMap turnout-setings; expected turnout-settings"),
        (f"{BASE}/telemetry.yaml", "  namespace: turnout\n", "  namespace: turnouts\n", f"{BASE}/telemetry.yaml: Deployment turnout-telemetry: namespace is 'turnouts'; expected ['turnout']"),
        (f"{BASE}/settings.env", "TURNOUT_SCORER__HOST=", "TURNOUT_SCORER__HOSTS=", f"{BASE}/kustomization.yaml: ConfigMap turnout-settings: TURNOUT_SCORER__HOSTS is no setting; did you mean TURNOUT_SCORER__HOST?"),
        ("deploy/compose.yaml", "  TURNOUT_NATS__URL", "  TURNOUT_NATS_URL", "deploy/compose.yaml: services ingress, scorer, session-cache-tracker, upstream-dispatcher, telemetry: TURNOUT_NATS_URL is no setting; did you mean TURNOUT_NATS__URL?"),
        ("deploy/compose.yaml", "TURNOUT_INGRESS__HOST: 0.0.0.0", "TURNOUT_INGRESS__HOST: 127.0.0.1", "deploy/compose.yaml: service ingress: TURNOUT_INGRESS__HOST is 127.0.0.1: nobody outside the pod reaches it; use 0.0.0.0."),
    ],
    ids=lambda value: None if not isinstance(value, str) else value[:40],
)  # fmt: skip
def test_a_mistake_is_told_without_what_only_follows_from_it(
    checkout: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, new: str, said: str
) -> None:
    edit(checkout, file, old, new)
    assert main(["--root", str(checkout)]) == 1
    assert capsys.readouterr().err.splitlines() == [said]


def test_a_setting_that_a_pod_does_not_read_is_not_told_as_its_value(
    checkout: Path, binary: Path
) -> None:
    edit(
        checkout,
        f"{BASE}/scorer.yaml",
        "          envFrom:\n            - configMapRef:\n                name: turnout-settings\n",
        "",
    )
    lines = wrong_in(checkout, "local", binary)
    assert any("StatefulSet turnout-scorer: TURNOUT_" in line for line in lines), lines
    assert not any("=0.0.0.0" in line for line in lines), lines


def test_services_of_compose_go_by_what_they_run(checkout: Path) -> None:
    edit(checkout, "deploy/compose.yaml", "\n  scorer:\n    <<", "\n  scorers:\n    <<")
    lines = list(check_deploy(checkout))
    assert any("target scorer:9464 is not there" in line for line in lines), lines
    assert not any("no service runs" in line for line in lines), lines


def test_a_service_that_compose_does_not_run_is_one_line(checkout: Path) -> None:
    edit(checkout, "deploy/compose.yaml", 'command: ["scorer"]', 'command: ["telemetry"]')
    assert any("no service runs `turnout run scorer`" in line for line in check_deploy(checkout))


def test_the_command_says_what_is_wrong_and_fails(
    checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(checkout, f"{BASE}/scorer.yaml", "containerPort: 7701", "containerPort: 7710")
    assert main(["--root", str(checkout)]) == 1
    said = capsys.readouterr()
    assert "k8s/overlays/local: " in said.out
    assert "k8s/base/scorer.yaml: StatefulSet turnout-scorer: port grpc is 7710" in said.err


def test_a_grpc_probe_is_refused_where_the_port_speaks_tls(checkout: Path, binary: Path) -> None:
    edit(
        checkout,
        "k8s/components/mutual-tls/kustomization.yaml",
        "  - path: probes.yaml\n    target:\n      kind: StatefulSet\n"
        "      name: turnout-(scorer|session-cache-tracker|upstream-dispatcher)\n",
        "",
    )
    assert "speaks no TLS" in wrong_in(checkout, "production", binary)[0]


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (f"{BASE}/ingress.yaml", "replicas: 2", "replicas: -2", "StatefulSet turnout-ingress: replicas is -2; expected 0 or more"),
        ("k8s/overlays/local/gateway.yaml", "gatewayClassName: turnout", "gatewayClassName: turnouts", "turnouts is no GatewayClass"),
        ("k8s/overlays/local/gateway.yaml", "/gatewayclass-controller", "/controller", "expected gateway.envoyproxy.io/gatewayclass-controller"),
        ("k8s/components/simulator/simulator.yaml", "turnout.simulator", "turnout.simulated", "starts nothing of ours"),
        ("k8s/components/simulator/simulator.yaml", "--port=9090", "--port=9091", "expected ['--host=0.0.0.0', '--port=9090']"),
    ],
    ids=lambda value: None if not isinstance(value, str) else value[:40],
)  # fmt: skip
def test_nonsense_on_one_machine_is_one_clear_line(
    checkout: Path, binary: Path, file: str, old: str, new: str, said: str
) -> None:
    edit(checkout, file, old, new)
    assert any(said in line for line in wrong_in(checkout, "local", binary))


def test_the_simulated_provider_is_reached_by_the_dispatcher_alone(
    checkout: Path, binary: Path
) -> None:
    edit(
        checkout,
        "k8s/overlays/local/simulator-policy.yaml",
        "app.kubernetes.io/name: upstream-dispatcher\n      ports",
        "app.kubernetes.io/name: ingress\n      ports",
    )
    lines = wrong_in(checkout, "local", binary)
    assert any("allows ingress -> simulator:9090, which nothing calls" in line for line in lines)


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("deploy/compose.yaml", 'command: ["scorer"]', 'command: ["scoring"]', "invalid choice: 'scoring'"),
        ("deploy/compose.yaml", "SCORER__ADDRESS: scorer:7701", "SCORER__ADDRESS: scorer:7702", "scorer:7701"),
        ("deploy/compose.yaml", "TURNOUT_INGRESS__HOST: 0.0.0.0", "TURNOUT_INGRESS__HOSTS: 0.0.0.0", "is no setting"),
        ("deploy/compose.yaml", "nats:2.12.3-alpine", "nats:latest", "nats:latest is not pinned"),
        ("deploy/compose.yaml", "./prometheus:", "./prometeus:", "does not exist below deploy/"),
        ("deploy/compose.yaml", "      - valkey:/data", "      - valkeys:/data", "valkeys is not declared"),
        ("deploy/compose.yaml", "dockerfile: deploy/Dockerfile", "dockerfile: Dockerfile", "Dockerfile does not exist"),
        ("deploy/compose.yaml", "CLICKHOUSE_HOST: clickhouse", "CLICKHOUSE_HOST: clickhous", "CLICKHOUSE_HOST=clickhous"),
        ("deploy/compose.yaml", "      PROMETHEUS_URL", "      PROMETHEUS", "reads PROMETHEUS_URL"),
        ("deploy/compose.yaml", 'CLICKHOUSE_PORT: "8123"', 'CLICKHOUSE_PORT: "8124"', "clickhouse:8124 is none of"),
        ("deploy/compose.yaml", "http://prometheus:9090", "http://prometheus:9091", "prometheus:9091 is none of"),
        ("deploy/compose.yaml", "CLICKHOUSE_USER: telemetry", "CLICKHOUSE_USER: default", "service clickhouse: CLICKHOUSE_USER=default; expected telemetry"),
        ("deploy/compose.yaml", "CLICKHOUSE_PASSWORD: ${TURNOUT_CLICKHOUSE__", "CLICKHOUSE_PASSWORD: ${CLICKHOUSE__", "CLICKHOUSE__PASSWORD is not the setting"),
        ("deploy/compose.yaml", "ANTHROPIC_API_KEY: ${ANTHROPIC", "ANTHROPIC_API_KEY: ${OPENAI", "OPENAI_API_KEY is not the setting"),
        ("deploy/compose.yaml", "127.0.0.1:8080:8080", "127.0.0.1:8080:8081", "ports 127.0.0.1:8080:8081; expected one of [8080]"),
        ("deploy/compose.yaml", "127.0.0.1:3000:3000", "127.0.0.1:3000:3001", "expected one of [3000]"),
        ("deploy/compose.yaml", "read_only: true", "read_only: false", "read_only: expected true"),
        ("deploy/compose.yaml", "    - ALL", "    - NET_RAW", "cap_drop: expected [ALL]"),
        ("deploy/compose.yaml", "no-new-privileges:true", "no-new-privileges:false", "security_opt: expected"),
        ("deploy/compose.yaml", "image: turnout:0.1.0", "image: turnout:0.0.9", f"expected {IMAGE}"),
        ("deploy/compose.yaml", "- scorer:/var/lib/turnout", "- scorer:/var/lib/data", "no volume is mounted at /var/lib/turnout"),
        ("deploy/compose.yaml", "turnout.simulator", "turnout.simulated", "starts nothing of ours"),
        ("deploy/compose.yaml", "/etc/turnout/prometheus.yml", "/etc/turnout/prometheus.yaml", "no volume has that file"),
        ("deploy/compose.yaml", "/var/lib/grafana/dashboards/turnout", "/var/lib/grafana/dashboards", "as deploy/grafana/provisioning/dashboards/turnout.yaml says"),
        ("deploy/otel/collector.yaml", "exporters: [debug]", "exporters: [backend]", "backend is none of its exporters"),
        ("deploy/otel/collector.yaml", "0.0.0.0:4318", "0.0.0.0:4319", "nothing listens on port 4318"),
        ("deploy/prometheus/prometheus.yml", "scorer:9464", "scorer:9465", "target scorer:9465 is not there"),
        ("deploy/Dockerfile", "USER 10001:10001", "USER turnout", "expected numbers"),
        ("deploy/Dockerfile", "COPY requirements/run.txt", "COPY requirements/runs.txt", "there is no such file"),
        ("deploy/Dockerfile", "EXPOSE 8080", "EXPOSE 8081", "EXPOSE 8081"),
        ("deploy/Dockerfile", "SCORER__EMBEDDER_DIR", "SCORER__EMBEDDER", "is no setting"),
        ("deploy/Dockerfile", "SCORER__EMBEDDER_DIR=/opt/turnout/embedder", "SCORER__EMBEDDER_DIR=/opt/turnout/model", "expected one of"),
        ("deploy/Dockerfile", "TURNOUT_DATA_DIR=/var/lib/turnout", "TURNOUT_DATA_DIR=/data", "expected /var/lib/turnout"),
        ("deploy/Dockerfile", "COPY --from=made /opt", "COPY --from=maid /opt", "COPY --from=maid: expected one of"),
        ("deploy/Dockerfile", "COPY --from=made /opt/turnout/embedder", "COPY --from=made /opt/turnout/model", "nothing puts it there"),
        ("deploy/Dockerfile", "turnout.learn.embedder_build", "turnout.learn.embedders", "there is no module turnout.learn.embedders"),
        ("deploy/Dockerfile", "--require-hashes -r /build/requirements/run.txt", "-r /build/requirements/run.txt", "without --require-hashes"),
        ("deploy/Dockerfile", "-r /build/requirements/all.txt", "-r /build/requirements/test.txt", "requirements/test.txt was not copied"),
        ("deploy/Dockerfile", 'ENTRYPOINT ["turnout", "run"]', 'ENTRYPOINT ["turnout", "serve"]', "expected turnout run"),
        ("deploy/Dockerfile", '"/opt/turnout/healthcheck.py"]', '"/opt/turnout/check.py"]', "HEALTHCHECK asks /opt/turnout/check.py"),
        ("deploy/Dockerfile", 'CMD ["ingress"]', 'CMD ["serve"]', "invalid choice: 'serve'"),
    ],
    ids=lambda value: None if not isinstance(value, str) else value[:40],
)  # fmt: skip
def test_nonsense_in_deploy_is_one_clear_line(
    checkout: Path, file: str, old: str, new: str, said: str
) -> None:
    edit(checkout, file, old, new)
    lines = list(check_deploy(checkout))
    assert any(said in line and line.startswith("deploy/") for line in lines), lines


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("deploy/Dockerfile", "FORM python:3.11-slim\n", "FORM is no instruction that is used here; did you mean FROM?"),
        ("deploy/Dockerfile", "", "it begins with nothing; expected FROM"),
        ("deploy/Dockerfile", "USER 1:1\n", "it begins with USER 1:1; expected FROM"),
        ("deploy/Dockerfile", "FROM python:3.11-slim\n", "the last stage has no USER"),
        ("deploy/Dockerfile", None, "there is no such file"),
        ("deploy/compose.yaml", "services: [\n", "deploy/compose.yaml:2: no YAML: "),
        ("deploy/compose.yaml", "- services\n", "Expected `object`, got `array`"),
        ("deploy/compose.yaml", "", "it is empty"),
        ("deploy/compose.yaml", None, "there is no such file"),
        ("deploy/compose.yaml", "services: {}\nvolumes: {}\n", "there is no service grafana"),
        ("deploy/prometheus/prometheus.yml", None, "there is no such file"),
        ("deploy/prometheus/prometheus.yml", "a: b: c\n", "deploy/prometheus/prometheus.yml:1: no YAML: "),
        ("deploy/otel/collector.yaml", "service: {}\n", "missing required field"),
        ("deploy/grafana/provisioning/dashboards/turnout.yaml", "hello\n", "Expected `object`, got `str`"),
        ("k8s/engines/charts.yaml", "{}\n", "Expected `array`, got `object`"),
        ("k8s/README.md", None, "there is no such file"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_it_should_be_is_one_short_line(
    checkout: Path, file: str, text: str | None, said: str
) -> None:
    path = checkout / file
    path.unlink()
    if text is not None:
        path.write_text(text, encoding="utf-8")
    lines = [line for line in (*check_deploy(checkout), *check_guide(checkout)) if said in line]
    assert len(lines) == 1, lines
    assert lines[0].startswith(file)
    assert len(lines[0]) < SHORT


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("turnout.learn.embedder_build", "turnout.lern.embedder_build", "there is no module turnout.lern.embedder_build"),
        ("EXPOSE 8080", "EXPOSE 8080/tcp", "EXPOSE 8080/tcp"),
        ('CMD ["ingress"]', 'CMD ["ingress", "now"]', "unrecognized arguments: now"),
        ('ENTRYPOINT ["turnout", "run"]', "ENTRYPOINT turnout run", "expected turnout run"),
    ],
)  # fmt: skip
def test_a_dockerfile_of_another_form_is_one_line(
    checkout: Path, old: str, new: str, said: str
) -> None:
    edit(checkout, "deploy/Dockerfile", old, new)
    lines = list(check_deploy(checkout))
    assert len(lines) == 1, lines
    assert said in lines[0]


def test_the_alert_rules_are_a_prometheus_rule() -> None:
    head = (ROOT / "k8s/components/monitoring/rules-head.txt").read_text(encoding="utf-8")
    for name in ("alerts", "recording"):
        rules = (ROOT / f"deploy/prometheus/{name}.yaml").read_text(encoding="utf-8")
        indented = "".join(f"  {line}" for line in rules.splitlines(keepends=True))
        things = things_of(head.replace("@", name) + indented, directory=ROOT, root=ROOT)
        assert list(check_schemas(things)) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("k8s/README.md", "--version 2.12.3", "--version 2.12.4", "as in k8s/engines/charts.yaml"),
        ("k8s/README.md", "--from-literal=TURNOUT_REDIS__URL=", "--from-literal=TURNOUT_VALKEY__URL=", "no command makes the secret key TURNOUT_REDIS__URL of turnout-engines"),
        ("k8s/README.md", "kubectl apply -k k8s/overlays/local", "kubectl apply -k k8s/overlays/locals", "there is no overlay k8s/overlays/locals"),
        ("k8s/README.md", "--values k8s/engines/valkey.values.yaml", "--values k8s/engines/redis.values.yaml", "expected --values k8s/engines/valkey.values.yaml"),
        ("k8s/engines/charts.yaml", "values: nats.values.yaml", "values: nat.values.yaml", "there is no file nat.values.yaml"),
        ("k8s/README.md", "generic turnout-router-keys", "generic router-keys", "TURNOUT_INGRESS__KEYS of router-keys is read by nothing"),
        ("k8s/README.md", "nats://nats.turnout-engines:4222", "nats://nats.turnout-engines:4223", "expected one of"),
        ("k8s/README.md", "docker-image turnout:0.1.0", "docker-image turnout:0.0.9", f"expected {IMAGE}"),
        ("k8s/README.md", "keys new me", "key new me", "invalid choice: 'key'"),
        ("k8s/README.md", "service/turnout-ingress 8080:80", "service/turnout-ingress 8080:8080", "has no port 8080"),
        ("k8s/README.md", "service/turnout-ingress 8080:80", "service/turnout 8080:80", "is not in k8s/base/ingress.yaml"),
        ("k8s/README.md", "8080/v1/messages", "8080/v1/message", "/v1/message is not served"),
        ("k8s/README.md", "kubectl apply -k k8s/overlays/local", "kubectl appply -k k8s/overlays/local", "kubectl appply: expected kubectl apply or create or port-forward or wait"),
        ("k8s/README.md", "turnout create secret", "turnout creat secret", "kubectl creat: expected kubectl apply or create"),
        ("k8s/README.md", "{ kubectl --namespace", "{ kubctl --namespace", "kubctl is none of the programs used here"),
        ("k8s/README.md", "&& kind load", "&& kind laod", "kind laod: expected kind load"),
        ("k8s/README.md", "$(openssl rand", "$(openssl rnd", "openssl rnd: expected openssl rand"),
        ("k8s/README.md", "| kubectl apply -f", "| kubectl aply -f", "kubectl aply: expected kubectl apply"),
        ("k8s/README.md", "make image && kind", "make image\n\nmake image && kind", "expected 1 to 10"),
    ],
    ids=lambda value: None if not isinstance(value, str) else value[:40],
)  # fmt: skip
def test_a_wrong_command_is_one_clear_line(
    checkout: Path, file: str, old: str, new: str, said: str
) -> None:
    edit(checkout, file, old, new)
    lines = list(check_guide(checkout))
    assert any(said in line and line.startswith("k8s/") for line in lines), lines


def test_make_image_makes_what_everything_runs(checkout: Path) -> None:
    edit(checkout, "Makefile", "--tag turnout:0.1.0", "--tag turnout:0.0.9")
    lines = list(check_guide(checkout))
    assert any(line.startswith("Makefile: image: expected docker build") for line in lines), lines
