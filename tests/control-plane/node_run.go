// The subcommand node: one kubelet stand-in for each node.

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// maxNodes is how many nodes fit into the pod network, see newAddressPool.
const maxNodes = 127

// runNode stands in for the kubelets of the nodes given as NAME=KUBECONFIG,
// until SIGTERM or SIGINT. A node's number, and with it the addresses of its
// pods, is its place in the list.
func runNode(args []string) int {
	kubelets, err := newKubelets(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "kube node: %v\n", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var running sync.WaitGroup
	for _, one := range kubelets {
		running.Go(func() { one.run(ctx) })
	}
	running.Wait()
	return 0
}

func newKubelets(args []string) ([]*kubelet, error) {
	if len(args) == 0 || len(args) > maxNodes {
		return nil, fmt.Errorf("wanted 1 to %d times NAME=KUBECONFIG", maxNodes)
	}
	var kubelets []*kubelet
	for index, arg := range args {
		name, path, found := strings.Cut(arg, "=")
		if !found || name == "" || path == "" {
			return nil, fmt.Errorf("wanted NAME=KUBECONFIG instead of %q", arg)
		}
		client, err := nodeClient(path)
		if err != nil {
			return nil, fmt.Errorf("node %s: %w", name, err)
		}
		kubelets = append(kubelets, newKubelet(name, index, client, slog.With("node", name)))
	}
	return kubelets, nil
}

func nodeClient(kubeconfig string) (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	config = rest.AddUserAgent(config, "kubelet-stand-in")
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	// A kubelet's own limits (https://kubernetes.io/docs/reference/config-api/kubelet-config.v1beta1/).
	config.QPS = 50
	config.Burst = 100
	config.Proxy = http.ProxyURL(nil)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, errors.Join(errors.New("make a client for the API server"), err)
	}
	return client, nil
}
