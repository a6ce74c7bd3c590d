package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// startScript runs shell scripts in place of this program: $1 is the child's name.
func startScript(t *testing.T, script string, names ...string) *children {
	t.Helper()
	folder := layout(filepath.Join(t.TempDir(), "cluster"))
	if err := folder.prepare("/bin/true"); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(string(folder), "program")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	started := newChildren(program, folder)
	for _, name := range names {
		if _, err := started.start(name, []string{string(folder)}); err != nil {
			t.Fatal(err)
		}
	}
	return started
}

func waitUntilStarted(t *testing.T, folder layout, names ...string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for _, name := range names {
		for {
			if _, err := os.Stat(filepath.Join(string(folder), name+".started")); err == nil {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s did not start", name)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

func TestChildrenStopInOrder(t *testing.T) {
	const script = `trap 'echo "$1" >> "$2/order"; exit 0' TERM
: > "$2/$1.started"
while :; do sleep 0.02; done
`
	names := []string{etcdName, apiServerName, controllerManagerName, schedulerName, standInName}
	all := startScript(t, script, names...)
	waitUntilStarted(t, all.layout, names...)
	if err := all.stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(string(all.layout), "order"))
	if err != nil {
		t.Fatal(err)
	}
	order := strings.Fields(string(content))
	if len(order) != 5 || !slices.Equal(order[3:], []string{apiServerName, etcdName}) {
		t.Errorf("stopped in the order %v; want the API server after its clients, and etcd last", order)
	}
}

func TestAStubbornChildIsKilledInAHurry(t *testing.T) {
	const script = `trap '' TERM
: > "$2/$1.started"
while :; do sleep 0.02; done
`
	all := startScript(t, script, schedulerName)
	waitUntilStarted(t, all.layout, schedulerName)
	hurry, cancel := context.WithCancel(context.Background())
	cancel()
	began := time.Now()
	if err := all.stop(hurry); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took >= stopGrace {
		t.Errorf("took %s although it was in a hurry", took)
	}
}

func TestAnUnexpectedEndIsToldWithItsLog(t *testing.T) {
	all := startScript(t, "echo something broke >&2\nexit 3\n", schedulerName)
	ended := &childEnded{child: <-all.endings}
	for _, part := range []string{"kube-scheduler", "exit status 3", "something broke"} {
		if !strings.Contains(ended.Error(), part) {
			t.Errorf("%q does not say %q", ended.Error(), part)
		}
	}
	if _, lost := lostPort(ended); lost {
		t.Error("taken for a lost port")
	}
}

func TestALostPortIsRecognized(t *testing.T) {
	all := startScript(t, "echo 'listen tcp 127.0.0.1:1: bind: address already in use'\nexit 1\n", apiServerName)
	one := <-all.endings
	ended, lost := lostPort(&childEnded{child: one})
	if !lost || ended != one {
		t.Fatal("not taken for a lost port")
	}
	all.forget(one)
	if len(all.running) != 0 {
		t.Error("the lost child is not forgotten")
	}
}

func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(path, []byte(strings.Repeat("x\n", tailLimit)+"last but one\nlast\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := tail(path, 2); got != "last but one\nlast" {
		t.Errorf("got %q", got)
	}
	if got := tail(path+".missing", 2); !strings.Contains(got, "no log") {
		t.Errorf("got %q", got)
	}
}
