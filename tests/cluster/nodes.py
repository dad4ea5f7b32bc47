"""python nodes.py N: N Ray nodes of a CPU each on this machine, by ray.cluster_utils.Cluster; in Ray's environment.

Prints the cluster's address and the process of each node's raylet. Then reads lines: a node's number kills it at once
(0 is the head); the end of the input kills them all.
"""

from __future__ import annotations

import os
import sys

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # 127.0.0.1 alone
    "RAY_worker_niceness": "0",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "5",  # s that a node lives without its head; 60 by default
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "20",
}


def main() -> None:
    """Start, obey, end."""
    os.environ |= SETTINGS
    from ray.cluster_utils import Cluster

    cluster = Cluster()
    how = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
    nodes = [cluster.add_node(node_ip_address="127.0.0.1", **how) for _ in range(int(sys.argv[1]))]
    print(cluster.address, *(node.all_processes["raylet"][0].process.pid for node in nodes), flush=True)
    for line in sys.stdin:
        node = nodes[int(line)]
        node.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)
        print("killed", flush=True)
    for node in nodes:
        node.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)


if __name__ == "__main__":
    main()
