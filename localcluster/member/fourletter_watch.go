package member

import (
	"fmt"
	"strings"
	"time"

	"zkctl/localcluster/replica"
)

// The words about watches count the watches on data, one-time and persistent ones; they
// leave out those on children, as ZooKeeper does.

func (s *server) watchCount() int { return s.replica.Watches().Counts().Total }

func (s *server) watchSummary() string {
	n := s.replica.Watches().Counts()
	return fmt.Sprintf("%d connections watching %d paths\nTotal watches:%d\n", n.Watchers, n.Paths, n.Watches)
}

func (s *server) watchesByConnection() string {
	var b strings.Builder
	s.replica.Watches().EachWatcher(func(watcher int64, paths []string) {
		fmt.Fprintf(&b, "%v\n", s.sessionOf(watcher))
		for _, path := range paths {
			fmt.Fprintf(&b, "\t%s\n", path)
		}
	})
	return b.String() + "\n"
}

func (s *server) watchesByPath() string {
	var b strings.Builder
	s.replica.Watches().EachPath(func(path string, watchers []int64) {
		b.WriteString(path + "\n")
		for _, w := range watchers {
			fmt.Fprintf(&b, "\t%v\n", s.sessionOf(w))
		}
	})
	return b.String() + "\n"
}

func (s *server) sessionOf(watcher int64) replica.SessionName {
	if c := s.conns[watcher]; c != nil {
		return replica.SessionName(c.Session())
	}
	return 0
}

// sessionDump is the session tracker's part of `dump`: with deadlines on the
// server that has them, and without on learners.
func (s *server) sessionDump() string {
	if sessions := s.replica.Sessions(); sessions != nil {
		var sets expirySets
		sessions.EachDeadline(func(at time.Duration, sessions []int64) {
			for _, id := range sessions {
				sets.add(s.began.Add(at), replica.SessionName(id).String())
			}
		})
		return "Session " + sets.String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Global Sessions(%d):\n", s.replica.Tree().Counts().Sessions)
	s.replica.Tree().EachSession(func(id int64, timeout int32) {
		fmt.Fprintf(&b, "%v\t%dms\n", replica.SessionName(id), timeout)
	})
	return b.String()
}
