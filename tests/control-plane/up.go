// The subcommand up: a cluster in the foreground.

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

// errAskedToStop ends a context because of a signal or the end of standard input.
var errAskedToStop = errors.New("told to stop")

// runUp runs a cluster in the foreground until it is told to stop. It exits
// with 0 after an orderly stop, 1 when the cluster failed, 2 for bad flags.
func runUp(args []string) int {
	// The kernel kills a child when the thread that started it ends
	// (https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html), so
	// all of them are started here, on a thread that lives until the exit.
	runtime.LockOSThread()
	options, err := parseUp(args, os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		return 2
	}
	stop, hurry := stopRequests(options.stopOnStdinClose)
	if err := up(stop, hurry, options); err != nil {
		fmt.Fprintf(os.Stderr, "kube up: %v\n", err)
		return 1
	}
	return 0
}

// up starts the cluster, says that it is ready, waits, and stops it.
func up(stop, hurry context.Context, options upOptions) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	folder := layout(options.dir)
	if err := folder.prepare(program); err != nil {
		return err
	}
	one := &cluster{options: options, layout: folder, children: newChildren(program, folder)}
	failure := one.run(stop)
	return errors.Join(failure, folder.withdraw(), one.children.stop(hurry))
}

// run returns nil when a ready cluster was told to stop.
func (c *cluster) run(stop context.Context) error {
	if err := c.start(stop); err != nil {
		return err
	}
	if err := c.announce(); err != nil {
		return err
	}
	select {
	case ended := <-c.children.endings:
		return &childEnded{child: ended}
	case <-stop.Done():
		return nil
	}
}

// announce tells by a file and a line that the cluster can be used.
func (c *cluster) announce() error {
	if err := c.writeReadyFile(); err != nil {
		return err
	}
	fmt.Printf("ready %s\n", c.layout.adminKubeconfig())
	return nil
}

// stopRequests returns a context that ends at the first SIGTERM or SIGINT (or
// the end of standard input), and one that ends at the second signal.
func stopRequests(onStdinClose bool) (stop, hurry context.Context) {
	stop, cancelStop := context.WithCancelCause(context.Background())
	hurry, cancelHurry := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		cancelStop(errAskedToStop)
		<-signals
		cancelHurry(errAskedToStop)
	}()
	if onStdinClose {
		go func() {
			// Whatever ends the reading, nobody is there any more.
			_, _ = io.Copy(io.Discard, os.Stdin)
			cancelStop(errAskedToStop)
		}()
	}
	return stop, hurry
}
