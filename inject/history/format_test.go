package history

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"zkctl/probe/wire"
)

var began = time.Date(2026, 3, 1, 9, 30, 0, 500, time.UTC)

// everyField has each kind of record, with and without what may be left out.
func everyField() *History {
	return &History{Began: began, Root: "/drill-7", Records: []Record{
		{Link: &Link{Client: 1, Conn: 1, Session: -0x1000, Server: 2, At: 5, Kind: Connected, Timeout: 4 * time.Second}},
		{Op: &Op{
			Client: 1, Session: -0x1000, Conn: 1, Server: 2, Xid: 41, Code: wire.OpSetData, Path: `/drill-7/"ä`, Watch: true,
			Request: []byte{0, 1}, Intend: 6, Invoke: 7, Return: 8, Outcome: OK, Err: wire.ErrBadVersion, Zxid: 0x10000002a, Reply: []byte{},
		}},
		{Op: &Op{Client: 1, Code: wire.OpCloseSession, Xid: 42, Return: Never, Outcome: Unknown}},
		{Op: &Op{Client: 1, Code: wire.OpPing, Xid: wire.XidPing, Return: Never, Outcome: Failed, Err: wire.ErrCode(-99)}},
		{Event: &Event{Client: 1, Conn: 1, At: 9, Zxid: -1, WatcherEvent: wire.WatcherEvent{Type: wire.EventDeleted, State: wire.StateSyncConnected, Path: "/drill-7/r"}}},
		{Event: &Event{Client: 1, Conn: 1, At: 9, Zxid: 7, WatcherEvent: wire.WatcherEvent{Type: wire.EventNone, State: wire.StateExpired}}},
		{Link: &Link{Client: 1, Conn: 1, At: 10, Kind: Lost, Why: "EOF\n"}},
	}}
}

func written(t *testing.T, h *History) []byte {
	t.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, h.Began, h.Root)
	for _, r := range h.Records {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWriteThenRead(t *testing.T) {
	h := everyField()
	got, err := Read(bytes.NewReader(written(t, h)))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, h) {
		t.Errorf("read %s, wrote %s", written(t, got), written(t, h))
	}
}

// A writer that has ended in the middle of a line leaves all lines before it, and the reader says so.
func TestReadTorn(t *testing.T) {
	h := everyField()
	whole := written(t, h)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	first := len(lines[0])
	for end := first; end < len(whole); end++ {
		got, err := Read(bytes.NewReader(whole[:end]))
		complete := bytes.Count(whole[:end], []byte("\n")) - 1
		torn := whole[end-1] != '\n'
		if torn && whole[end] == '\n' { // only the end of the line is missing
			torn, complete = false, complete+1
		}
		var truncated *Truncated
		switch {
		case got == nil:
			t.Fatalf("%d bytes: %v", end, err)
		case len(got.Records) != complete:
			t.Errorf("%d bytes: %d records, want %d", end, len(got.Records), complete)
		case torn != errors.As(err, &truncated):
			t.Errorf("%d bytes: %v, but torn is %v", end, err, torn)
		}
	}
}

func TestReadTyped(t *testing.T) {
	const text = `{"zkctl":"history","version":1,"began":"2026-03-01T09:30:00Z","root":"/"}
{"op":"create","client":1,"session":"0x1","xid":1,"path":"/a-","data":"x","flags":2,"created":"/a-0000000000","invoke":1,"return":2,"outcome":"ok","zxid":"0x100000002"}
{"op":"setData","client":1,"session":"0x1","xid":2,"path":"/a","data":"y","version":3,"invoke":3,"return":4,"outcome":"ok","err":"BadVersion","zxid":"0x100000003"}
{"op":"getData","client":1,"session":"0x1","xid":3,"path":"/a","data":"x","stat":{"czxid":"0x100000002","mzxid":"0x100000002","dataLength":1},"invoke":5,"return":6,"outcome":"ok","zxid":"0x100000003"}
{"op":"delete","client":1,"session":"0x1","xid":4,"path":"/a","version":-1,"invoke":7,"outcome":"unknown"}
`
	h, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		request, reply wire.Record
	}{
		{&wire.CreateRequest{Path: "/a-", Data: []byte("x"), ACL: wire.OpenACL(), Flags: 2}, &wire.PathResponse{Path: "/a-0000000000"}},
		{&wire.SetDataRequest{Path: "/a", Data: []byte("y"), Version: 3}, nil},
		{&wire.PathWatchRequest{Path: "/a"}, &wire.DataResponse{Data: []byte("x"), Stat: wire.Stat{Czxid: 0x100000002, Mzxid: 0x100000002, DataLength: 1}}},
		{&wire.DeleteRequest{Path: "/a", Version: -1}, nil},
	}
	for i, w := range want {
		op := h.Records[i].Op
		if !bytes.Equal(op.Request, wire.Marshal(w.request)) {
			t.Errorf("%v: request %x, want %x", op.Code, op.Request, wire.Marshal(w.request))
		}
		var reply []byte
		if w.reply != nil {
			reply = wire.Marshal(w.reply)
		}
		if !bytes.Equal(op.Reply, reply) {
			t.Errorf("%v: reply %x, want %x", op.Code, op.Reply, reply)
		}
		if op.Intend != op.Invoke {
			t.Errorf("%v: due at %d, sent at %d", op.Code, op.Intend, op.Invoke)
		}
	}
}

