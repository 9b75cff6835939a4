package main

import (
	"context"
	"syscall"
	"testing"
	"time"

	"zkctl/probe"
	"zkctl/probe/wire"
)

// BenchmarkUp is `zkctl up`, from the command's start to its end: processes,
// links, an election, and every member asked.
func BenchmarkUp(b *testing.B) {
	for b.Loop() {
		e := up(b, "--name", "bench")
		b.StopTimer()
		e.zkctl("down", "--purge")
		b.StartTimer()
	}
}

// BenchmarkLeaderKilled is the time from SIGKILL of the leader of three to the
// first write that a survivor acknowledges, to a client that asks them all the
// time: detection, election, synchronization and a new session.
func BenchmarkLeaderKilled(b *testing.B) {
	e := up(b, "--name", "bench")
	for b.Loop() {
		b.StopTimer()
		e.zkctl("start", "all")
		e.wait("synced")
		var leader int
		var survivors []string
		for _, m := range e.status().Members {
			if m.Role == "leader" {
				leader = m.PID
			} else {
				survivors = append(survivors, m.Client)
			}
		}
		b.StartTimer()
		if err := syscall.Kill(leader, syscall.SIGKILL); err != nil {
			b.Fatal(err)
		}
		for written := false; !written; {
			for _, addr := range survivors {
				if written = writeOnce(e.ctx, addr); written {
					break
				}
			}
		}
	}
}

func writeOnce(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	s, err := probe.Dial(ctx, addr, probe.Options{})
	if err != nil {
		return false
	}
	defer s.Drop()
	_, _, err = s.Create(ctx, "/after-", nil, wire.FlagPersistentSequential)
	return err == nil
}
