package drill

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"zkctl/inject/history"
)

// bundled is a bundle of a drill on a fake, and what reads the members' data in it.
func bundled(t *testing.T) (dir string, r *Result, read func(string) (history.MemberLog, history.View, error)) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "bundle")
	files := t.TempDir()
	s := parsed(t, "at 2s kill leader --for 3s", "at 4s pause 1 --for 500ms")
	synctest.Test(t, func(t *testing.T) {
		f := newFake(t)
		f.folder = Folder{Events: filepath.Join(files, "events"), Logs: map[int64]string{}, Data: map[int64]string{}}
		write(t, f.folder.Events, "{}\n")
		for id := int64(1); id <= 3; id++ {
			name := filepath.Join(files, strconv.FormatInt(id, 10))
			f.folder.Logs[id], f.folder.Data[id] = name+".log", name
			write(t, name+".log", "hello\n")
			write(t, filepath.Join(name, "version-2", "log.1"), strings.Repeat("\x00", 200_000)+"tail")
		}
		var err error
		if r, err = Run(t.Context(), f.target(), s, Options{Seed: 7, Bundle: dir, Zkctl: "test"}); err != nil {
			t.Fatal(err)
		}
		logs, trees, err := f.Disks(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		read = func(dataDir string) (history.MemberLog, history.View, error) {
			id, err := strconv.Atoi(filepath.Base(dataDir))
			if err != nil {
				return history.MemberLog{}, nil, err
			}
			return history.MemberLog{Txns: logs[id-1].Txns}, trees[int64(id)], nil
		}
	})
	return dir, r, read
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// TestBundleRoundTrip: a bundle has the verdict of its run, to the last digit.
func TestBundleRoundTrip(t *testing.T) {
	dir, r, read := bundled(t)
	c, m, err := ReadBundle(dir, read)
	if err != nil {
		t.Fatal(err)
	}
	if !m.Complete || m.Seed != 7 || m.World != "fake" || m.Zkctl != "test" || m.Verdict != "ok" {
		t.Errorf("manifest %+v", m)
	}
	again := Judge(c, Options{})
	if got, want := NewDocument(again), NewDocument(r); !reflect.DeepEqual(got, want) {
		t.Errorf("the bundle has the verdict\n%+v, the run\n%+v", got, want)
	}
	if again.Verdict != history.VerdictOK || len(again.Timeline.Events) == 0 || len(again.History.Records) != len(r.History.Records) {
		t.Errorf("%v, %d events, %d records of %d", again.Verdict, len(again.Timeline.Events), len(again.History.Records), len(r.History.Records))
	}
	sparse, err := os.ReadFile(filepath.Join(dir, "data", "2", "version-2", "log.1"))
	if err != nil || len(sparse) != 200_004 || !bytes.HasSuffix(sparse, []byte("\x00tail")) {
		t.Errorf("a log of %d bytes, %v", len(sparse), err)
	}
}

// TestEditedBundle: nothing in a bundle can be changed without a word.
func TestEditedBundle(t *testing.T) {
	dir, _, read := bundled(t)
	names, err := filesBelow(dir)
	if err != nil || len(names) < 10 {
		t.Fatalf("%q, %v", names, err)
	}
	refused := func(name, what string) {
		t.Helper()
		if _, _, err := ReadBundle(dir, read); err == nil || !strings.Contains(err.Error(), name+" "+what) {
			t.Errorf("%s: %v, want %q", name, err, what)
		}
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, string(text)+" ")
		refused(name, "was edited")
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		refused(name, "is missing")
		write(t, path, string(text))
	}
	write(t, filepath.Join(dir, "data", "1", "version-2", "log.2"), "")
	refused("data/1/version-2/log.2", "is not in its manifest")
}

// TestTornBundle: a run that ended in the middle leaves a bundle without a verdict of ok, wherever it ended.
func TestTornBundle(t *testing.T) {
	dir, _, read := bundled(t)
	var m Manifest
	if err := readJSON(dir, manifestFile, &m); err != nil {
		t.Fatal(err)
	}
	m.Complete, m.Files = false, nil
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, manifestFile), string(text))
	judged := func(reason string) {
		t.Helper()
		c, _, err := ReadBundle(dir, read)
		if err != nil {
			t.Errorf("%v", err)
			return
		}
		r := Judge(c, Options{})
		if r.Verdict != history.VerdictUnknown || !slices.ContainsFunc(r.Reasons, func(s string) bool { return strings.Contains(s, reason) }) {
			t.Errorf("verdict %v, reasons %q; want %q", r.Verdict, r.Reasons, reason)
		}
	}
	judged("the bundle is incomplete")
	path := filepath.Join(dir, historyFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, string(whole[:len(whole)-10]))
	judged("is torn: the history ends in the middle of it")
	for _, name := range []string{dataFolder, eventsFile, runFileName} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		judged("the bundle is incomplete")
	}
}

// TestFullBundleDisk: a history that cannot be written is an error, and the drill goes on and ends in order.
func TestFullBundleDisk(t *testing.T) {
	s := parsed(t, "at 2s kill leader --for 3s")
	synctest.Test(t, func(t *testing.T) {
		full, f := errors.New("no space left on device"), newFake(t)
		r := &run{target: f.target(), scenario: s, options: Options{Abort: t.Context()}, recorder: newRecorder()}
		w, err := r.target.Start(t.Context(), s, 7, r.recorder)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		r.recorder.stream(func(history.Record) error {
			if n++; n > 100 {
				return full
			}
			return nil
		})
		result, err := r.judge(w, r.phases(t.Context(), w))
		if !errors.Is(err, full) || result == nil {
			t.Fatalf("%v, %v", result, err)
		}
		result.check(t, history.VerdictOK, "")
		if n != 101 {
			t.Errorf("%d records were written, want none after the first that failed", n)
		}
		if last := f.healed[len(f.healed)-1]; last != "close keep=false" {
			t.Errorf("the ensemble was asked for %q", f.healed)
		}
	})
}
