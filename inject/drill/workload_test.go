package drill

import (
	"bytes"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"zkctl/inject/history"
)

// TestWorkloadCommand: a user's program is judged by how it ends, and by the history that it writes.
func TestWorkloadCommand(t *testing.T) {
	for name, c := range map[string]struct{ command, wrong string }{
		"it ends by itself":         {"exit 0", ""},
		"it fails":                  {"echo no such node; exit 3", "exit status 3; it said: no such node"},
		"it ends when told":         {"echo up > up; sleep 600", ""},
		"it ends in order on TERM":  {"trap 'exit 0' TERM; echo up > up; sleep 600 & wait", ""},
		"it fails when told to end": {"trap 'exit 7' TERM; echo up > up; sleep 600 & wait", "exit status 7"},
		"it has the members":        {`test "$ZK_HOSTS" = a:1,b:2 && test -n "$ZKCTL_HISTORY"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, err := startWorkload("cd $(dirname $ZKCTL_HISTORY) && "+c.command, "a:1,b:2")
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(c.command, "> up") {
				awaitFile(t, w.dir+"/up")
			} else {
				<-w.ended
			}
			if got := w.stop(t.Context()); got != c.wrong {
				t.Errorf("%q, want %q", got, c.wrong)
			}
			if err := w.close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestWorkloadHistory: the program's own clock becomes that of the run.
func TestWorkloadHistory(t *testing.T) {
	r := newRecorder()
	var text bytes.Buffer
	writer := history.NewWriter(&text, r.began.Add(time.Second), "/")
	op := &history.Op{Client: 1, Conn: 1, Session: 1, Xid: 1, Code: 4, Path: "/a", Intend: 1, Invoke: 1, Return: 5, Outcome: history.OK}
	lost := &history.Op{Client: 1, Conn: 1, Session: 1, Xid: 2, Code: 4, Path: "/a", Intend: 6, Invoke: 6, Return: history.Never, Outcome: history.Unknown}
	for _, one := range []history.Record{{Op: op}, {Op: lost}, {Link: &history.Link{Client: 1, Conn: 1, Session: 1, At: 7, Kind: history.Lost}}} {
		if err := writer.Write(one); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := passHistory(strings.NewReader(text.String()+`{"op":"getD`), r); err == nil || !strings.Contains(err.Error(), "torn") {
		t.Errorf("a torn end: %v", err)
	}
	records, _, _ := r.take()
	if len(records) != 3 {
		t.Fatalf("%d records", len(records))
	}
	second := int64(time.Second)
	if first := records[0].Op; first.Invoke != second+1 || first.Return != second+5 {
		t.Errorf("%+v", first)
	}
	if records[1].Op.Return != history.Never || records[2].Link.At != second+7 {
		t.Errorf("%+v, %+v", records[1].Op, records[2].Link)
	}
}

// awaitFile waits until a file is there.
func awaitFile(t *testing.T, path string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		if _, err := os.Stat(path); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s never came", path)
		}
		runtime.Gosched()
	}
}
