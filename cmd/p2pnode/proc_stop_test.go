//go:build unix

package main

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func TestProcessLeaderToldToStopHandsOver(t *testing.T) {
	l := newLab(t)
	all := l.running(3)
	var took figures
	for range times(10, 3) {
		leader, epoch, _ := l.agreed(30*time.Second, all...)
		began := time.Now()
		exited := make(chan int, 1)
		go func() { exited <- leader.terminate(15 * time.Second) }()
		agreed, _ := l.succeeded(others(all, leader), epoch)
		took = append(took, agreed)
		if exit := <-exited; exit != 0 {
			t.Errorf("%s ended with exit %d: %s", leader.name, exit, leader.lastWords(500))
		}
		t.Logf("%s was gone after %v", leader.name, time.Since(began).Round(time.Millisecond))
		leader.start()
	}
	l.bound("SIGTERM of the leader to an agreed new one", took, time.Second, time.Second)
}

func TestProcessWorkingLeaderToldToStopFinishesItsJob(t *testing.T) {
	l := newLab(t)
	all := l.running(3)
	leader, epoch, _ := l.agreed(30*time.Second, all...)
	photo := l.paint("heavy.jpg", 3800, 2500)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	results := make(chan told, 3)
	var clients sync.WaitGroup
	for range 3 {
		clients.Go(func() { results <- l.hide(ctx, all, photo, "while the leader stops") })
	}
	if l.working([]*proc{leader}, 30*time.Second) == nil {
		t.Fatalf("the leader was given no job: %s", l.describe(all))
	}
	exited := make(chan int, 1)
	began := time.Now()
	go func() { exited <- leader.terminate(20 * time.Second) }()
	agreed, _ := l.succeeded(others(all, leader), epoch)
	l.bound("SIGTERM of the leader at work to an agreed new one", figures{agreed}, time.Second, time.Second)
	if exit := <-exited; exit != 0 {
		t.Errorf("%s ended with exit %d: %s", leader.name, exit, leader.lastWords(500))
	}
	t.Logf("%s was gone after %v", leader.name, time.Since(began).Round(time.Millisecond))
	clients.Wait()
	close(results)
	finished := 0
	for r := range results {
		t.Logf("%s: %s, %d attempts, %.1f s", filepath.Base(photo), r.Server, r.Attempts, r.Seconds)
		if r.Server == leader.name && r.Attempts == 1 {
			finished++
		}
	}
	if finished == 0 {
		t.Error("the leader did not finish the job it was working on")
	}
}