func TestReadMistakes(t *testing.T) {
	const head = `{"zkctl":"history","version":1,"began":"2026-03-01T09:30:00Z","root":"/"}` + "\n"
	for _, c := range []struct{ text, says string }{
		{"", "the history is empty"},
		{"garbage\n", "line 1 of the history: no history begins like this"},
		{`{"zkctl":"history","version":2}` + "\n", `version 2, but should be "history", version 1`},
		{head + `{"client":1}` + "\n", `line 2 of the history: a record has exactly one`},
		{head + `{"op":"ping","link":"lost","client":1}` + "\n", `exactly one`},
		{head + `{"op":"ping","client":0}` + "\n", "numbered from 1"},
		{head + `{"op":"sing","client":1}` + "\n", `op "sing" is no operation`},
		{head + `{"op":"ping","client":1,"outcome":"good"}` + "\n", "give one of ok, failed, unknown"},
		{head + `{"op":"ping","client":1,"outcome":"ok"}` + "\n", "an answer has one"},
		{head + `{"op":"ping","client":1,"outcome":"unknown","return":4}` + "\n", "an answer has one"},
		{head + `{"op":"ping","client":1,"outcome":"unknown","session":"12"}` + "\n", `session "12" is no hexadecimal number`},
		{head + `{"op":"ping","client":1,"outcome":"ok","return":1,"err":"Bad"}` + "\n", `err "Bad" is no error`},
		{head + `{"op":"ping","client":1,"outcome":"unknown","colour":1}` + "\n", `unknown field "colour"`},
		{head + `{"op":"multi","client":1,"outcome":"unknown","data":"x"}` + "\n", "give it as request64"},
		{head + `{"op":"setData","client":1,"outcome":"unknown","data":"x","request64":"AA=="}` + "\n", "both in base64 and by its parts"},
		{head + `{"event":"changed","client":1}` + "\n", `event "changed" is not known`},
		{head + `{"link":"cut","client":1}` + "\n", `link "cut" is not known`},
		{head + `{"link":"lost","client":1} {}` + "\n", "a line has one"},
	} {
		h, err := Read(strings.NewReader(c.text))
		if err == nil || !strings.Contains(err.Error(), c.says) || h != nil {
			t.Errorf("%s: got %v, want an error that says %q", c.text, err, c.says)
		}
	}
}

// FuzzRead checks that a history which can be read is written and read again as the same, and that it can
// be judged.
func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	h := everyField()
	w := NewWriter(&b, h.Began, h.Root)
	for _, r := range h.Records {
		_ = w.Write(r)
	}
	_ = w.Close()
	f.Add(b.Bytes())
	f.Add([]byte(`{"zkctl":"history","version":1}` + "\n" + `{"op":"create","client":1,"path":"/a","data":"x","created":"/a","return":2,"outcome":"ok"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		first, err := Read(bytes.NewReader(text))
		if first == nil {
			if err == nil {
				t.Fatal("neither a history nor an error")
			}
			return
		}
		second, err := Read(bytes.NewReader(written(t, first)))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(first, second) {
			t.Errorf("%q is read as %q, and that as %q", text, written(t, first), written(t, second))
		}
		if checks, _ := Check(Evidence{History: first}); len(checks) != len(Promises()) {
			t.Errorf("%d promises are judged", len(checks))
		}
	})
}

func TestWorst(t *testing.T) {
	for _, c := range []struct {
		all  []Verdict
		want Verdict
	}{
		{nil, VerdictOK},
		{[]Verdict{VerdictOK, VerdictOK}, VerdictOK},
		{[]Verdict{VerdictOK, VerdictUnknown}, VerdictUnknown},
		{[]Verdict{VerdictUnknown, Violated, VerdictOK}, Violated},
		{[]Verdict{0}, VerdictUnknown},
	} {
		if got := Worst(c.all...); got != c.want {
			t.Errorf("the worst of %v is %v, want %v", c.all, got, c.want)
		}
	}
}
