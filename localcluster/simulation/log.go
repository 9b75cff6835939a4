package simulation

import (
	"fmt"
	"time"
)

// eventLog is the log of a run: a line for each thing that happened, with its virtual
// time. Equal seeds write equal bytes. With a limit it keeps only the last lines.
type eventLog struct {
	limit int // lines kept; 0: all
	lines [][]byte
	total int
}

func (l *eventLog) add(at time.Duration, format string, args ...any) {
	line := fmt.Appendf(nil, "%12.6f  ", at.Seconds())
	line = fmt.Appendf(line, format, args...)
	l.total++
	l.lines = append(l.lines, line)
	if l.limit > 0 && len(l.lines) >= 2*l.limit {
		l.lines = append([][]byte(nil), l.lines[len(l.lines)-l.limit:]...)
	}
}

// Lines returns the newest lines that were kept.
func (l *eventLog) Lines() []string {
	kept := l.lines
	if l.limit > 0 {
		kept = kept[max(0, len(kept)-l.limit):]
	}
	out := make([]string, len(kept))
	for i, line := range kept {
		out[i] = string(line)
	}
	return out
}

// note writes a line. Callers on busy paths check tracing first, since making the
// arguments costs more than the rest of a step.
func (w *World) note(format string, args ...any) {
	if w.log != nil {
		w.log.add(w.now, format, args...)
	}
}

func (w *World) tracing() bool { return w.log != nil }
