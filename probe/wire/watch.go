package wire

import "strconv"

// EventType says what a watch event reports.
type EventType int32

// The events. A server sends the first four; clients make up the others themselves.
const (
	EventNone                   EventType = -1
	EventCreated                EventType = 1
	EventDeleted                EventType = 2
	EventDataChanged            EventType = 3
	EventChildrenChanged        EventType = 4
	EventDataWatchRemoved       EventType = 5
	EventChildWatchRemoved      EventType = 6
	EventPersistentWatchRemoved EventType = 7
)

// String is the event's name, or event(N).
func (t EventType) String() string {
	switch t {
	case EventNone:
		return "none"
	case EventCreated:
		return "created"
	case EventDeleted:
		return "deleted"
	case EventDataChanged:
		return "data-changed"
	case EventChildrenChanged:
		return "children-changed"
	case EventDataWatchRemoved:
		return "data-watch-removed"
	case EventChildWatchRemoved:
		return "child-watch-removed"
	case EventPersistentWatchRemoved:
		return "persistent-watch-removed"
	}
	return "event(" + strconv.Itoa(int(t)) + ")"
}

// KeeperState is the state of a session as a watch event carries it. Servers always
// send StateSyncConnected.
type KeeperState int32

// The states.
const (
	StateDisconnected      KeeperState = 0
	StateSyncConnected     KeeperState = 3
	StateAuthFailed        KeeperState = 4
	StateConnectedReadOnly KeeperState = 5
	StateSASLAuthenticated KeeperState = 6
	StateClosed            KeeperState = 7
	StateExpired           KeeperState = -112
)

// String is the state's name, or state(N).
func (s KeeperState) String() string {
	switch s {
	case StateDisconnected:
		return "disconnected"
	case StateSyncConnected:
		return "connected"
	case StateAuthFailed:
		return "auth-failed"
	case StateConnectedReadOnly:
		return "connected-read-only"
	case StateSASLAuthenticated:
		return "sasl-authenticated"
	case StateClosed:
		return "closed"
	case StateExpired:
		return "expired"
	}
	return "state(" + strconv.Itoa(int(s)) + ")"
}

// WatcherEvent is what a server sends, after a ReplyHeader with XidNotification, when
// a watch fires.
type WatcherEvent struct {
	Type  EventType
	State KeeperState
	Path  string
}

// Encode implements Record.
func (w *WatcherEvent) Encode(e *Encoder) {
	e.Int32(int32(w.Type))
	e.Int32(int32(w.State))
	e.Text(w.Path)
}

// Decode implements Record.
func (w *WatcherEvent) Decode(d *Decoder) {
	w.Type, w.State, w.Path = EventType(d.Int32()), KeeperState(d.Int32()), d.Text()
}

// AddWatchMode is the kind of watch that addWatch sets.
type AddWatchMode int32

// The modes of AddWatchRequest.
const (
	WatchPersistent          AddWatchMode = 0
	WatchPersistentRecursive AddWatchMode = 1
)

// String is the mode's name, or mode(N).
func (m AddWatchMode) String() string {
	switch m {
	case WatchPersistent:
		return "persistent"
	case WatchPersistentRecursive:
		return "persistent-recursive"
	}
	return "mode(" + strconv.Itoa(int(m)) + ")"
}

// WatcherType selects the watches that checkWatches and removeWatches are about.
type WatcherType int32

// The types of WatchRemoval; the last two exist from 3.9.
const (
	WatcherChildren            WatcherType = 1
	WatcherData                WatcherType = 2
	WatcherAny                 WatcherType = 3
	WatcherPersistent          WatcherType = 4
	WatcherPersistentRecursive WatcherType = 5
)

// String is the type's name, or watcher(N).
func (t WatcherType) String() string {
	switch t {
	case WatcherChildren:
		return "children"
	case WatcherData:
		return "data"
	case WatcherAny:
		return "any"
	case WatcherPersistent:
		return "persistent"
	case WatcherPersistentRecursive:
		return "persistent-recursive"
	}
	return "watcher(" + strconv.Itoa(int(t)) + ")"
}

// SetWatches registers the watches that a client has again, on a new connection. The
// server sends the events that the client missed after RelativeZxid at once.
type SetWatches struct {
	RelativeZxid        Zxid
	Data                []string
	Exist               []string
	Child               []string
	Persistent          []string // V2 only
	PersistentRecursive []string // V2 only
	// V2: the form of setWatches2 (op 105). The opcode tells the two apart, so set it
	// before Decode as well.
	V2 bool
}

// Encode implements Record.
func (s *SetWatches) Encode(e *Encoder) {
	e.Zxid(s.RelativeZxid)
	e.texts(s.Data)
	e.texts(s.Exist)
	e.texts(s.Child)
	if s.V2 {
		e.texts(s.Persistent)
		e.texts(s.PersistentRecursive)
	}
}

// Decode implements Record.
func (s *SetWatches) Decode(d *Decoder) {
	s.RelativeZxid = d.Zxid()
	s.Data, s.Exist, s.Child = d.texts(), d.texts(), d.texts()
	s.Persistent, s.PersistentRecursive = nil, nil
	if s.V2 {
		s.Persistent, s.PersistentRecursive = d.texts(), d.texts()
	}
}

// AddWatchRequest sets a watch that stays after it fired. Its success has the body of
// an ErrorResponse with code 0.
type AddWatchRequest struct {
	Path string
	Mode AddWatchMode
}

// Encode implements Record.
func (a *AddWatchRequest) Encode(e *Encoder) { e.Text(a.Path); e.Int32(int32(a.Mode)) }

// Decode implements Record.
func (a *AddWatchRequest) Decode(d *Decoder) { a.Path, a.Mode = d.Text(), AddWatchMode(d.Int32()) }

// WatchRemoval is the request of checkWatches and of removeWatches.
type WatchRemoval struct {
	Path string
	Type WatcherType
}

// Encode implements Record.
func (w *WatchRemoval) Encode(e *Encoder) { e.Text(w.Path); e.Int32(int32(w.Type)) }

// Decode implements Record.
func (w *WatchRemoval) Decode(d *Decoder) { w.Path, w.Type = d.Text(), WatcherType(d.Int32()) }
