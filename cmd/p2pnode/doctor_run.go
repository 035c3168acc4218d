package main

import (
	"context"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// runLimit bounds a program of the system that only reads.
const runLimit = 2 * time.Second

// errNoTool means that this machine does not have a program.
var errNoTool = errors.New("not installed")

// runReading runs a program that changes nothing, and returns what it printed. Administrators' programs are often not in a user's PATH.
func runReading(ctx context.Context, name string, args ...string) (string, error) {
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin/", "/sbin/"} {
		if err != nil {
			path, err = exec.LookPath(dir + name)
		}
	}
	if err != nil {
		return "", errNoTool
	}
	ctx, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	c := exec.CommandContext(ctx, path, args...)
	c.WaitDelay = runLimit
	var said strings.Builder
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		return string(out), errors.New(or(strings.TrimSpace(said.String()), err.Error()))
	}
	return string(out), nil
}

func isTaken(err error) bool { return errors.Is(err, syscall.EADDRINUSE) }
