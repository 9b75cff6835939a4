package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// ownFiles are the files of an ensemble's folder that its supervisor writes.
var ownFiles = []string{"events.jsonl", "events.jsonl.1", "lock", "spec.json", "members/1/log", "members/1/log.1"}

// replace puts something else in a file's place.
func (e *ensemble) replace(name string, by func(path string) error) {
	e.Helper()
	path := filepath.Join(e.home, "default", name)
	if err := os.RemoveAll(path); err != nil {
		e.Fatal(err)
	}
	if err := by(path); err != nil && !errors.Is(err, os.ErrExist) { // the supervisor may have been faster
		e.Fatal(err)
	}
}

func makeFIFO(path string) error { return syscall.Mkfifo(path, 0o600) }
func makeDir(path string) error  { return os.MkdirAll(filepath.Join(path, "a"), 0o700) }

// TestFIFOsInTheFolder replaces a supervisor's files by FIFOs, which nothing writes to: the supervisor makes them anew,
// and no command waits for one, with a supervisor, with one that is stopped, and without one.
func TestFIFOsInTheFolder(t *testing.T) {
	e := up(t, "--nodes", "1")
	for _, name := range ownFiles {
		e.replace(name, makeFIFO)
		e.eventually(name+" is no FIFO", func() error {
			info, err := os.Stat(filepath.Join(e.home, "default", name))
			if err == nil && !info.Mode().IsRegular() {
				return errors.New(info.Mode().String())
			}
			return nil
		})
		for _, command := range []string{"status", "events", "logs 1", "restart 1"} {
			e.expect(command, answer{0, ""})
		}
		e.wait("healthy")
	}
	stopSupervisor(e)
	for _, name := range []string{"events.jsonl", "members/1/log"} {
		e.replace(name, makeFIFO)
		says := name + " is a FIFO, where zkctl keeps a file\nhint: remove it"
		e.expect(map[string]string{"events.jsonl": "events", "members/1/log": "logs 1"}[name], answer{1, says})
	}
	e.expect("down", answer{0, "is stopped"})
	for _, name := range ownFiles {
		spec, err := os.ReadFile(filepath.Join(e.home, "default", "spec.json"))
		if err != nil {
			t.Fatal(err)
		}
		e.replace(name, makeFIFO)
		if name == "spec.json" {
			for _, command := range []string{"status", "events", "logs 1", "up", "kill 1"} {
				e.expect(command, answer{1, `spec.json is a FIFO(.|\n)*hint: the data is whole, in `})
			}
			e.remove(name)
			if err := os.WriteFile(filepath.Join(e.home, "default", name), spec, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		e.expect("status", answer{6, "default: stopped"})
		e.up()
		e.zkctl("down")
	}
}

// TestDirectoriesInTheFolder replaces a supervisor's files by directories, which it does not remove: status and the
// timeline name each, and the ensemble ends all the same, and is deleted.
func TestDirectoriesInTheFolder(t *testing.T) {
	for _, name := range []string{"events.jsonl", "lock", "spec.json", "members/1/log"} {
		for _, last := range []string{"down", "down --purge"} {
			t.Run(name+", "+last, func(t *testing.T) {
				t.Parallel()
				e := up(t, "--nodes", "1")
				pids := e.processes()
				e.replace(name, makeDir)
				e.eventually("the directory stays", func() error {
					e.replace(name, makeDir)
					info, err := os.Stat(filepath.Join(e.home, "default", name))
					if err == nil && !info.IsDir() {
						err = errors.New(info.Mode().String())
					}
					return err
				})
				says := answer{0, "default/" + name + `\s+is\s+a\s+directory:`}
				if name == "spec.json" {
					says = answer{1, `spec.json is a directory(.|\n)*hint: the data is whole, in `}
				}
				e.expect("status", says)
				switch name {
				case "events.jsonl":
					e.expect("events", answer{1, `events.jsonl is a directory, where zkctl keeps a file\nhint: move it away`})
				case "lock", "members/1/log":
					e.eventually("the timeline says so", func() error {
						if said := fmt.Sprint(e.events()); !strings.Contains(said, "{blocked ") {
							return errors.New(said)
						}
						return nil
					})
				}
				e.expect(last, answer{0, ""})
				e.awaitGone(pids)
				if left := e.glob("default"); last != "down" && len(left) > 0 {
					t.Errorf("%v is left", left)
				}
			})
		}
	}
}

// TestADamagedSpecComesBack changes the spec under a running supervisor, which writes it anew.
func TestADamagedSpecComesBack(t *testing.T) {
	e := up(t, "--nodes", "1")
	path := filepath.Join(e.home, "default", "spec.json")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, damage := range []string{"{", "", strings.Replace(string(before), `"id": 1`, `"id": 2`, 1)} {
		if err := os.WriteFile(path, []byte(damage), 0o600); err != nil {
			t.Fatal(err)
		}
		e.eventually("the spec is whole again", func() error {
			now, err := os.ReadFile(path)
			if err == nil && string(now) != string(before) {
				err = fmt.Errorf("it is %q", now)
			}
			return err
		})
		e.expect("status", answer{0, "healthy"})
	}
}

// TestTheDataOutlivesTheSpec damages the spec of a stopped ensemble: every command says where the data is and how it
// is kept, and it is, by these steps.
func TestTheDataOutlivesTheSpec(t *testing.T) {
	e := up(t)
	s := e.scribe("s", e.hosts()...)
	if err := s.write("kept"); err != nil {
		t.Fatal(err)
	}
	s.conn.Close()
	e.zkctl("down")
	folder, old := filepath.Join(e.home, "default"), filepath.Join(t.TempDir(), "old")
	if err := os.WriteFile(filepath.Join(folder, "spec.json"), []byte("{\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"status", "up", "events", "logs 1", "kill 1"} {
		e.expect(command, answer{1, `spec.json is damaged: unexpected end(.|\n)*hint: the data is whole, in .*default/members/\*/data: put a copy`})
	}
	e.expect("down", answer{0, "was not running"})
	if err := os.Rename(folder, old); err != nil {
		t.Fatal(err)
	}
	e.up()
	e.zkctl("down")
	for _, id := range []string{"1", "2", "3"} {
		data := filepath.Join("members", id, "data")
		if err := errors.Join(os.RemoveAll(filepath.Join(folder, data)), os.Rename(filepath.Join(old, data), filepath.Join(folder, data))); err != nil {
			t.Fatal(err)
		}
	}
	e.up()
	for _, host := range e.hosts() {
		s.check(host)
	}
}
