// The subcommand etcd: one member without a fixed port.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// etcdStartTimeout bounds the time until etcd serves; an empty store needs less
// than a second on an idle machine.
const etcdStartTimeout = 60 * time.Second

// runEtcd serves one etcd member on loopback until SIGTERM or SIGINT. The
// kernel chooses the port, so it cannot be lost to another process; clients
// find it in --address-file.
func runEtcd(args []string) int {
	flags := flag.NewFlagSet("etcd", flag.ContinueOnError)
	dataDir := flags.String("data-dir", "", "folder for the data (required)")
	addressFile := flags.String("address-file", "", "where to write host:port once etcd serves (required)")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if *dataDir == "" || *addressFile == "" {
		fmt.Fprintln(os.Stderr, "kube etcd: --data-dir and --address-file are required")
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := serveEtcd(ctx, *dataDir, *addressFile); err != nil {
		fmt.Fprintf(os.Stderr, "kube etcd: %v\n", err)
		return 1
	}
	return 0
}

func serveEtcd(ctx context.Context, dataDir, addressFile string) error {
	etcd, err := embed.StartEtcd(etcdConfig(dataDir))
	if err != nil {
		return fmt.Errorf("start etcd: %w", err)
	}
	defer etcd.Close()
	select {
	case <-etcd.Server.ReadyNotify():
	case err := <-etcd.Err():
		return fmt.Errorf("etcd failed while starting: %w", err)
	case <-time.After(etcdStartTimeout):
		return fmt.Errorf("etcd was not ready within %s", etcdStartTimeout)
	case <-ctx.Done():
		return nil
	}
	if len(etcd.Clients) == 0 {
		return errors.New("etcd has no listener for clients")
	}
	if err := writeFileAtomically(addressFile, []byte(etcd.Clients[0].Addr().String())); err != nil {
		return err
	}
	select {
	case err := <-etcd.Err():
		return fmt.Errorf("etcd failed: %w", err)
	case <-etcd.Server.StopNotify():
		return errors.New("etcd stopped by itself")
	case <-ctx.Done():
		return nil
	}
}

func etcdConfig(dataDir string) *embed.Config {
	anyPort := []url.URL{{Scheme: "http", Host: "127.0.0.1:0"}}
	config := embed.NewConfig()
	config.Dir = dataDir
	config.ListenClientUrls = anyPort
	config.AdvertiseClientUrls = anyPort
	config.ListenPeerUrls = anyPort
	config.AdvertisePeerUrls = anyPort
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.LogLevel = "warn"
	// The gateway would dial the configured address, which has no port yet.
	config.EnableGRPCGateway = false
	// Test data need not survive a power cut, and a sync for every write costs seconds.
	config.UnsafeNoFsync = true
	return config
}
