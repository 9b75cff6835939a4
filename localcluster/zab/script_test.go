package zab

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"zkctl/probe/wire"
)

var update = flag.Bool("update", false, "write what the conversations are into testdata")

// TestConversations plays the scripts in testdata. A script is a list of
// blocks: commands, a line of four dashes, and the whole conversation that
// they must cause, every message and event, up to a blank line.
//
//	ensemble 3 [observers]   three voters; must come first
//	counter 2                an epoch ends with its second transaction
//	start 1 2 3              processes come up, from whatever their disks hold
//	settle                   everything happens that needs no time
//	run 300ms                time passes
//	propose 2 value          the leader broadcasts
//	crash 1                  memory and unsynced writes are lost
//	cut 1 2 / cut 1>2        silence, both ways or one way; heal ends all cuts
//	break 1 2                connections break, and what was under way is lost
//	stick 1 / unstick 1      the disk makes nothing durable
//	disk 1 accepted=2 current=1 log=0x100000001:a,0x100000002:b snapshot=0x100000001
//	quiet                    do not show what follows in this block
//	state                    shows every server
func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			got, want, err := playFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("the conversation differs (go test -update rewrites it):\n%s", firstDifference(got, want))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d\n got: %s\nwant: %s", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("got %d lines, want %d", len(g), len(w))
}

// playFile returns the script with the conversation as it is, and as the file
// has it.
func playFile(file string) (got, want string, err error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	var out, said strings.Builder
	p := &player{said: &said}
	scan := bufio.NewScanner(strings.NewReader(string(raw)))
	skipping := false
	for scan.Scan() {
		line := scan.Text()
		switch {
		case skipping:
			if line == "" {
				skipping = false
				out.WriteString("\n")
			}
		case line == "----":
			out.WriteString("----\n" + said.String())
			said.Reset()
			p.quiet = false
			skipping = true
		default:
			out.WriteString(line + "\n")
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			if err := p.do(strings.Fields(line)); err != nil {
				return "", "", fmt.Errorf("%s: %s: %w", file, line, err)
			}
		}
	}
	if skipping {
		out.WriteString("\n")
	}
	return out.String(), string(raw), scan.Err()
}

type player struct {
	w     *world
	said  *strings.Builder
	quiet bool
}

func (p *player) say(format string, args ...any) {
	if !p.quiet {
		fmt.Fprintf(p.said, format+"\n", args...)
	}
}

func (p *player) do(f []string) error {
	ids, idErr := serverIDs(f[1:])
	switch f[0] {
	case "ensemble":
		observers := 0
		if len(ids) > 1 {
			observers = int(ids[1])
		}
		p.w = newWorld(int(ids[0]), observers)
		p.w.trace = p.say
	case "counter":
		p.w.lastCounter = uint32(ids[0])
	case "start":
		for _, id := range ids {
			if err := p.w.start(id); err != nil {
				p.say("%d: %v", id, err)
			}
		}
	case "settle":
		return p.w.settle()
	case "run":
		d, err := time.ParseDuration(f[1])
		if err != nil {
			return err
		}
		return p.w.run(d)
	case "propose":
		s := p.w.servers[ids[0]]
		p.w.step(s, Proposed{wire.Proposal{Zxid: s.node.Status().NextZxid, Data: []byte(f[2])}})
		return nil
	case "crash":
		for _, id := range ids {
			p.w.crash(id)
		}
	case "cut":
		if from, to, oneWay := strings.Cut(f[1], ">"); oneWay {
			pairIDs, err := serverIDs([]string{from, to})
			if err != nil {
				return err
			}
			p.w.blocked[pair{pairIDs[0], pairIDs[1]}] = true
			return nil
		}
		p.w.blocked[pair{ids[0], ids[1]}] = true
		p.w.blocked[pair{ids[1], ids[0]}] = true
	case "heal":
		clear(p.w.blocked)
	case "break":
		p.w.breakLinks(ids[0], ids[1], keepNone)
	case "stick", "unstick":
		p.w.servers[ids[0]].stuck = f[0] == "stick"
	case "disk":
		return p.disk(p.w.servers[ids[0]], f[2:])
	case "quiet":
		p.quiet = true
	case "state":
		p.quiet = false
		p.state()
	default:
		return fmt.Errorf("no such command")
	}
	if idErr != nil && f[0] != "run" && f[0] != "cut" {
		return idErr
	}
	return nil
}

func serverIDs(words []string) (ids []ServerID, err error) {
	for _, s := range words {
		n, e := strconv.Atoi(s)
		if e != nil {
			err = e
			continue
		}
		ids = append(ids, ServerID(n))
	}
	return ids, err
}

func (p *player) disk(s *server, settings []string) error {
	for _, setting := range settings {
		key, value, _ := strings.Cut(setting, "=")
		switch key {
		case "accepted", "current":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return err
			}
			if key == "accepted" {
				s.disk.accepted = n
			} else {
				s.disk.current = n
			}
		case "snapshot":
			n, err := strconv.ParseInt(value, 0, 64)
			if err != nil {
				return err
			}
			s.disk.floor = wire.Zxid(n)
		case "log":
			for entry := range strings.SplitSeq(value, ",") {
				z, data, _ := strings.Cut(entry, ":")
				n, err := strconv.ParseInt(z, 0, 64)
				if err != nil {
					return err
				}
				s.disk.log = append(s.disk.log, wire.Proposal{Zxid: wire.Zxid(n), Data: []byte(data)})
			}
		default:
			return fmt.Errorf("no such setting %q", key)
		}
	}
	return nil
}

func (p *player) state() {
	for _, id := range p.w.ids {
		s := p.w.servers[id]
		var values []string
		for _, e := range s.disk.log {
			values = append(values, string(e.Data))
		}
		log := strings.Join(values, " ")
		if s.node == nil {
			p.say("%d down accepted=%d current=%d log=[%s]", id, s.disk.accepted, s.disk.current, log)
			continue
		}
		st := s.node.Status()
		p.say("%d %v %v leader=%d accepted=%d current=%d applied=%v committed=%v serving=%v log=[%s]",
			id, st.Role, st.Phase, st.Leader, s.disk.accepted, s.disk.current, st.Applied, st.Committed, st.Serving, log)
	}
}
