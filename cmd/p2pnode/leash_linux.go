package main

import "syscall"

// leashed makes a child die with its parent, however that ends, and keeps the terminal's signals from it.
func leashed() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
