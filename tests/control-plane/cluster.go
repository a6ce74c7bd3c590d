// The start of a cluster, step by step.

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

const (
	// pollInterval is short because every start of a test waits for it.
	pollInterval = 50 * time.Millisecond
	// probeTimeout bounds one look at a part of the cluster.
	probeTimeout = 5 * time.Second
	// portAttempts bounds how often the API server may lose the race for its port.
	portAttempts = 5
)

// cluster is one `kube up`.
type cluster struct {
	options  upOptions
	layout   layout
	children *children
	ca       *authority
	server   string
}

// start returns once the cluster can be used: the API server is ready, the
// namespace default has its service account, and every node takes pods.
func (c *cluster) start(stop context.Context) error {
	ctx, cancel := context.WithTimeoutCause(stop, c.options.startTimeout,
		fmt.Errorf("the cluster was not usable within %s", c.options.startTimeout))
	defer cancel()
	if err := c.writePKI(time.Now()); err != nil {
		return err
	}
	etcdAddress, err := c.startEtcd(ctx)
	if err != nil {
		return err
	}
	if err := c.startAPIServer(ctx, etcdAddress); err != nil {
		return err
	}
	if err := c.startClients(); err != nil {
		return err
	}
	return c.awaitUsable(ctx)
}

func (c *cluster) startEtcd(ctx context.Context) (address string, err error) {
	if _, err := c.children.start(etcdName, etcdFlags(c.layout)); err != nil {
		return "", err
	}
	err = c.await(ctx, "etcd", func(context.Context) error {
		content, err := os.ReadFile(c.layout.etcdAddress())
		address = string(content)
		return err
	})
	return address, err
}

// startAPIServer chooses a free port and starts again on another one if some
// other process took it in between. That process cannot be mistaken for ours:
// it has no certificate of this cluster's CA.
func (c *cluster) startAPIServer(ctx context.Context, etcdAddress string) error {
	for attempt := 1; ; attempt++ {
		port, err := freePort()
		if err != nil {
			return err
		}
		c.server = fmt.Sprintf("https://127.0.0.1:%d", port)
		if err := c.writeKubeconfigs(time.Now()); err != nil {
			return err
		}
		if _, err := c.children.start(apiServerName, apiServerFlags(c.layout, c.options, etcdAddress, port)); err != nil {
			return err
		}
		err = c.awaitAPIServer(ctx)
		ended, lost := lostPort(err)
		if !lost || attempt == portAttempts {
			return err
		}
		c.children.forget(ended)
	}
}

// startClients starts everything that talks to the API server.
func (c *cluster) startClients() error {
	if _, err := c.children.start(controllerManagerName, controllerManagerFlags(c.layout)); err != nil {
		return err
	}
	if _, err := c.children.start(schedulerName, schedulerFlags(c.layout)); err != nil {
		return err
	}
	if c.options.nodes == 0 {
		return nil
	}
	_, err := c.children.start(standInName, standInFlags(c.layout, c.options.nodeNames()))
	return err
}

// lostPort reports whether a child ended because another process took the
// address that was free a moment ago.
func lostPort(err error) (*child, bool) {
	var ended *childEnded
	if !errors.As(err, &ended) {
		return nil, false
	}
	return ended.child, strings.Contains(tail(ended.child.log, 50), "address already in use")
}

// await asks until probe has no error, a child ends, or ctx does.
func (c *cluster) await(ctx context.Context, what string, probe func(context.Context) error) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		attempt, cancel := context.WithTimeout(ctx, probeTimeout)
		err := probe(attempt)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case ended := <-c.children.endings:
			return &childEnded{child: ended}
		case <-ctx.Done():
			return fmt.Errorf("%w while waiting for %s: %w", context.Cause(ctx), what, err)
		case <-ticker.C:
		}
	}
}

func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("find a free port: %s is not a TCP address", listener.Addr())
	}
	return address.Port, nil
}
