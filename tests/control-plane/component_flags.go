// The flags each part of the cluster runs with.

package main

import (
	"fmt"
	"net"
)

// The names of the child processes; each is also the subcommand that it runs.
const (
	etcdName              = "etcd"
	apiServerName         = "kube-apiserver"
	controllerManagerName = "kube-controller-manager"
	schedulerName         = "kube-scheduler"
	standInName           = "node"
)

// A real node and its proxy are started by others; these are the names of their
// kubeconfigs, and the first is the node's own.
const (
	realNodeName  = "real-node"
	kubeProxyName = "kube-proxy"
)

// auditPolicy records who asked for what, once for each request.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

func etcdFlags(l layout) []string {
	return []string{"--data-dir=" + l.etcd(), "--address-file=" + l.etcdAddress()}
}

// apiServerFlags leaves admission at the defaults of Kubernetes, plus
// NodeRestriction, which holds a node to its own pods.
func apiServerFlags(l layout, options upOptions, etcdAddress string, port int) []string {
	flags := []string{
		"--etcd-servers=http://" + etcdAddress,
		fmt.Sprintf("--secure-port=%d", port),
		"--tls-cert-file=" + l.pkiFile("apiserver.crt"),
		"--tls-private-key-file=" + l.pkiFile("apiserver.key"),
		"--client-ca-file=" + l.pkiFile("ca.crt"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + l.pkiFile("service-account.crt"),
		"--service-account-signing-key-file=" + l.pkiFile("service-account.key"),
		"--service-cluster-ip-range=" + serviceRange,
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		// Without it, the end waits for every client that still watches.
		"--shutdown-watch-termination-grace-period=1s",
	}
	flags = append(flags, addressFlags(l, options.nodeAddress)...)
	if options.auditLog {
		flags = append(flags, "--audit-policy-file="+l.auditPolicy(), "--audit-log-path="+l.log("audit"))
	}
	return append(flags, options.apiServerArgs...)
}

// addressFlags say where the API server is found. Pods of a real node find it by
// the Service `kubernetes`, and it finds that node's kubelet for logs and exec.
func addressFlags(l layout, node net.IP) []string {
	if node == nil {
		return []string{
			"--bind-address=127.0.0.1",
			"--advertise-address=127.0.0.1",
			// A loopback address may not stand in the endpoints of the Service `kubernetes`.
			"--endpoint-reconciler-type=none",
		}
	}
	return []string{
		"--bind-address=0.0.0.0",
		"--advertise-address=" + node.String(),
		"--kubelet-preferred-address-types=InternalIP",
		"--kubelet-certificate-authority=" + l.pkiFile("ca.crt"),
		"--kubelet-client-certificate=" + l.pkiFile("kubelet-client.crt"),
		"--kubelet-client-key=" + l.pkiFile("kubelet-client.key"),
	}
}

// controllerManagerFlags raises the client's rate: with the default of 20 calls
// a second the controllers take seconds longer to come up. It serves nothing.
func controllerManagerFlags(l layout) []string {
	return []string{
		"--kubeconfig=" + l.kubeconfig(controllerManagerName),
		"--kube-api-qps=200",
		"--kube-api-burst=400",
		"--leader-elect=false",
		"--secure-port=0",
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + l.pkiFile("service-account.key"),
		"--root-ca-file=" + l.pkiFile("ca.crt"),
		"--cluster-signing-cert-file=" + l.pkiFile("ca.crt"),
		"--cluster-signing-key-file=" + l.pkiFile("ca.key"),
	}
}

func schedulerFlags(l layout) []string {
	return []string{
		"--kubeconfig=" + l.kubeconfig(schedulerName),
		"--kube-api-qps=200",
		"--kube-api-burst=400",
		"--leader-elect=false",
		"--secure-port=0",
	}
}

func standInFlags(l layout, names []string) []string {
	var flags []string
	for _, name := range names {
		flags = append(flags, name+"="+l.kubeconfig(name))
	}
	return flags
}
