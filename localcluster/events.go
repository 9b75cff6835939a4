package localcluster

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"sync"
	"time"

	"zkctl/inject"
)

// EventKind says what an Event tells.
type EventKind string

// The kinds of events. A reader should pass over kinds that it does not know.
const (
	EventUp      EventKind = "up"      // the supervisor began, with the ensemble's links open
	EventDown    EventKind = "down"    // the supervisor ended, on request; nothing of it runs any more
	EventStarted EventKind = "started" // a member's process began
	EventExited  EventKind = "exited"  // a member's process ended
	EventSignal  EventKind = "signal"  // a signal was sent that does not by itself end a process
	EventPaused  EventKind = "paused"  // a member's process was stopped (SIGSTOP)
	EventResumed EventKind = "resumed" // … and continued
	EventRole    EventKind = "role"    // a member was seen in another role than before
	EventFault   EventKind = "fault"   // a fault began
	EventHeal    EventKind = "heal"    // a fault ended
	EventOverdue EventKind = "overdue" // a fault's time is up, and it could not be ended yet; why says the reason
)

// Event is one line of an ensemble's timeline. Fields that a kind has no use for are left out.
type Event struct {
	Time   time.Time `json:"time"` // to the nanosecond
	Kind   EventKind `json:"kind"`
	Member int64     `json:"member,omitempty"`
	PID    int       `json:"pid,omitempty"`

	// exited and signal: Signal is what ended the process, such as "KILL"; ExitCode is set when it
	// ended by itself. Expected tells a member that was told to end from one that died.
	Signal   string `json:"signal,omitempty"`
	ExitCode *int   `json:"exit_code,omitempty"`
	Expected bool   `json:"expected,omitempty"`

	// role: what the member was and what it is.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`

	// fault and heal.
	Fault *inject.Fault `json:"fault,omitempty"`

	// Why is the request behind it, such as "kill leader", or "expired" for a lease that ran out.
	Why string `json:"why,omitempty"`
}

// eventLog appends events to events.jsonl, each line in one write, so that a reader who follows the
// file never sees two mixed. It survives a full disk: the event is lost, the ensemble is not.
type eventLog struct {
	mu   sync.Mutex
	file *os.File
	now  func() time.Time
	last time.Time
	torn bool // the file ends in the middle of a line
	lost int  // events that could not be written
}

func openEventLog(path string, now func() time.Time) (*eventLog, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	l := &eventLog{file: file, now: now}
	if info, err := file.Stat(); err == nil && info.Size() > 0 {
		end := []byte{'\n'}
		_, err = file.ReadAt(end, info.Size()-1)
		l.torn = err != nil || end[0] != '\n'
	}
	return l, nil
}

// add stamps the event and writes it. Times ascend strictly, whatever the wall clock does, so that
// sorting a timeline never changes it.
func (l *eventLog) add(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.Time = l.now().UTC()
	if !e.Time.After(l.last) {
		e.Time = l.last.Add(time.Nanosecond)
	}
	l.last = e.Time
	var line bytes.Buffer
	if l.torn {
		line.WriteByte('\n') // what is torn shall not take this one with it
	}
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false) // 1>2 should read as such
	err := encoder.Encode(e)
	if err == nil {
		var n int
		n, err = l.file.Write(line.Bytes())
		l.torn = err != nil && (n > 0 || l.torn)
	}
	if err != nil {
		l.lost++
	}
}

func (l *eventLog) close() error { return l.file.Close() }

// ReadEvents gives the timeline so far, oldest first. A torn last line, which a crash or a full disk
// can leave, is passed over.
func ReadEvents(folder Folder) ([]Event, error) {
	text, err := os.ReadFile(folder.EventsFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseEvents(text), nil
}

func parseEvents(text []byte) []Event {
	var events []Event
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		var e Event
		if json.Unmarshal(line, &e) == nil {
			events = append(events, e)
		}
	}
	return events
}
