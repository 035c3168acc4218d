package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A job shows in the numbers of every stage it went through.
func TestMetricsOfAJob(t *testing.T) {
	at := newHouse(t)
	answer, body := postForm(t, at+"/v1/encrypt", nil, field{"image", "p.png", photoOf(t, 200, 150)}, field{"text", "", "counted"})
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%d %.200s", answer.StatusCode, body)
	}
	limit, tick := time.After(20*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for { // what has left is counted a moment after it has come
		text := scrape(t, at)
		missing := ""
		for _, line := range []string{
			"p2pnode_job_upload_seconds_count 1", "p2pnode_job_download_seconds_count 1", "p2pnode_job_work_seconds_count 1",
			"p2pnode_job_first_byte_seconds_count 1", "p2pnode_jobs_here 0", "p2pnode_jobs_waiting 0",
		} {
			if !strings.Contains(text, "\n"+line+"\n") {
				missing = line
			}
		}
		if missing == "" {
			return
		}
		select {
		case <-limit:
			t.Fatalf("no %q in %s", missing, text)
		case <-tick.C:
		}
	}
}

func scrape(t *testing.T, at string) string {
	t.Helper()
	answer, err := http.Get(at + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
