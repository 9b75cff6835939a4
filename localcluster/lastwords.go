package localcluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"zkctl/probe"
)

// maxWords bounds how much of a log is read and shown.
const maxWords = 4 << 10

// crashLine is how a Go program words why it crashes, before its stacks and registers.
var crashLine = regexp.MustCompile(`^(panic|fatal error|SIG[A-Z]+): `)

// lastWords is why a member's process ended by itself: the error that it printed, else its last line.
// The text is kept where the member's state is, so that `status` can say it for as long as the member
// is down. A program may have no word for a disk that is full; then it is said for the member.
func (m *member) lastWords(p *process) string {
	words, full := p.output.lastWords(), syscall.ENOSPC.Error()
	if strings.Contains(words, full) || roomIn(string(m.folder)) {
		return words
	}
	return strings.TrimPrefix(words+": "+string(m.folder)+": "+full, ": ")
}

// lastWords is what was printed last: the line of a crash, the error, which may have several lines, or the
// last line.
func (o *memberOutput) lastWords() string {
	if o.crash != "" {
		return o.crash
	}
	lines := strings.Split(strings.TrimSpace(string(o.end)), "\n")
	for i, line := range lines {
		if said, ok := strings.CutPrefix(line, "zkctl: "); ok {
			lines[i] = said
			return strings.Join(slices.DeleteFunc(lines[i:], isHint), "\n")
		}
	}
	return lines[len(lines)-1]
}

// readEnd is how a text file ends, not more than maxWords of it.
func readEnd(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = file.Seek(max(0, size-maxWords), io.SeekStart)
	}
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxWords))
	return string(text), err
}

func isHint(line string) bool { return strings.HasPrefix(line, "hint: ") }

// roomIn tells whether a file can grow in dir. Trying is the only way that every system has, and
// that knows of quotas.
func roomIn(dir string) bool {
	file, err := os.CreateTemp(dir, ".room.*")
	if err == nil {
		_, err = file.Write(make([]byte, 4<<10))
		err = errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	return !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT)
}

// awaitGreetings returns when each of the members that were started has answered over its client port,
// be it only that it is looking for a leader: its files were read by then. One that has ended instead
// is an error with its reason. One that does neither while ctx has time is left alone: a JVM takes a second
// or two until it answers.
func (s *Supervisor) awaitGreetings(ctx context.Context, ids []int64) map[int64]error {
	return s.each(ids, func(m *member) error {
		server := []probe.Server{{ID: m.spec.ID, Client: m.spec.Client(), Observer: m.spec.Observer}}
		asking := probe.Surveyor{System: s.system, Timeout: surveyTimeout}
		for ctx.Err() == nil {
			s.mu.Lock()
			stopped, how, said := m.state == stateStopped && !m.expected, "", m.said
			if stopped && m.process != nil {
				how = m.process.how.String()
			}
			s.mu.Unlock()
			if stopped {
				return fail(CodeFailed, fmt.Sprintf("`zkctl logs %d` has the whole story", m.spec.ID), "member %d ended at once (%s): %s", m.spec.ID, how, said)
			}
			if asking.Survey(ctx, server).Members[0].Role != probe.RoleDown {
				return nil
			}
			select {
			case <-time.After(eager):
			case <-ctx.Done():
			case <-s.stopping:
				return nil
			}
		}
		return nil
	})
}
