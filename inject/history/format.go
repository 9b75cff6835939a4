package history

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"zkctl/probe/wire"
)

// A history's file is lines of JSON. The first says what it is; each other line is a record,
// whose first key says which kind:
//
//	{"zkctl":"history","version":1,"began":"2026-03-01T09:30:00.5Z","root":"/drill-7"}
//	{"op":"setData","client":3,"session":"0x1000…","conn":9,"server":2,"xid":41,"path":"/drill-7/r/4",
//	 "intend":…,"invoke":…,"return":…,"outcome":"ok","err":"BadVersion","zxid":"0x10000002a",
//	 "request64":"…","reply64":"…"}
//	{"event":"data-changed","client":3,"conn":9,"at":…,"path":"/drill-7/r/4"}
//	{"link":"lost","client":3,"conn":9,"session":"0x1000…","server":2,"at":…,"why":"EOF"}
//
// Times are nanoseconds since began. Bodies are jute in base64, as they were on the wire. What
// is zero is left out: return without an answer, err of a success, the zxid of an event whose
// server does not tell it. For programs that have no jute, [Read] also takes the parts of the
// usual bodies by name; see typed.
const (
	formatName    = "history"
	formatVersion = 1
)

// Writer writes a history. It is not safe for concurrent use.
type Writer struct {
	out  *bufio.Writer
	line []byte
}

// NewWriter begins a history. An error of w comes back from Write and Close.
func NewWriter(w io.Writer, began time.Time, root string) *Writer {
	out := &Writer{out: bufio.NewWriterSize(w, 64<<10)}
	out.begin("zkctl", formatName)
	out.integer("version", formatVersion)
	out.text("began", began.Format(time.RFC3339Nano))
	out.text("root", root)
	_ = out.end() // the error stays with the bufio.Writer
	return out
}

// Write appends a record.
func (w *Writer) Write(r Record) error {
	switch {
	case r.Op != nil:
		w.op(r.Op)
	case r.Event != nil:
		w.event(r.Event)
	case r.Link != nil:
		w.link(r.Link)
	}
	return w.end()
}

// Close flushes. It does not close the file below.
func (w *Writer) Close() error { return w.out.Flush() }

func (w *Writer) op(op *Op) {
	w.begin("op", op.Code.String())
	w.origin(op.Client, op.Conn, op.Session, op.Server)
	w.integer("xid", int64(op.Xid))
	w.nonempty("path", op.Path)
	if op.Watch {
		w.line = append(w.line, `,"watch":true`...)
	}
	w.integer("intend", op.Intend)
	w.integer("invoke", op.Invoke)
	if op.Return != Never {
		w.integer("return", op.Return)
	}
	w.text("outcome", op.Outcome.String())
	if op.Err != wire.OK {
		w.text("err", errName(op.Err))
	}
	if op.Zxid != 0 {
		w.hex("zxid", int64(op.Zxid))
	}
	w.body("request64", op.Request)
	w.body("reply64", op.Reply)
}

func (w *Writer) event(e *Event) {
	w.begin("event", e.Type.String())
	w.origin(e.Client, e.Conn, 0, 0)
	w.integer("at", e.At)
	if e.Zxid != -1 {
		w.hex("zxid", int64(e.Zxid))
	}
	if e.State != wire.StateSyncConnected {
		w.integer("state", int64(e.State))
	}
	w.nonempty("path", e.Path)
}

func (w *Writer) link(l *Link) {
	w.begin("link", l.Kind.String())
	w.origin(l.Client, l.Conn, l.Session, l.Server)
	w.integer("at", l.At)
	if l.Timeout != 0 {
		w.integer("timeout", int64(l.Timeout))
	}
	w.nonempty("why", l.Why)
}

// origin are the fields that say whose record it is.
func (w *Writer) origin(client, conn int, session, server int64) {
	w.integer("client", int64(client))
	if session != 0 {
		w.hex("session", session)
	}
	if conn != 0 {
		w.integer("conn", int64(conn))
	}
	if server != 0 {
		w.integer("server", server)
	}
}

func (w *Writer) begin(kind, name string) {
	w.line = append(w.line[:0], '{', '"')
	w.line = append(w.line, kind...)
	w.line = append(w.line, '"', ':')
	w.line = appendText(w.line, name)
}

func (w *Writer) end() error {
	w.line = append(w.line, '}', '\n')
	_, err := w.out.Write(w.line)
	return err
}

func (w *Writer) key(name string) {
	w.line = append(w.line, ',', '"')
	w.line = append(w.line, name...)
	w.line = append(w.line, '"', ':')
}

func (w *Writer) integer(name string, value int64) {
	w.key(name)
	w.line = strconv.AppendInt(w.line, value, 10)
}

func (w *Writer) hex(name string, value int64) {
	w.key(name)
	w.line = append(w.line, `"0x`...)
	w.line = strconv.AppendUint(w.line, uint64(value), 16)
	w.line = append(w.line, '"')
}

func (w *Writer) text(name, value string) {
	w.key(name)
	w.line = appendText(w.line, value)
}

func (w *Writer) nonempty(name, value string) {
	if value != "" {
		w.text(name, value)
	}
}

// body writes a body; null and empty ones are different.
func (w *Writer) body(name string, value []byte) {
	if value == nil {
		return
	}
	w.key(name)
	w.line = append(w.line, '"')
	w.line = base64.StdEncoding.AppendEncode(w.line, value)
	w.line = append(w.line, '"')
}

func appendText(line []byte, value string) []byte {
	for i := range len(value) {
		if c := value[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(value) // a string has no error
			return append(line, quoted...)
		}
	}
	line = append(line, '"')
	line = append(line, value...)
	return append(line, '"')
}
