"""An agent's program with the Python client, unchanged. It reads, watches, applies and enters a pod, and prints a line
for each. Arguments: namespace, pod."""

import os
import sys

from kubernetes import client, config, dynamic, watch
from kubernetes.stream import stream

namespace, pod = sys.argv[1:]
if os.environ.get("KUBECONFIG"):
    config.load_kube_config()
else:
    config.load_incluster_config()
core = client.CoreV1Api()

wanted = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "from-python", "namespace": namespace},
    "data": {"written": "by Python"},
}
maps = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version="v1", kind="ConfigMap")
maps.server_side_apply(body=wanted, namespace=namespace, field_manager="test")
for event in watch.Watch().stream(
    core.list_namespaced_config_map, namespace, field_selector="metadata.name=from-python", timeout_seconds=30
):
    print("watch", event["type"], event["object"].data["written"])
    break
print("get", core.read_namespaced_config_map("from-python", namespace).data["written"])
try:
    execute = core.connect_get_namespaced_pod_exec
    entered = stream(execute, pod, namespace, command=["echo", "hello"], stdout=True, _preload_content=False)
    entered.run_forever(timeout=30)
    print("exec", entered.read_channel(3))
except client.ApiException as error:
    print("exec", error.reason)
