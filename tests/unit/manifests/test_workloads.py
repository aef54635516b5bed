"""The pods of an app, what belongs to them, and how their image is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from outboard.errors import CommandError, ResourceError
from outboard.facts.annotations import ANNOTATIONS
from outboard.manifests.assembling import ManifestOptions
from outboard.manifests.reading import ANNOTATIONS as FROM_SETTINGS
from outboard.run.plan.settings import BY_FLAG
from support.deployments import KAFKA, Project, one


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def pod(project: Project, app: str) -> Any:
    return one(project.documents(), "Deployment", app)["spec"]["template"]


def sidecar_annotations(project: Project, app: str) -> dict[str, str]:
    found: dict[str, str] = pod(project, app)["metadata"]["annotations"]
    assert set(found) <= set(ANNOTATIONS)
    assert all(isinstance(each, str) for each in found.values())
    return {name.removeprefix("dapr.io/"): value for name, value in found.items()}


def container(project: Project, app: str) -> Any:
    return pod(project, app)["spec"]["containers"][0]


def variables(project: Project, app: str) -> dict[str, Any]:
    return {
        each["name"]: each.get("value", each.get("valueFrom", {}).get("secretKeyRef"))
        for each in container(project, app)["env"]
    }


def test_an_app_with_a_port(project: Project) -> None:
    documents = project.documents()
    found = sidecar_annotations(project, "shop")
    assert (found["enabled"], found["app-id"], found["app-port"]) == ("true", "shop", "8000")
    assert one(documents, "Service", "shop")["spec"]["ports"][0]["targetPort"] == "http"
    assert container(project, "shop")["readinessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert variables(project, "shop") == {"APP_ID": "shop", "APP_HOST": "0.0.0.0", "APP_PORT": "8000"}
    assert one(documents, "PodDisruptionBudget", "shop")["spec"]["maxUnavailable"] == 1
    ports = one(documents, "NetworkPolicy", "shop")["spec"]["ingress"][0]["ports"]
    assert [each["port"] for each in ports] == [8000, 50002]
    assert one(documents, "Deployment", "shop")["spec"]["strategy"]["type"] == "RollingUpdate"


def test_an_app_without_a_port(project: Project) -> None:
    assert "app-port" not in sidecar_annotations(project, "till")
    found = container(project, "till")
    assert not {"ports", "readinessProbe", "livenessProbe"} & set(found)
    assert variables(project, "till") == {"APP_ID": "till"}
    assert not [
        each
        for each in project.documents()
        if (each["kind"], each["metadata"]["name"]) == ("Service", "till")
    ]


def test_the_pod_has_no_token_and_the_sidecar_asks_for_none(project: Project) -> None:
    spec = pod(project, "shop")["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert sidecar_annotations(project, "shop")["disable-builtin-k8s-secret-store"] == "true"
    assert spec["securityContext"]["runAsNonRoot"] is True


def test_a_sidecar_that_asks_kubernetes_has_the_token(project: Project) -> None:
    project.write(
        "parts/vault.yaml",
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: vault\nspec:\n"
        "  type: secretstores.kubernetes\n  version: v1\n  metadata: []\nscopes: [shop]\n",
    )
    assert pod(project, "shop")["spec"]["automountServiceAccountToken"] is True
    assert "disable-builtin-k8s-secret-store" not in sidecar_annotations(project, "shop")
    assert pod(project, "till")["spec"]["automountServiceAccountToken"] is False


def test_a_stop_has_the_time_that_the_sidecar_takes(project: Project) -> None:
    project.run_file(shop="    x-kubernetes:\n      stopSeconds: 5\n")
    found = sidecar_annotations(project, "shop")
    sidecar = int(found["block-shutdown-duration"].rstrip("s")) + int(found["graceful-shutdown-seconds"])
    assert pod(project, "shop")["spec"]["terminationGracePeriodSeconds"] > sidecar


def test_settings_of_the_run_file_become_sidecar_annotations(project: Project) -> None:
    assert set(FROM_SETTINGS) <= set(BY_FLAG)
    project.run_file(
        shop="    logLevel: debug\n    appMaxConcurrency: 4\n    enableAppHealthCheck: true\n"
        "    appHealthCheckPath: /alive\n    daprHTTPMaxRequestSize: 8\n    appProtocol: grpc\n"
    )
    found = sidecar_annotations(project, "shop")
    assert found["log-level"] == "debug"
    assert found["app-max-concurrency"] == "4"
    assert found["enable-app-health-check"] == "true"
    assert found["http-max-request-size"] == "8"
    assert found["app-protocol"] == "grpc"
    assert container(project, "shop")["livenessProbe"]["tcpSocket"] == {"port": "http"}


def test_tokens_go_to_the_sidecar_and_to_the_service(project: Project) -> None:
    project.run_file(top="  namespace: trade\n  tokens: true\n")
    found = sidecar_annotations(project, "shop")
    assert (found["api-token-secret"], found["app-token-secret"]) == ("dapr-api-token", "app-api-token")
    assert variables(project, "shop")["DAPR_API_TOKEN"] == {"name": "dapr-api-token", "key": "token"}
    assert variables(project, "shop")["APP_API_TOKEN"] == {"name": "app-api-token", "key": "token"}
    assert [each.name for each in project.made().secrets] == ["app-api-token", "dapr-api-token"]


def test_secret_variables_come_from_a_secret(project: Project) -> None:
    project.run_file(
        shop="    env:\n      DATABASE_URL: postgresql://shop:open-sesame@pg/shop\n"
        "      API_KEY: open-sesame\n      PLACE: Graz\n    x-kubernetes:\n      secrets: [LICENCE]\n"
    )
    found = variables(project, "shop")
    assert found["PLACE"] == "Graz"
    for name in ("DATABASE_URL", "API_KEY", "LICENCE"):
        assert found[name] == {"name": "shop", "key": name}
    made = project.made()
    assert not any("open-sesame" in text for text in made.files.values())
    assert set(made.secrets[0].keys) == {"DATABASE_URL", "API_KEY", "LICENCE"}


def test_a_volume_means_one_pod(project: Project) -> None:
    project.run_file(shop="    x-kubernetes:\n      volume: {path: /data, size: 2Gi}\n")
    documents = project.documents()
    claim = one(documents, "PersistentVolumeClaim", "shop-data")
    assert claim["spec"]["resources"]["requests"]["storage"] == "2Gi"
    assert one(documents, "Deployment", "shop")["spec"]["strategy"] == {"type": "Recreate"}
    mounts = container(project, "shop")["volumeMounts"]
    assert {"name": "data", "mountPath": "/data"} in mounts


def test_an_app_has_what_all_have_unless_it_says_otherwise(project: Project) -> None:
    project.run_file(
        top="  namespace: trade\n  replicas: 3\n  memory: 128Mi\n  env: {PLACE: Graz, TIME: noon}\n",
        shop="    containerImage: registry.example.com/shop:2\n    containerImagePullPolicy: Always\n"
        "    createService: false\n    x-kubernetes:\n      replicas: 1\n      env: {PLACE: Wels}\n",
    )
    documents = project.documents()
    assert one(documents, "Deployment", "shop")["spec"]["replicas"] == 1
    assert one(documents, "Deployment", "till")["spec"]["replicas"] == 3
    found = container(project, "shop")
    assert (found["image"], found["imagePullPolicy"]) == ("registry.example.com/shop:2", "Always")
    assert found["resources"]["requests"]["memory"] == "128Mi"
    assert (variables(project, "shop")["PLACE"], variables(project, "shop")["TIME"]) == ("Wels", "noon")
    assert [each for each in documents if each["kind"] == "Service"] == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("    x-kubernetes:\n      replica: 1\n", "unknown key `replica`. Did you mean `replicas`"),
        ("    x-kubernetes:\n      replicas: many\n", "must be a whole number"),
        ("    x-kubernetes:\n      volume: {size: 1Gi}\n", "`path` is missing"),
        ("    x-kubernetes:\n      scale: {lag: 1}\n", "`topic` is missing"),
    ],
)
def test_a_mistake_in_the_settings_is_told_with_its_line(project: Project, text: str, told: str) -> None:
    project.run_file(shop=text)
    with pytest.raises(ResourceError, match=told) as caught:
        project.made()
    assert caught.value.line > 5


def test_an_app_id_that_kubernetes_does_not_take_is_refused(project: Project) -> None:
    text = project.file.read_text(encoding="utf-8")
    project.file.write_text(text.replace("appID: shop", "appID: My_Shop"), encoding="utf-8")
    with pytest.raises(CommandError, match="`My_Shop` is no name for Kubernetes"):
        project.made()


# Scaling


SCALED = "    x-kubernetes:\n      scale: {topic: orders, lag: 50, min: 0, max: 4}\n"
KEDA = ManifestOptions(keda=True)


def test_an_app_is_scaled_by_its_lag_where_that_is_asked_for(project: Project) -> None:
    project.run_file(till=SCALED)
    assert "60-scaling.yaml" not in project.made().files
    scaled = one(project.documents(options=KEDA), "ScaledObject", "till")["spec"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (0, 4)
    assert scaled["triggers"] == [
        {
            "type": "kafka",
            "metadata": {
                "bootstrapServers": "kafka.trade.svc.cluster.local:9092",
                "consumerGroup": "shop",
                "topic": "orders",
                "lagThreshold": "50",
                "offsetResetPolicy": "latest",
            },
        }
    ]


def test_keda_logs_in_with_the_secrets_of_the_component(project: Project) -> None:
    login = "    - name: saslUsername\n      secretKeyRef: {name: kafka, key: user}\n"
    login += "    - name: saslPassword\n      value: open-sesame\n"
    project.write("parts/pubsub.yaml", KAFKA.replace("value: none", "value: password") + login)
    project.run_file(till=SCALED)
    documents = project.documents(options=KEDA)
    targets = one(documents, "TriggerAuthentication", "till")["spec"]["secretTargetRef"]
    assert targets == [
        {"parameter": "username", "name": "kafka", "key": "user"},
        {"parameter": "password", "name": "pubsub", "key": "saslPassword"},
    ]
    trigger = one(documents, "ScaledObject", "till")["spec"]["triggers"][0]
    assert trigger["authenticationRef"] == {"name": "till"}
    assert (trigger["metadata"]["sasl"], trigger["metadata"]["tls"]) == ("plaintext", "enable")


def test_keda_reads_fields_in_the_case_in_which_daprd_does(project: Project) -> None:
    login = "    - name: SASLUsername\n      secretKeyRef: {name: kafka, key: user}\n"
    login += (
        "    - name: saslpassword\n      value: open-sesame\n    - name: disableTLS\n      value: 'YES'\n"
    )
    login += "    - name: InitialOffset\n      value: oldest\n"
    kafka = KAFKA.replace("name: brokers", "name: Brokers").replace(
        "name: consumerGroup", "name: consumergroup"
    )
    kafka = kafka.replace("value: none", "value: Password").replace("pubsub.kafka", "PubSub.Kafka")
    project.write("parts/pubsub.yaml", kafka.replace("name: authType", "name: AuthType") + login)
    project.run_file(till=SCALED)
    documents = project.documents(options=KEDA)
    trigger = one(documents, "ScaledObject", "till")["spec"]["triggers"][0]["metadata"]
    assert trigger["bootstrapServers"] == "kafka.trade.svc.cluster.local:9092"
    assert (trigger["consumerGroup"], trigger["sasl"]) == ("shop", "plaintext")
    assert "tls" not in trigger
    assert trigger["offsetResetPolicy"] == "latest", "daprd reads initialOffset in this case alone"
    targets = one(documents, "TriggerAuthentication", "till")["spec"]["secretTargetRef"]
    assert [each["parameter"] for each in targets] == ["username", "password"]


def test_what_keda_scales_has_no_number_of_its_own(project: Project) -> None:
    project.run_file(till=SCALED)
    spec = one(project.documents(options=KEDA), "Deployment", "till")["spec"]
    assert "replicas" not in spec
    assert one(project.documents(), "Deployment", "till")["spec"]["replicas"] == 1
    overlay = project.made(options=ManifestOptions(keda=True, kustomize=True)).once
    assert "count: 1" in (text := overlay["overlays/production/kustomization.yaml"])
    assert text.count("count:") == 1


@pytest.mark.parametrize(
    ("kafka", "scale", "told"),
    [
        (KAFKA.replace("pubsub.kafka", "pubsub.rabbitmq"), SCALED, "there are 0 of pubsub.kafka"),
        (KAFKA, SCALED.replace("{topic", "{pubsub: other, topic"), "no pubsub.kafka is called other"),
        (KAFKA.replace("value: none", "value: oidc"), SCALED, "KEDA cannot log in"),
        (KAFKA, SCALED + "      volume: {path: /data}\n", "has one volume, and so one pod"),
    ],
)
def test_what_keda_cannot_do_is_told(project: Project, kafka: str, scale: str, told: str) -> None:
    project.write("parts/pubsub.yaml", kafka)
    project.run_file(till=scale)
    with pytest.raises(CommandError, match=told):
        project.made(options=KEDA)


# Images


def test_a_containerfile_of_an_app_with_its_requirements(project: Project) -> None:
    assert project.made().files["shop.Containerfile"] == (
        "# The image of shop. From the folder of dapr.yaml:\n"
        "#   docker build -f kubernetes/shop.Containerfile -t shop:0.1.0 .\n"
        "FROM python:3.13-slim AS build\n"
        "WORKDIR /build\n"
        "COPY requirements.txt ./requirements.txt\n"
        "RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir -r requirements.txt\n"
        "\n"
        "FROM python:3.13-slim\n"
        "COPY --from=build /venv /venv\n"
        "ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1"
        " APP_HOST=0.0.0.0 UVICORN_HOST=0.0.0.0 APP_PORT=8000\n"
        "WORKDIR /app\n"
        "COPY . ./\n"
        "RUN useradd --uid 10001 --no-create-home app\n"
        "USER 10001\n"
        "EXPOSE 8000\n"
        "# The exec form, so that SIGTERM reaches the program itself: what is being handled is then "
        "finished.\n"
        'CMD ["python", "-m", "shop"]\n'
    )
    assert "EXPOSE" not in project.made().files["till.Containerfile"]


def test_an_image_may_be_built_from_a_folder_above(project: Project) -> None:
    (project.folder / "src").mkdir()
    text = project.file.read_text(encoding="utf-8")
    build = "    x-kubernetes:\n      build: {context: ., install: 'outboard[sql] shop', files: [shop]}\n"
    project.file.write_text(
        text.replace("    appDirPath: .\n", f"    appDirPath: src\n{build}", 1), encoding="utf-8"
    )
    made = project.made().files["shop.Containerfile"]
    assert 'pip install --no-cache-dir "outboard[sql]" shop\n' in made
    assert "requirements.txt" not in made
    assert "COPY src/shop ./shop\n" in made
    project.file.write_text(
        text.replace(
            "    appDirPath: .\n", f"    appDirPath: .\n{build.replace('context: .', 'context: src')}", 1
        ),
        encoding="utf-8",
    )
    with pytest.raises(CommandError, match="is not below"):
        project.made()


def test_dependencies_may_be_a_stage_of_their_own(project: Project) -> None:
    text = project.file.read_text(encoding="utf-8")
    build = (
        "    x-kubernetes:\n      build: {install: '.[sql] more', installFrom: [pyproject.toml, src],"
        " dependenciesFrom: [pyproject.toml]}\n"
    )
    project.file.write_text(
        text.replace("    appDirPath: .\n", f"    appDirPath: .\n{build}", 1), encoding="utf-8"
    )
    assert (
        "FROM python:3.13-slim AS dependencies\n"
        "WORKDIR /build\n"
        "COPY pyproject.toml ./pyproject.toml\n"
        'RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir ".[sql]" more\n'
        "\n"
        "FROM dependencies AS build\n"
        "COPY src ./src\n"
        'RUN /venv/bin/pip install --no-cache-dir --no-deps --force-reinstall ".[sql]" more\n'
        "\n"
        "FROM python:3.13-slim\n"
        "COPY --from=build /venv /venv\n"
    ) in project.made().files["shop.Containerfile"]


@pytest.mark.parametrize(
    ("there", "lines"),
    [
        ("requirements.txt", "COPY own/requirements.txt ./requirements.txt\nRUN … -r requirements.txt\n"),
        ("pyproject.toml", "COPY own/ ./\nRUN … .\n"),
        ("other.txt", "WORKDIR /build\nRUN … outboard\n"),
    ],
)
def test_the_packages_of_an_app(project: Project, there: str, lines: str) -> None:
    project.write(f"own/{there}", "")
    text = project.file.read_text(encoding="utf-8")
    project.file.write_text(text.replace("appDirPath: .", "appDirPath: own", 1), encoding="utf-8")
    made = project.made().files["shop.Containerfile"]
    pip = "python -m venv /venv && /venv/bin/pip install --no-cache-dir"
    assert lines.replace("…", pip) in made
    assert "COPY own/ ./\n" in made


def test_an_app_beside_the_run_file_is_built_from_its_own_folder(tmp_path: Path) -> None:
    project = Project(tmp_path / "run")
    (tmp_path / "shop").mkdir()
    text = project.file.read_text(encoding="utf-8")
    project.file.write_text(text.replace("appDirPath: .", "appDirPath: ../shop", 1), encoding="utf-8")
    made = project.made().files["shop.Containerfile"]
    assert "From the folder ../shop, seen from that of dapr.yaml:" in made
    assert "docker build -f ../run/kubernetes/shop.Containerfile -t" in made


def test_an_app_in_another_language_gets_no_containerfile(project: Project) -> None:
    text = project.file.read_text(encoding="utf-8")
    project.file.write_text(text.replace('["python", "-m", "shop"]', '["node", "app.js"]'), encoding="utf-8")
    assert "shop.Containerfile" not in project.made().files
    assert "40-shop.yaml" in project.made().files


def test_the_same_input_gives_the_same_files(project: Project) -> None:
    project.run_file(till=SCALED)
    every = ManifestOptions(keda=True, kustomize=True)
    assert project.made(options=every) == project.made(options=every)
