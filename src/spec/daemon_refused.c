// SPDX-License-Identifier: Apache-2.0
/* dockerd's keys of daemon.json that this build does not enforce, with what to do instead. */
#include "spec/daemon_refused.h"

#include <string.h>

#include "base/mem.h"

#define NO_BRIDGE     "there is no bridge: containers have the empty network; leave it out"
#define NO_FIREWALL   "the engine never touches the firewall; leave it out"
#define NO_REGISTRY   "no registry is ever asked; leave it out and use docker import"
#define NO_TCP        "the engine listens on unix sockets only; leave it out and reach it by ssh"
#define NO_SWARM      "there is no swarm mode; leave it out"
#define NO_CONTAINERD "the engine starts containers itself; leave it out"

static const struct daemon_refused_key keys[] = {
	{"acl-mode", "leave it out; whoever may connect to the socket is an administrator: see "
		     "\"group\""},
	{"allow-direct-routing", NO_BRIDGE},
	{"allow-nondistributable-artifacts", NO_REGISTRY},
	{"api-cors-header", "leave it out; browsers cannot reach a unix socket"},
	{"authorization-plugins",
		"leave it out; the mode and group of the socket decide who may connect"},
	{"bip", NO_BRIDGE},
	{"bip6", NO_BRIDGE},
	{"bridge", NO_BRIDGE},
	{"bridge-accept-fwmark", NO_BRIDGE},
	{"builder", "images are not built here; leave it out and use docker import"},
	{"cdi-spec-dirs", "name device nodes with --device"},
	{"cgroup-parent", "set it for each container with --cgroup-parent"},
	{"cluster-advertise", NO_SWARM},
	{"cluster-store", NO_SWARM},
	{"cluster-store-opts", NO_SWARM},
	{"containerd", NO_CONTAINERD},
	{"containerd-namespace", NO_CONTAINERD},
	{"containerd-plugins-namespace", NO_CONTAINERD},
	{"cpu-rt-period", "set it for each container with --cpu-rt-period"},
	{"cpu-rt-runtime", "set it for each container with --cpu-rt-runtime"},
	{"data-root-size", "give data-root a file system of that size"},
	{"default-address-pools", NO_BRIDGE},
	{"default-cgroupns-mode", "leave it out; it is always private"},
	{"default-gateway", NO_BRIDGE},
	{"default-gateway-v6", NO_BRIDGE},
	{"default-ipc-mode", "leave it out; it is private, or none with --ipc none"},
	{"default-network-opts", NO_BRIDGE},
	{"default-runtime", "leave it out; the only runtime is bulkhead"},
	{"deprecated-key-path", "leave it out; the engine has no key of that kind"},
	{"dns", "set it for each container with --dns"},
	{"dns-opts", "set it for each container with --dns-option"},
	{"dns-search", "set it for each container with --dns-search"},
	{"experimental", "leave it out; there are no experimental features to turn on"},
	{"features", "leave it out; there are no features to turn on"},
	{"firewall-backend", NO_FIREWALL},
	{"fixed-cidr", NO_BRIDGE},
	{"fixed-cidr-v6", NO_BRIDGE},
	{"host-gateway-ip", "name addresses with --add-host"},
	{"host-gateway-ips", "name addresses with --add-host"},
	{"http-proxy", NO_REGISTRY},
	{"https-proxy", NO_REGISTRY},
	{"icc", NO_BRIDGE},
	{"init", "name an init program of the image in --entrypoint"},
	{"init-path", "name an init program of the image in --entrypoint"},
	{"insecure-registries", NO_REGISTRY},
	{"ip", NO_BRIDGE},
	{"ip-forward", NO_FIREWALL},
	{"ip-forward-no-drop", NO_FIREWALL},
	{"ip-masq", NO_FIREWALL},
	{"ip6tables", NO_FIREWALL},
	{"iptables", NO_FIREWALL},
	{"ipv6", NO_BRIDGE},
	{"log-format", "leave it out; the engine logs text to standard error"},
	{"max-concurrent-downloads", NO_REGISTRY},
	{"max-concurrent-uploads", NO_REGISTRY},
	{"max-download-attempts", NO_REGISTRY},
	{"metrics-addr", "leave it out; GET /info has the counts"},
	{"mtu", NO_BRIDGE},
	{"network-control-plane-mtu", NO_BRIDGE},
	{"no-proxy", NO_REGISTRY},
	{"node-generic-resources", NO_SWARM},
	{"oom-score-adjust", "leave it out and set OOMScoreAdjust= in the unit of the service"},
	{"proxies", NO_REGISTRY},
	{"raw-logs", "leave it out; the engine's log has no colours"},
	{"registry-mirrors", NO_REGISTRY},
	{"rootless", "leave it out; the engine runs as root, its containers never do"},
	{"runtimes", "leave it out; the only runtime is bulkhead"},
	{"seccomp-profile", "set it for each container with --security-opt seccomp=FILE"},
	{"selinux-enabled", "leave it out; containers are not labelled"},
	{"shutdown-timeout", "leave it out; containers keep running when the engine stops"},
	{"storage-driver", "leave it out; it is always overlayfs"},
	{"storage-opts", "leave it out; overlayfs has no options here"},
	{"swarm-default-advertise-addr", NO_SWARM},
	{"tls", NO_TCP},
	{"tlscacert", NO_TCP},
	{"tlscert", NO_TCP},
	{"tlskey", NO_TCP},
	{"tlsverify", NO_TCP},
	{"userland-proxy", NO_BRIDGE},
	{"userland-proxy-path", NO_BRIDGE},
	{"userns-remap", "leave it out; every container has ids of its own, see \"id-ranges\""},
	{"validate", "use the flag --validate"},
	{"vm-accelerators", "leave it out; there is no hyperv isolation in this build"},
};

const struct daemon_refused_key *daemon_refused_keys(size_t *ret_count)
{
	*ret_count = ARRAY_SIZE(keys);
	return keys;
}

const char *daemon_refused_remedy(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (strcmp(keys[i].name, name) == 0)
			return keys[i].remedy;
	return NULL;
}
