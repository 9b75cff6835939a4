package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"zkctl/probe/wire"
)

// Truncated is the error of a history whose last line is torn: its writer has ended in the
// middle of it.
type Truncated struct{ Line int }

// Error says at which line.
func (e *Truncated) Error() string {
	return fmt.Sprintf("line %d is torn: the history ends in the middle of it", e.Line)
}

// Read reads a history. With a *Truncated it also returns all that comes before the torn line.
func Read(r io.Reader) (*History, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	h := &History{}
	reader := reader{history: h}
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read the history at line %d: %w", number, err)
		}
		whole := err == nil
		if !whole && len(line) == 0 {
			if number == 1 {
				return nil, errors.New(`the history is empty: its first line must be {"zkctl":"history",…}`)
			}
			return h, nil
		}
		err = reader.line(number, line)
		switch {
		case err != nil && !whole && number > 1:
			return h, &Truncated{number}
		case err != nil:
			return nil, fmt.Errorf("line %d of the history: %w", number, err)
		case !whole:
			return h, nil
		}
	}
}

// line is a line of the file; which of the first three fields is set says what it is.
type line struct {
	Op    *string `json:"op"`
	Event *string `json:"event"`
	Link  *string `json:"link"`

	Client  int    `json:"client"`
	Session string `json:"session"`
	Conn    int    `json:"conn"`
	Server  int64  `json:"server"`
	Path    string `json:"path"`
	Zxid    string `json:"zxid"`

	Xid     int32  `json:"xid"`
	Watch   bool   `json:"watch"`
	Intend  *int64 `json:"intend"`
	Invoke  int64  `json:"invoke"`
	Return  *int64 `json:"return"`
	Outcome string `json:"outcome"`
	Err     string `json:"err"`
	Request []byte `json:"request64"`
	Reply   []byte `json:"reply64"`
	typed

	At      int64             `json:"at"`
	State   *wire.KeeperState `json:"state"`
	Timeout int64             `json:"timeout"`
	Why     string            `json:"why"`
}

type header struct {
	Zkctl   string    `json:"zkctl"`
	Version int       `json:"version"`
	Began   time.Time `json:"began"`
	Root    string    `json:"root"`
}

// reader makes records of lines. A history of a million operations is two million small slices
// otherwise, so records and bodies come from larger pieces of memory.
type reader struct {
	history *History
	ops     []Op
	bytes   []byte
}

func (r *reader) line(number int, text []byte) error {
	if number == 1 {
		return r.header(text)
	}
	var l line
	if err := decode(text, &l); err != nil {
		return err
	}
	record, err := r.record(&l)
	if err != nil {
		return err
	}
	r.history.Records = append(r.history.Records, record)
	return nil
}

func decode(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if rest, _ := io.ReadAll(d.Buffered()); len(bytes.TrimSpace(rest)) > 0 {
		return errors.New("there is more behind the object: a line has one")
	}
	return nil
}

func (r *reader) header(text []byte) error {
	var h header
	if err := decode(text, &h); err != nil {
		return fmt.Errorf("no history begins like this: %w", err)
	}
	if h.Zkctl != formatName || h.Version != formatVersion {
		return fmt.Errorf(`this is %q, version %d, but should be "history", version %d`, h.Zkctl, h.Version, formatVersion)
	}
	r.history.Began, r.history.Root = h.Began, h.Root
	return nil
}

func (r *reader) record(l *line) (Record, error) {
	kinds := 0
	for _, kind := range []*string{l.Op, l.Event, l.Link} {
		if kind != nil {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return Record{}, errors.New(`a record has exactly one of "op", "event" and "link"`)
	case l.Client < 1:
		return Record{}, fmt.Errorf("client %d: clients are numbered from 1", l.Client)
	case l.Op != nil:
		op, err := r.op(l)
		return Record{Op: op}, err
	case l.Event != nil:
		event, err := l.event()
		return Record{Event: event}, err
	}
	link, err := l.link()
	return Record{Link: link}, err
}

func (r *reader) op(l *line) (*Op, error) {
	code, known := opCodes[*l.Op]
	if !known {
		return nil, fmt.Errorf("op %q is no operation of ZooKeeper", *l.Op)
	}
	outcome, err := parseName(outcomeNames, "outcome", l.Outcome)
	if err != nil {
		return nil, err
	}
	if len(r.ops) == 0 {
		r.ops = make([]Op, 256)
	}
	op := &r.ops[0]
	r.ops = r.ops[1:]
	*op = Op{
		Client: l.Client, Conn: l.Conn, Server: l.Server, Xid: l.Xid, Code: code, Path: l.Path, Watch: l.Watch,
		Intend: l.Invoke, Invoke: l.Invoke, Return: Never, Outcome: Outcome(outcome),
	}
	if l.Intend != nil {
		op.Intend = *l.Intend
	}
	if l.Return != nil {
		op.Return = *l.Return
	}
	if answered := op.Outcome == OK; answered != (op.Return != Never) {
		return nil, fmt.Errorf(`op %s has the outcome %v: "return" belongs to an answer, and an answer has one`, *l.Op, op.Outcome)
	}
	if l.Err != "" {
		if op.Err, err = parseErr(l.Err); err != nil {
			return nil, err
		}
	}
	if op.Session, err = optionalHex("session", l.Session, 0); err != nil {
		return nil, err
	}
	zxid, err := optionalHex("zxid", l.Zxid, 0)
	if err != nil {
		return nil, err
	}
	op.Zxid = wire.Zxid(zxid)
	request, reply := l.Request, l.Reply
	if !l.empty() {
		if request != nil || reply != nil {
			return nil, errors.New("a body is given both in base64 and by its parts")
		}
		if request, reply, err = l.bodies(op); err != nil {
			return nil, err
		}
	}
	op.Request, op.Reply = r.keep(request), r.keep(reply)
	return op, nil
}

func (l *line) event() (*Event, error) {
	kind, known := events[*l.Event]
	if !known {
		return nil, fmt.Errorf("event %q is not known", *l.Event)
	}
	zxid, err := optionalHex("zxid", l.Zxid, -1)
	if err != nil {
		return nil, err
	}
	state := wire.StateSyncConnected
	if l.State != nil {
		state = *l.State
	}
	return &Event{
		Client: l.Client, Conn: l.Conn, At: l.At, Zxid: wire.Zxid(zxid),
		WatcherEvent: wire.WatcherEvent{Type: kind, State: state, Path: l.Path},
	}, nil
}

func (l *line) link() (*Link, error) {
	kind, err := parseName(linkNames, "link", *l.Link)
	if err != nil {
		return nil, err
	}
	session, err := optionalHex("session", l.Session, 0)
	if err != nil {
		return nil, err
	}
	return &Link{
		Client: l.Client, Conn: l.Conn, Session: session, Server: l.Server, At: l.At, Kind: LinkKind(kind),
		Timeout: time.Duration(l.Timeout), Why: l.Why,
	}, nil
}

func optionalHex(name, text string, absent int64) (int64, error) {
	if text == "" {
		return absent, nil
	}
	return parseHex(name, text)
}

// keep copies a body into the current piece of memory.
func (r *reader) keep(body []byte) []byte {
	if body == nil {
		return nil
	}
	if len(body) > cap(r.bytes)-len(r.bytes) {
		r.bytes = make([]byte, 0, max(64<<10, len(body)))
	}
	from := len(r.bytes)
	r.bytes = append(r.bytes, body...)
	return slices.Clip(r.bytes[from:])
}
