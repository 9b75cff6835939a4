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

// maxReason bounds how much of what a process prints is kept, read and shown.
const maxReason = 4 << 10

// crashLine is the line in which a Go program prints why it crashes, before its stacks and registers.
var crashLine = regexp.MustCompile(`^(panic|fatal error|SIG[A-Z]+): `)

// exitReason is why a member's process ended by itself: the error that it printed, else its last line.
// It is kept with the member's state, so that `status` shows it for as long as the member is down. A program
// need not mention that the disk is full; then the text of that error is added.
func (m *member) exitReason(p *process) string {
	printed, full := p.output.lastError(), syscall.ENOSPC.Error()
	if strings.Contains(printed, full) || roomIn(string(m.folder)) {
		return printed
	}
	return strings.TrimPrefix(printed+": "+string(m.folder)+": "+full, ": ")
}

// lastError is the line of a crash, else the error that was printed last, which may have several lines, else
// the last line.
func (o *memberOutput) lastError() string {
	if o.crash != "" {
		return o.crash
	}
	lines := strings.Split(strings.TrimSpace(string(o.end)), "\n")
	for i, line := range lines {
		if text, ok := strings.CutPrefix(line, "zkctl: "); ok {
			lines[i] = text
			return strings.Join(slices.DeleteFunc(lines[i:], isHint), "\n")
		}
	}
	return lines[len(lines)-1]
}

// readEnd reads the end of a text file, at most maxReason of it.
func readEnd(path string) (string, error) {
	file, err := openRegular(path, os.O_RDONLY)
	if err != nil {
		return "", err
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = file.Seek(max(0, size-maxReason), io.SeekStart)
	}
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxReason))
	return string(text), err
}

func isHint(line string) bool { return strings.HasPrefix(line, "hint: ") }

// roomIn tells whether a file can grow in dir. It tries, because no other way works on every system and heeds
// quotas.
func roomIn(dir string) bool {
	file, err := os.CreateTemp(dir, ".room.*")
	if err == nil {
		_, err = file.Write(make([]byte, 4<<10))
		err = errors.Join(err, file.Close(), os.Remove(file.Name()))
	}
	return !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT)
}

// awaitAnswers returns when each of the members that were started has answered over its client port, even
// if it only says that it looks for a leader: it has read its files by then. A member that has ended instead
// is an error with its reason. A member that does neither while ctx has time is no error: a JVM takes a
// second or two until it answers.
func (s *Supervisor) awaitAnswers(ctx context.Context, ids []int64) map[int64]error {
	return s.each(ids, func(m *member) error {
		server := []probe.Server{{ID: m.spec.ID, Client: m.spec.Client(), Observer: m.spec.Observer}}
		asking := s.surveyor()
		for ctx.Err() == nil {
			s.mu.Lock()
			stopped, how, why := m.state == stateStopped && !m.expected, "", m.reason
			if stopped && m.process != nil {
				how = m.process.how.String()
			}
			s.mu.Unlock()
			if stopped {
				return fail(CodeFailed, fmt.Sprintf("`zkctl logs %d` shows the whole log", m.spec.ID), "member %d ended at once (%s): %s", m.spec.ID, how, why)
			}
			if asking.Survey(ctx, server).Members[0].Role != probe.RoleDown {
				return nil
			}
			select {
			case <-time.After(shortInterval):
			case <-ctx.Done():
			case <-s.stopping:
				return nil
			}
		}
		return nil
	})
}
