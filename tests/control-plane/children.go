// The processes of a cluster: start them, notice their end, stop them in order.

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// stopGrace is how long a child may take from SIGTERM to its end before it is killed.
const stopGrace = 10 * time.Second

// child is one running process of the cluster.
type child struct {
	name    string
	log     string
	process *os.Process
	// ended is closed once the process has been reaped; outcome is set before.
	ended   chan struct{}
	outcome error
}

// children starts this program again for each part of the cluster, and is the
// only one that stops them.
type children struct {
	program string
	layout  layout
	running []*child
	// endings carries every child that ended, in the order of their ends.
	endings chan *child
}

// endingsLimit is more than all children that one cluster can ever start, so
// that reporting an end never blocks.
const endingsLimit = 4 + portAttempts

func newChildren(program string, folder layout) *children {
	return &children{program: program, layout: folder, endings: make(chan *child, endingsLimit)}
}

// childEnded says that a child ended although nobody asked it to.
type childEnded struct {
	child *child
}

func (e *childEnded) Error() string {
	const lines = 25
	how := "with exit status 0"
	if e.child.outcome != nil {
		how = e.child.outcome.Error()
	}
	return fmt.Sprintf("%s ended unexpectedly (%s); the end of %s:\n%s", e.child.name, how, e.child.log, tail(e.child.log, lines))
}

// start runs the subcommand called name. The child is killed when the thread
// that started it ends, so the caller must be locked to a thread that lives as
// long as this process.
func (c *children) start(name string, flags []string) (*child, error) {
	path := c.layout.log(name)
	log, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", name, err)
	}
	defer log.Close()
	command := exec.Command(c.program, append([]string{name}, flags...)...)
	command.Args[0] = "kube"
	command.Stdout = log
	command.Stderr = log
	command.SysProcAttr = childAttributes()
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	started := &child{name: name, log: path, process: command.Process, ended: make(chan struct{})}
	go func() {
		started.outcome = command.Wait()
		close(started.ended)
		c.endings <- started
	}()
	c.running = append(c.running, started)
	return started, nil
}

// forget drops a child that has ended and is to be started again.
func (c *children) forget(ended *child) {
	kept := c.running[:0]
	for _, one := range c.running {
		if one != ended {
			kept = append(kept, one)
		}
	}
	c.running = kept
}

// stop ends all children: first the clients of the API server, then the API
// server, and only then etcd, without which the API server's shutdown hangs.
// Once hurry is done, what still runs is killed at once.
func (c *children) stop(hurry context.Context) error {
	var problems []error
	for _, together := range [][]string{{standInName, schedulerName, controllerManagerName}, {apiServerName}, {etcdName}} {
		problems = append(problems, stopTogether(c.named(together), hurry))
	}
	return errors.Join(problems...)
}

func (c *children) named(names []string) []*child {
	var found []*child
	for _, name := range names {
		for _, one := range c.running {
			if one.name == name {
				found = append(found, one)
			}
		}
	}
	return found
}

func stopTogether(group []*child, hurry context.Context) error {
	var problems []error
	for _, one := range group {
		if err := one.process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			problems = append(problems, fmt.Errorf("stop %s: %w", one.name, err))
		}
	}
	patience, cancel := context.WithTimeout(hurry, stopGrace)
	defer cancel()
	for _, one := range group {
		select {
		case <-one.ended:
			continue
		case <-patience.Done():
		}
		if err := one.process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			problems = append(problems, fmt.Errorf("kill %s: %w", one.name, err))
			continue
		}
		<-one.ended
	}
	return errors.Join(problems...)
}
