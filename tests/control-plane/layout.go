// Where everything of a cluster lies in its folder.

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// layout is the folder of one cluster. Everything in it is readable by its
// owner only: it holds the keys of the cluster.
type layout string

func (l layout) pki() string                   { return filepath.Join(string(l), "pki") }
func (l layout) pkiFile(name string) string    { return filepath.Join(l.pki(), name) }
func (l layout) kubeconfigs() string           { return filepath.Join(string(l), "kubeconfigs") }
func (l layout) kubeconfig(user string) string { return filepath.Join(l.kubeconfigs(), user) }
func (l layout) adminKubeconfig() string       { return filepath.Join(string(l), "admin.kubeconfig") }
func (l layout) logs() string                  { return filepath.Join(string(l), "logs") }
func (l layout) log(name string) string        { return filepath.Join(l.logs(), name+".log") }
func (l layout) etcd() string                  { return filepath.Join(string(l), "etcd") }
func (l layout) etcdAddress() string           { return filepath.Join(string(l), "etcd.address") }
func (l layout) auditPolicy() string           { return filepath.Join(string(l), "audit-policy.yaml") }
func (l layout) bin() string                   { return filepath.Join(string(l), "bin") }
func (l layout) kubectl() string               { return filepath.Join(l.bin(), "kubectl") }
func (l layout) readyFile() string             { return filepath.Join(string(l), "ready.json") }

// prepare makes the folders, and the kubectl that is this program. It refuses a
// folder that holds something: an old ready.json would point to a dead cluster.
func (l layout) prepare(program string) error {
	if err := os.MkdirAll(string(l), 0o700); err != nil {
		return fmt.Errorf("make the cluster's folder: %w", err)
	}
	entries, err := os.ReadDir(string(l))
	if err != nil {
		return fmt.Errorf("look into the cluster's folder: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty: a cluster starts in a new or empty folder, so name another or remove it first", l)
	}
	for _, folder := range []string{l.pki(), l.kubeconfigs(), l.logs(), l.etcd(), l.bin()} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			return fmt.Errorf("make the cluster's folders: %w", err)
		}
	}
	if err := os.Symlink(program, l.kubectl()); err != nil {
		return fmt.Errorf("link kubectl: %w", err)
	}
	return nil
}

// withdraw removes what tells others that the cluster is up.
func (l layout) withdraw() error {
	if err := os.Remove(l.readyFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove ready.json: %w", err)
	}
	return nil
}
