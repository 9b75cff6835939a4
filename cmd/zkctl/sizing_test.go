package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// thousand are questions about a thousand voters, one of each class of systems;
// all are to be answered within a tenth of a second, start of the process included.
var thousand = []struct {
	name string
	args []string
}{
	{"five, for comparison", []string{"--nodes", "5"}},
	{"majority", []string{"--nodes", "1000", "--availability", "0.99"}},
	{"majority, zones", []string{"--nodes", "1000", "--zones", thirds(), "--availability", "0.99", "--zone-availability", "0.999"}},
	{"majority, placed", []string{"--nodes", "1000", "--place", "a,b", "--availability", "0.99", "--zone-availability", "0.999"}},
	{"majority, unequal servers", append([]string{"--nodes", "1000", "--importance"}, unequal()...)},
	{"majority, profile", []string{"--nodes", "1000", "--profile"}},
	{"majority, repair", []string{"--nodes", "1000", "--mttf", "90d", "--mttr", "4h"}},
	{"reconfiguration", []string{"--nodes", "1000", "--next", "1001", "--availability", "0.99"}},
	{"weights 1 to 5", []string{"--groups", groupsOf(1000), "--weights", weights(5), "--availability", "0.99", "--importance"}},
	{"weights 1 to 1000", []string{"--groups", groupsOf(1000), "--weights", weights(1000), "--availability", "0.99"}},
	{"25 groups", []string{"--groups", groupsOf(40), "--availability", "0.99", "--importance"}},
	{"25 groups, zones", []string{"--groups", groupsOf(40), "--zones", thirds(), "--availability", "0.99", "--zone-availability", "0.999"}},
	{"25 groups, profile", []string{"--groups", groupsOf(40), "--profile"}},
	{"plan", []string{"plan", "--from", "3", "--to", "1000"}},
}

// groupsOf are 1..1000 in groups of that size, as --groups wants them.
func groupsOf(size int) string {
	var b strings.Builder
	for id := 1; id <= 1000; id++ {
		switch {
		case id == 1:
		case (id-1)%size == 0:
			b.WriteByte(',')
		default:
			b.WriteByte(':')
		}
		fmt.Fprint(&b, id)
	}
	return b.String()
}

func weights(most int) string {
	var parts []string
	for id := 1; id <= 1000; id++ {
		parts = append(parts, fmt.Sprintf("%d=%d", id, (id-1)%most+1))
	}
	return strings.Join(parts, ",")
}

func thirds() string {
	zones := make([]string, 3)
	for id := 1; id <= 1000; id++ {
		zones[id%3] += fmt.Sprintf(",%d", id)
	}
	return "a=" + zones[0][1:] + ";b=" + zones[1][1:] + ";c=" + zones[2][1:]
}

// unequal gives each server an availability of its own.
func unequal() []string {
	var args []string
	for id := 1; id <= 1000; id++ {
		args = append(args, "--availability", fmt.Sprintf("%d=0.9%04d", id, id))
	}
	return args
}

// BenchmarkThousandVoters is zkctl quorum, from the start of the process to its end. It runs
// the test's own binary; ZKCTL_BENCH names another one. On a busy machine,
// look at the least of several runs: go test -bench ThousandVoters -count 10.
func BenchmarkThousandVoters(b *testing.B) {
	program := os.Getenv("ZKCTL_BENCH")
	if program == "" {
		self, err := os.Executable()
		if err != nil {
			b.Fatal(err)
		}
		program = self
	}
	home := b.TempDir()
	for _, c := range thousand {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				cmd := exec.Command(program, append([]string{"quorum"}, c.args...)...)
				cmd.Env = append(os.Environ(), asProgram+"=1", "ZKCTL_HOME="+home)
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v: %s", err, tail(out, 400))
				}
			}
		})
	}
}

// TestThousandVoters runs the same questions once: they are answered. (How many
// steps that takes is held to in package quorum.)
func TestThousandVoters(t *testing.T) {
	e := at(t, t.TempDir())
	for _, c := range thousand {
		out := e.zkctl(append([]string{"quorum"}, c.args...)...)
		if want := "1000 voters"; c.name != "five, for comparison" && !strings.Contains(out, want) && !strings.Contains(out, "1001 voters") {
			t.Errorf("%s: no %q in\n%s", c.name, want, out)
		}
	}
}
