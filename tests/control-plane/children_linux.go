// How a child is tied to its parent on Linux.

package main

import "syscall"

// childAttributes puts a child into a process group of its own, so that Ctrl-C
// reaches only `up`, which stops the children in order; and asks the kernel to
// kill the child when `up` is gone, however it went
// (https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html).
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
