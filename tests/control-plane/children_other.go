// How a child is tied to its parent elsewhere.

//go:build unix && !linux

package main

import "syscall"

// childAttributes puts a child into a process group of its own, so that Ctrl-C
// reaches only `up`. Only Linux can also tie the child's life to its parent's.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
