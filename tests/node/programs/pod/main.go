// Command pod is what runs in the containers of the node ring: a server that
// answers TLS with the certificate mounted into it, a job that shows it, a client
// that says what it saw, and a pause.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "pod: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return pause()
	}
	switch args[0] {
	case "pause":
		return pause()
	case "serve":
		return serve(args[1:])
	case "show":
		return show()
	case "call":
		return call(args[1:])
	default:
		return fmt.Errorf("unknown command %q: pause, serve, show or call", args[0])
	}
}

// pause waits to be told to stop. As the first process of a sandbox it also
// inherits orphans, which must not stay zombies.
func pause() error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return nil
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
	return nil
}
