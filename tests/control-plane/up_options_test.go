package main

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"
)

func TestUpOptions(t *testing.T) {
	options, err := parseUp([]string{"--dir", "cluster", "--nodes=2", "--audit-log", "--apiserver-arg", "v=4", "--apiserver-arg", "feature-gates=A=true"}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if !filepath.IsAbs(options.dir) {
		t.Errorf("dir %s is relative; children may have another working directory", options.dir)
	}
	if want := []string{"node-1", "node-2"}; !slices.Equal(options.nodeNames(), want) {
		t.Errorf("nodes %v, want %v", options.nodeNames(), want)
	}
	flags := apiServerFlags(layout(options.dir), options, "127.0.0.1:1", 2)
	if want := []string{"--v=4", "--feature-gates=A=true"}; !slices.Equal(flags[len(flags)-2:], want) {
		t.Errorf("the API server's last flags are %v, want ours to win: %v", flags[len(flags)-2:], want)
	}
	if !slices.Contains(flags, "--audit-log-path="+layout(options.dir).log("audit")) {
		t.Errorf("no audit log in %v", flags)
	}
}

func TestARealNodeIsLetIn(t *testing.T) {
	options, err := parseUp([]string{"--dir", "cluster", "--nodes=0", "--node-address=192.0.2.1"}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	flags := apiServerFlags(layout(options.dir), options, "127.0.0.1:1", 2)
	for _, want := range []string{"--bind-address=0.0.0.0", "--advertise-address=192.0.2.1"} {
		if !slices.Contains(flags, want) {
			t.Errorf("no %s in %v", want, flags)
		}
	}
	if slices.Contains(flags, "--endpoint-reconciler-type=none") {
		t.Error("the Service kubernetes has no endpoints, and pods find no API server")
	}
}

func TestUpOptionsRefused(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"--dir", "x", "left-over"},
		{"--dir", "x", "--nodes=-1"},
		{"--dir", "x", "--nodes=128"},
		{"--dir", "x", "--node-address=127.0.0.1"},
		{"--dir", "x", "--node-address=node"},
		{"--dir", "x", "--start-timeout=0s"},
		{"--dir", "x", "--apiserver-arg", "novalue"},
		{"--dir", "x", "--apiserver-arg", "--v=4"},
	} {
		var said bytes.Buffer
		if _, err := parseUp(args, &said); err == nil || said.Len() == 0 {
			t.Errorf("%v: error %v, said %q; want both", args, err, said.String())
		}
	}
}

func TestAFolderThatHoldsSomethingIsRefused(t *testing.T) {
	folder := layout(t.TempDir())
	if err := folder.prepare("/bin/true"); err != nil {
		t.Fatal(err)
	}
	if err := folder.prepare("/bin/true"); err == nil {
		t.Error("a second cluster was let into the same folder")
	}
}
