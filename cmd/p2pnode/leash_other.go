//go:build !linux

package main

import "syscall"

// leashed has no means here beyond those of scratch: a child outlives a parent that is killed.
func leashed() *syscall.SysProcAttr { return nil }
