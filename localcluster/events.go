package localcluster

import (
	"bytes"
	"context"
	"encoding/json"
	"sync"
	"time"

	"zkctl/inject"
)

// EventKind is what an Event records.
type EventKind string

// The kinds of events. A reader should pass over kinds that it does not know. What embedded members report of their
// protocol is there, too, by its name in package zab: election-started, leader-elected, sync-started, synchronized, resigned …
const (
	EventUp        EventKind = "up"        // the supervisor began, with the ensemble's links open
	EventDown      EventKind = "down"      // the supervisor ended, on request; why is set when down had to kill it
	EventStarted   EventKind = "started"   // a member's process began
	EventExited    EventKind = "exited"    // a member's process ended
	EventSignal    EventKind = "signal"    // a signal was sent that does not by itself end a process
	EventPaused    EventKind = "paused"    // a member's process was stopped (SIGSTOP)
	EventResumed   EventKind = "resumed"   // … and continued
	EventRole      EventKind = "role"      // a member was seen in another role than before
	EventFault     EventKind = "fault"     // a fault began
	EventHeal      EventKind = "heal"      // a fault ended
	EventElection  EventKind = "election"  // an epoch began, with member as its leader where that is known
	EventLost      EventKind = "lost"      // events could not be written, because the disk is full, for example; how many
	EventContinued EventKind = "continued" // the file before this one was full, or why says what became of it; open is what had begun in it or before
	EventDataGone  EventKind = "data-gone" // a member's data folder was removed or moved
	EventBlocked   EventKind = "blocked"   // a directory is in the place of a file that the supervisor writes; why names it
	EventOverdue   EventKind = "overdue"   // a fault's time is up, and it could not be ended yet; why says the reason
)

// Event is one line of an ensemble's timeline. Fields that a kind has no use for are left out.
type Event struct {
	Time   time.Time `json:"time"` // to the nanosecond: when it was recorded
	Kind   EventKind `json:"kind"`
	Member int64     `json:"member,omitempty"`
	PID    int       `json:"pid,omitempty"`

	// exited and signal: Signal is what ended the process, such as "KILL"; ExitCode is set when it
	// ended by itself. Expected is true when a request ended it, and false when it died.
	Signal   string `json:"signal,omitempty"`
	ExitCode *int   `json:"exit_code,omitempty"`
	Expected bool   `json:"expected,omitempty"`

	// role: what the member was and what it is.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`

	// fault, heal and overdue.
	Fault *inject.Fault `json:"fault,omitempty"`

	Epoch  int64   `json:"epoch,omitempty"`         // election
	Lost   int     `json:"lost,omitempty"`          // lost: how many
	Open   []Event `json:"open,omitempty"`          // continued: the starts and faults that have not ended
	Issued int     `json:"faults_issued,omitempty"` // continued: the number in the newest fault's id

	// What a member reports at once has Mono, when it was so on CLOCK_MONOTONIC, which all processes of a machine share.
	// What the supervisor finds by asking has Sampled: it may be that much older.
	Mono    int64   `json:"mono_ns,omitempty"`
	Sampled float64 `json:"sampled_seconds,omitempty"`
	Peer    int64   `json:"peer,omitempty"` // the other member, or the leader
	Zxid    string  `json:"zxid,omitempty"`
	Sync    string  `json:"sync,omitempty"` // how a learner is brought up to date: DIFF, TRUNC or SNAP

	// Why is the request behind it, such as "kill leader", or "its time is up" for a lease that ended.
	Why string `json:"why,omitempty"`
}

// eventLog appends events to events.jsonl, each line in one write, so that a reader that follows the
// file never sees two mixed. When the disk is full events are lost; their number is recorded as soon as there
// is room. Each file begins with what is open, so that dropping the older file loses no beginning whose end is
// to come.
type eventLog struct {
	mu   sync.Mutex
	file *rotatingFile
	now  func() time.Time
	last time.Time
	torn bool // the file ends in the middle of a line
	lost int  // events that could not be written, and that no event records yet
	open open // what has begun and not ended
}

// openEventLog goes on with a timeline, in which before has been written.
func openEventLog(path string, bound int64, before []Event, now func() time.Time) (*eventLog, error) {
	file, err := openRotating(path, bound)
	if err != nil {
		return nil, err
	}
	return &eventLog{file: file, now: now, torn: !file.endsLine(), open: findOpen(before)}, nil
}

// add stamps the event and writes it.
func (l *eventLog) add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.restore()
	l.recordLost()
	if !l.write(&e) {
		l.lost++
	}
	l.open.note(e) // with its time
}

// retry makes a timeline that was removed anew, and records how many events were lost, if some were and there is
// room again.
func (l *eventLog) retry() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.restore()
	l.recordLost()
}

// restore opens the file anew when it was removed or replaced. It begins as one that follows a full file does.
func (l *eventLog) restore() {
	if gone, _ := l.file.restore(); !gone {
		return
	}
	l.torn = !l.file.endsLine()
	e := l.continued()
	e.Why = "the file of the timeline was removed or replaced: the events in it are gone"
	if line, err := l.stamp(&e); err != nil || !l.append(line) {
		l.lost++
	}
}

// continued is the event that a file begins with which goes on with a timeline.
func (l *eventLog) continued() Event {
	return Event{Kind: EventContinued, Open: l.open.events(), Issued: l.open.issued}
}

func (l *eventLog) recordLost() {
	if l.lost > 0 && l.write(&Event{Kind: EventLost, Lost: l.lost}) {
		l.lost = 0
	}
}

// write stamps and writes. Times ascend strictly, whatever the wall clock does, so that sorting a timeline
// never changes it.
func (l *eventLog) write(e *Event) bool {
	line, err := l.stamp(e)
	if err != nil {
		return false
	}
	if !l.torn && l.file.full(len(line)) && l.file.rotate() == nil {
		first := l.continued()
		top, err := l.stamp(&first)
		if err != nil || !l.append(top) {
			return false
		}
		if line, err = l.stamp(e); err != nil {
			return false
		}
	}
	return l.append(line)
}

func (l *eventLog) stamp(e *Event) ([]byte, error) {
	e.Time = l.now().UTC()
	if !e.Time.After(l.last) {
		e.Time = l.last.Add(time.Nanosecond)
	}
	l.last = e.Time
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false) // 1>2 should read as such
	err := encoder.Encode(e)
	return line.Bytes(), err
}

func (l *eventLog) append(line []byte) bool {
	if l.torn {
		line = append([]byte{'\n'}, line...) // a torn line must not take this one with it
	}
	n, err := l.file.file.Write(line)
	l.torn = err != nil && (n > 0 || l.torn)
	return err == nil
}

func (l *eventLog) close() error { return l.file.Close() }

// readOwnEvents is ReadEvents for what goes on with the timeline. What is no file of a timeline is removed first, as
// when the file is opened to be written to.
func readOwnEvents(folder Folder) ([]Event, error) {
	for _, path := range []string{folder.EventsFile(), older(folder.EventsFile())} {
		if err := removeIntruder(path); err != nil {
			return nil, err
		}
	}
	return ReadEvents(folder)
}

// ReadEvents reads the timeline so far, oldest first, as far back as it is kept. A torn last line, which a
// crash or a full disk can leave, is left out.
func ReadEvents(folder Folder) (events []Event, err error) {
	err = Tail(context.Background(), folder.EventsFile(), nil, func(line []byte) error {
		var e Event
		if json.Unmarshal(line, &e) == nil {
			events = append(events, e)
		}
		return nil
	})
	return events, err
}
