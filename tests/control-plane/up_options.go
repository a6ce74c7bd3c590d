// The flags of the subcommand up.

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"time"
)

// upOptions is what the person or test asked of `kube up`.
type upOptions struct {
	dir              string
	nodes            int
	nodeAddress      net.IP
	apiServerArgs    []string
	auditLog         bool
	stopOnStdinClose bool
	startTimeout     time.Duration
}

// parseUp reads the flags of `kube up`; problems and help go to output.
func parseUp(args []string, output io.Writer) (upOptions, error) {
	var options upOptions
	flags := flag.NewFlagSet("kube up", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&options.dir, "dir", "", "new or empty folder for everything the cluster writes (required)")
	flags.IntVar(&options.nodes, "nodes", 1, fmt.Sprintf("number of stand-in nodes, 0 to %d", maxNodes))
	flags.Func("node-address", "let the real node "+realNodeName+" join at this `IP`, and serve there too", func(text string) error {
		options.nodeAddress = net.ParseIP(text)
		if options.nodeAddress == nil || options.nodeAddress.IsLoopback() {
			return errors.New("wanted an address of this machine that is not loopback")
		}
		return nil
	})
	flags.BoolVar(&options.auditLog, "audit-log", false, "write DIR/logs/audit.log, one Metadata event for each answered request")
	flags.BoolVar(&options.stopOnStdinClose, "stop-on-stdin-close", false, "stop when standard input ends, so that the cluster does not outlive who started it")
	flags.DurationVar(&options.startTimeout, "start-timeout", 3*time.Minute, "give up when the cluster is not usable after this long")
	flags.Func("apiserver-arg", "a flag for kube-apiserver as `name=value`; may be repeated", func(arg string) error {
		name, _, found := strings.Cut(arg, "=")
		if !found || name == "" || strings.HasPrefix(name, "-") {
			return errors.New("wanted name=value without leading dashes")
		}
		options.apiServerArgs = append(options.apiServerArgs, "--"+arg)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return options, err
	}
	if err := options.check(flags.NArg()); err != nil {
		fmt.Fprintf(output, "kube up: %v\n", err)
		return options, err
	}
	absolute, err := filepath.Abs(options.dir)
	if err != nil {
		return options, fmt.Errorf("--dir: %w", err)
	}
	options.dir = absolute
	return options, nil
}

func (o upOptions) check(leftOver int) error {
	switch {
	case leftOver > 0:
		return errors.New("wanted flags only, see --help")
	case o.dir == "":
		return errors.New("--dir is required")
	case o.nodes < 0 || o.nodes > maxNodes:
		return fmt.Errorf("--nodes must be 0 to %d", maxNodes)
	case o.startTimeout <= 0:
		return errors.New("--start-timeout must be more than zero")
	}
	return nil
}

// nodeNames are the names of the stand-in nodes, node-1 first.
func (o upOptions) nodeNames() []string {
	names := make([]string, 0, o.nodes)
	for i := range o.nodes {
		names = append(names, fmt.Sprintf("node-%d", i+1))
	}
	return names
}
