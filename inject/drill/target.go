package drill

import (
	"context"
	"strings"
	"time"

	"zkctl/inject"
	"zkctl/inject/history"
	"zkctl/inject/scenario"
)

// Target is a world in which scenarios run.
type Target interface {
	// Describe names the world for reports, such as "embedded=3 (processes)".
	Describe() string
	// Refuse lists the steps that this world cannot carry out. It starts nothing.
	Refuse(*scenario.Scenario) []scenario.Refusal
	// Start brings an ensemble up, and returns when every member serves.
	Start(ctx context.Context, s *scenario.Scenario, seed uint64, out Recorder) (World, error)
}

// World is a running ensemble with clients. The phases are called once each, in this order, by one goroutine; Heal also
// after a phase that failed or was interrupted, and Close always.
type World interface {
	// Root is the node below which the clients work.
	Root() string
	// Load starts the clients, and returns when they have written enough.
	Load(ctx context.Context) error
	// Inject carries out the steps, and returns when the scenario's Duration is over.
	Inject(ctx context.Context) error
	// Heal ends all faults, and returns when all members serve again.
	Heal(ctx context.Context) error
	// Verify has every client write once more, stops the clients, and collects what is on the disks. The Evidence is
	// as much as there is, also with an error.
	Verify(ctx context.Context) (history.Evidence, error)
	// Close ends what Start began. With keep the ensemble stays up.
	Close(ctx context.Context, keep bool) error
}

// Clock is what a World implements whose time is not the machine's. Now may be called by any goroutine.
type Clock interface {
	Began() time.Time // of the run, on the world's wall clock
	Now() int64       // nanoseconds since then
}

// Recorder gets what happens while it happens. Its methods may be called by several goroutines.
type Recorder interface {
	Record(history.Record) // what a client saw
	Event(Event)           // what a member or the supervisor did
	Fault(FaultRecord)     // when it begins; and again, with the same ID, when more is known: its end, its effect
	Skipped(n int)         // operations that came due and were not sent, because the client was too far behind
	Now() int64            // nanoseconds since the run began
	At(time.Time) int64    // the same for a moment of the wall clock
}

// Event is one moment of the timeline.
type Event struct {
	At     int64     `json:"at"`
	Kind   EventKind `json:"kind"`
	Member int64     `json:"member,omitempty"`
	Epoch  int64     `json:"epoch,omitempty"`
	Role   string    `json:"role,omitempty"` // of EventRole: what the member is now
	Text   string    `json:"text,omitempty"`
	// Sampled is how much older the event may be, because it was found by asking; 0 is one that was reported at once.
	Sampled time.Duration `json:"sampled,omitempty"`
}

// EventKind is what an Event is about. A reader passes over kinds that it does not know.
type EventKind string

// The kinds that matter to verdicts and measurements. Others are kept for the timeline.
const (
	EventStarted     EventKind = "started"          // a member's process began
	EventExited      EventKind = "exited"           // … and ended
	EventPaused      EventKind = "paused"           // … was stopped
	EventResumed     EventKind = "resumed"          // … and goes on
	EventRole        EventKind = "role"             // a member is in another Role
	EventElecting    EventKind = "election-started" // a member looks for a leader
	EventElected     EventKind = "leader-elected"   // a member was chosen
	EventEstablished EventKind = "established"      // Member leads Epoch with a quorum behind it
	EventLost        EventKind = "lost"             // events are missing here
)

// FaultRecord is a fault as it really struck.
type FaultRecord struct {
	ID      string   `json:"id"`
	Step    int      `json:"step"` // index into Scenario.Steps
	Line    string   `json:"line"` // the fault in the scenario's words
	Members []int64  `json:"members"`
	Links   []string `json:"links,omitempty"` // lanes, as package inject prints them
	From    int64    `json:"from"`
	To      int64    `json:"to"`            // 0: it has not ended
	Effect  bool     `json:"effect"`        // what it should do was seen to happen
	Why     string   `json:"why,omitempty"` // why it had no effect
	// Settled is when it was fully in force: From is when it began.
	Settled int64 `json:"settled"`
}

// Ensemble controls one ensemble of processes: it is the supervisor's client. Times in what it returns are those of the
// wall clock in nanoseconds since 1970, as it knows nothing of the run.
type Ensemble interface {
	Members(ctx context.Context) ([]inject.Member, error)
	// Clients are the addresses for clients, by member.
	Clients(ctx context.Context) (map[int64]string, error)
	// Inject causes a fault now. The record has From, and no To unless the fault is over already.
	Inject(ctx context.Context, f scenario.Fault, seed uint64) (FaultRecord, error)
	// Plant leaves a step with a Point to the supervisor, which carries it out when a member reaches the point.
	Plant(ctx context.Context, s scenario.Step, seed uint64) error
	// Heal ends everything, and has all members run.
	Heal(ctx context.Context) error
	// Wait returns when the ensemble is in a condition, such as "healthy" or "synced".
	Wait(ctx context.Context, condition string) error
	// Follow calls with every event, past ones first, until ctx ends. A fault's begin and end come as a FaultRecord
	// with the ID that Inject returned, and To set at the end.
	Follow(ctx context.Context, each func(Event, *FaultRecord)) error
	// Disks reads the logs and trees of all members, which may be running, and must be idle.
	Disks(ctx context.Context) ([]history.MemberLog, map[int64]history.View, error)
	// Quorum reports whether the members that has accepts are a quorum.
	Quorum(has func(member int64) bool) bool
	Tick() time.Duration
	// Foreign tells that the ensemble was in use before, so that its history began before the run's.
	Foreign() bool
	// Folder is the state directory, with the members' logs and data.
	Folder() Folder
	// Close stops what was started for the drill; an ensemble that was up before stays up.
	Close(ctx context.Context, keep bool) error
}

// Folder says where the files of an ensemble are, for a bundle.
type Folder struct {
	Events string           // the timeline
	Logs   map[int64]string // what each member wrote to its log
	Data   map[int64]string // its data directory
}

// Kind is the verb of the fault.
func (f FaultRecord) Kind() string {
	verb, _, _ := strings.Cut(f.Line, " ")
	return verb
}
