// Command kube is a whole Kubernetes for tests in one program: etcd, the three
// control plane components, kubectl, a stand-in for kubelets, and `up`, which
// runs them together.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// command runs one subcommand with its arguments (without its own name) and
// returns the exit code of the process.
type command func(args []string) int

// commands maps a subcommand, or the base name of a symlink to this program,
// to what it runs.
var commands = map[string]command{
	"up":                      runUp,
	"etcd":                    runEtcd,
	"kube-apiserver":          runAPIServer,
	"kube-controller-manager": runControllerManager,
	"kube-scheduler":          runScheduler,
	"kubectl":                 runKubectl,
	"node":                    runNode,
}

const usage = `usage: kube COMMAND [flags]

  up                       run a whole cluster until told to stop (kube up --help)
  etcd                     the store
  kube-apiserver           a component of Kubernetes, with its own flags
  kube-controller-manager  a component of Kubernetes, with its own flags
  kube-scheduler           a component of Kubernetes, with its own flags
  kubectl                  kubectl of the same version
  node                     a stand-in for the kubelets of one or more nodes

Called by a symlink that has a command's name, the program is that command.
`

func main() {
	os.Exit(dispatch(os.Args))
}

// dispatch chooses the command by the base name the program was called with,
// then by its first argument.
func dispatch(argv []string) int {
	if len(argv) > 0 {
		if run, ok := commands[filepath.Base(argv[0])]; ok {
			return run(argv[1:])
		}
	}
	if len(argv) > 1 {
		if run, ok := commands[argv[1]]; ok {
			return run(argv[2:])
		}
		fmt.Fprintf(os.Stderr, "kube: unknown command %q\n\n", argv[1])
	}
	fmt.Fprint(os.Stderr, usage)
	return 2
}
