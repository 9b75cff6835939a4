package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"zkctl/probe/wire"
)

// victim is a follower whose files are damaged while it is killed.
type victim struct {
	*ensemble
	id     int64
	dir    string // dataDir/version-2
	scribe *scribe
	logs   *logbook
}

// files are the victim's snapshots or logs, by ascending zxid.
func (v *victim) files(prefix string) []string {
	found, err := filepath.Glob(filepath.Join(v.dir, prefix+".*"))
	if err != nil || len(found) == 0 {
		v.Fatalf("no %s in %s (%v)", prefix, v.dir, err)
	}
	slices.SortFunc(found, func(a, b string) int { return int(v.zxid(a) - v.zxid(b)) })
	return found
}

func (v *victim) newest(prefix string) string {
	found := v.files(prefix)
	return found[len(found)-1]
}

func (v *victim) zxid(path string) wire.Zxid {
	z, err := wire.ParseZxid("0x" + strings.TrimPrefix(filepath.Ext(path), "."))
	if err != nil {
		v.Fatal(err)
	}
	return z
}

// kill kills the victim at a moment at which it has two snapshots besides the
// first and, behind the newest, a log of some length.
func (v *victim) kill() {
	v.Helper()
	v.eventually("snapshots, and a log behind them", func() error {
		v.scribe.writeMany(40)
		v.wait("synced")
		v.zkctl("kill", fmt.Sprint(v.id))
		snapshots, log := v.files("snapshot"), v.newest("log")
		info, err := os.Stat(log)
		if err != nil {
			v.Fatal(err)
		}
		if n := len(snapshots); n < 3 || v.zxid(log) <= v.zxid(snapshots[n-1]) || info.Size() < 1000 {
			v.zkctl("start", fmt.Sprint(v.id))
			return fmt.Errorf("%d snapshots, and %d bytes of log", n, info.Size())
		}
		return nil
	})
}

// change rewrites a file.
func (v *victim) change(path string, how func([]byte) []byte) {
	v.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		v.Fatal(err)
	}
	if err := os.WriteFile(path, how(text), 0o600); err != nil {
		v.Fatal(err)
	}
}

func flipMiddle(text []byte) []byte {
	text[len(text)/2] ^= 4
	return text
}

func cutInHalf(text []byte) []byte { return text[:len(text)/2] }

// damage is something that can happen to files. It returns the files that the
// member must name.
type damage struct {
	name    string
	do      func(v *victim) []string
	says    string // about each of them
	refused bool   // the member must not start with it
}

func damages(seed uint64) []damage {
	log := func(v *victim, how func([]byte) []byte) []string {
		path := v.newest("log")
		v.change(path, how)
		return []string{path}
	}
	snapshot := func(v *victim, how func([]byte) []byte) []string {
		path := v.newest("snapshot")
		v.change(path, how)
		return []string{path}
	}
	return []damage{
		{"a log without its last bytes", func(v *victim) []string {
			return log(v, func(text []byte) []byte { return text[:len(text)-5] })
		}, "the last write was interrupted", false},
		{"a log that ends with random bytes", func(v *victim) []string {
			random := rand.New(rand.NewPCG(seed, seed))
			return log(v, func(text []byte) []byte {
				for range 100 {
					text = append(text, byte(random.Uint32()))
				}
				return text
			})
		}, "bytes cut off", false},
		{"a log that ends with zeros", func(v *victim) []string {
			return log(v, func(text []byte) []byte { return append(text[:len(text)-20], make([]byte, 20)...) })
		}, "the last write was interrupted", false},
		{"half a log", func(v *victim) []string { return log(v, cutInHalf) }, "the last write was interrupted", false},
		{"half a snapshot", func(v *victim) []string { return snapshot(v, cutInHalf) }, "used the snapshot before it and the log", false},
		{"a flipped bit in a snapshot", func(v *victim) []string { return snapshot(v, flipMiddle) }, "used the snapshot before it and the log", false},
		{"a flipped bit in a log", func(v *victim) []string { return log(v, flipMiddle) }, ": offset ", true},
		{"a flipped bit in every snapshot", func(v *victim) []string {
			all := v.files("snapshot")
			for _, path := range all {
				v.change(path, flipMiddle)
			}
			return all
		}, ": offset ", true},
	}
}

// TestDamagedFiles damages the files of a follower in every way. The follower either
// starts and logs what it has cut off or skipped, or refuses to start and logs what to
// do, which then works. The other members keep serving.
func TestDamagedFiles(t *testing.T) {
	e := up(t, "--set", "snapCount=60")
	s := e.status()
	v := &victim{ensemble: e, logs: e.logs()}
	var others []string
	for _, m := range s.Members {
		if v.id == 0 && m.Role == "follower" {
			v.id, v.dir = m.ID, filepath.Join(m.DataDir, "version-2")
		} else {
			others = append(others, m.Client)
		}
	}
	v.scribe = e.scribe("s", others...)
	for _, d := range damages(testSeed(t)) {
		ok := t.Run(d.name, func(t *testing.T) {
			v.kill()
			files := d.do(v)
			v.scribe.writeMany(5)
			if d.refused {
				v.refuses(t, d, files)
				v.followAdvice(t)
			} else {
				e.zkctl("start", fmt.Sprint(v.id))
				for _, path := range files {
					v.logs.await(v.id, "repaired", path, d.says)
				}
			}
			e.wait("synced")
			v.scribe.check(s.Members[v.id-1].Client)
		})
		if !ok {
			return
		}
	}
	v.scribe.conn.Close()
	e.wait("synced")
	e.sameTrees()
}

// refuses starts the victim, which must end with an error that says everything.
func (v *victim) refuses(t *testing.T, d damage, files []string) {
	out, errs, code := v.run("start", fmt.Sprint(v.id))
	if code != 1 {
		t.Fatalf("start with %s: exit %d\n%s%s", d.name, code, out, errs)
	}
	status, _, code := v.run("status", "-o", "json")
	if code != 3 || !strings.Contains(status, `"health": "degraded"`) {
		t.Errorf("status: exit %d\n%s", code, status)
	}
	v.logs.await(v.id, files[0]+d.says, advice+v.dir) // `zkctl logs -f` polls the log
	for where, text := range map[string]string{"start": errs, "status": status, "the log": strings.Join(v.logs.of(v.id), "\n")} {
		for _, path := range files {
			if !strings.Contains(text, path+d.says) {
				t.Errorf("%s does not name %s: %s", where, path, text)
			}
		}
		if !strings.Contains(text, advice+v.dir) {
			t.Errorf("%s gives no advice: %s", where, text)
		}
	}
	v.scribe.writeMany(5) // the other members still serve
}

// advice is what a member with damaged files says, up to the name of the folder.
const advice = "move snapshot.*, log.*, install.* and currentEpoch (but not acceptedEpoch) out of "

// followAdvice does exactly what the advice says.
func (v *victim) followAdvice(t *testing.T) {
	for _, pattern := range []string{"snapshot.*", "log.*", "install.*", "currentEpoch"} {
		found, err := filepath.Glob(filepath.Join(v.dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		away := t.TempDir()
		for _, path := range found {
			if err := os.Rename(path, filepath.Join(away, filepath.Base(path))); err != nil {
				t.Fatal(err)
			}
		}
	}
	v.zkctl("start", fmt.Sprint(v.id))
}
