// When a cluster can be used, and how it says so.

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/component-base/version"
)

func (c *cluster) awaitAPIServer(ctx context.Context) error {
	client, err := c.adminClient()
	if err != nil {
		return err
	}
	return c.await(ctx, "the API server", func(ctx context.Context) error {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
}

func (c *cluster) awaitUsable(ctx context.Context) error {
	client, err := c.adminClient()
	if err != nil {
		return err
	}
	err = c.await(ctx, "the service account of the namespace default", func(ctx context.Context) error {
		_, err := client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
	if err != nil {
		return err
	}
	return c.await(ctx, "the nodes", func(ctx context.Context) error {
		nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		return nodesUsable(nodes.Items, c.options.nodes)
	})
}

// nodesUsable says which node a pod could not be scheduled to, and why.
func nodesUsable(nodes []corev1.Node, wanted int) error {
	for _, node := range nodes {
		if len(node.Spec.Taints) > 0 {
			return fmt.Errorf("node %s has the taint %s", node.Name, node.Spec.Taints[0].Key)
		}
		for _, condition := range node.Status.Conditions {
			if condition.Type == corev1.NodeReady && condition.Status != corev1.ConditionTrue {
				return fmt.Errorf("node %s is not Ready: %s", node.Name, condition.Message)
			}
		}
	}
	if len(nodes) != wanted {
		return fmt.Errorf("%d of %d nodes are registered", len(nodes), wanted)
	}
	return nil
}

// readyFile is what DIR/ready.json holds.
type readyFile struct {
	Server     string         `json:"server"`
	Kubeconfig string         `json:"kubeconfig"`
	Kubectl    string         `json:"kubectl"`
	Version    string         `json:"version"`
	PIDs       map[string]int `json:"pids"`
}

func (c *cluster) writeReadyFile() error {
	pids := make(map[string]int, len(c.children.running))
	for _, one := range c.children.running {
		pids[one.name] = one.process.Pid
	}
	content, err := json.MarshalIndent(readyFile{
		Server:     c.server,
		Kubeconfig: c.layout.adminKubeconfig(),
		Kubectl:    c.layout.kubectl(),
		Version:    version.Get().GitVersion,
		PIDs:       pids,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode ready.json: %w", err)
	}
	return writeFileAtomically(c.layout.readyFile(), append(content, '\n'))
}

func (c *cluster) adminClient() (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.layout.adminKubeconfig())
	if err != nil {
		return nil, fmt.Errorf("read the administrator's kubeconfig: %w", err)
	}
	config.QPS = -1
	// Nothing of the environment may stand between us and a loopback address.
	config.Proxy = http.ProxyURL(nil)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for the API server: %w", err)
	}
	return client, nil
}
