package scenario

import (
	"errors"
	"strings"
	"testing"
	"time"

	"zkctl/inject/link"
)

// steps are lines in their canonical form, with what they mean.
var steps = []struct {
	line string
	want Step
}{
	{"at 3s kill leader", Step{When: When{At: 3 * time.Second}, Fault: Fault{Verb: Kill, Target: "leader"}}},
	{"at 0s kill '!leader' --signal TERM --lose some --silent --wipe --for 1s", Step{Fault: Fault{
		Verb: Kill, Target: "!leader", Signal: "TERM", Lose: LoseSome, Silent: true, Wipe: true, For: time.Second}}},
	{"down: at 1.5s restart 1,3 --for 200ms", Step{Label: "down", When: When{At: 1500 * time.Millisecond},
		Fault: Fault{Verb: Restart, Target: "1,3", For: 200 * time.Millisecond}}},
	{"every 2s pause random:1 --for 1s", Step{When: When{At: 2 * time.Second, Every: 2 * time.Second},
		Fault: Fault{Verb: Pause, Target: "random:1", For: time.Second}}},
	{"every 2s from=0s times=3 reset 2", Step{When: When{Every: 2 * time.Second, Times: 3}, Fault: Fault{Verb: Reset, Target: "2"}}},
	{"on newleader kill self", Step{When: When{Point: AtNewLeader, Nth: 1}, Fault: Fault{Verb: Kill, Target: "self"}}},
	{"on synchronizing of=leader nth=2 after=1ms partition 'self>leader' --channel quorum", Step{
		When:  When{Point: AtSynchronizing, Of: "leader", Nth: 2, At: time.Millisecond},
		Fault: Fault{Verb: Partition, Target: "self>leader", Channel: "quorum"}}},
	{"on down refuse 2 --for 1m0s", Step{When: When{Step: "down"}, Fault: Fault{Verb: Refuse, Target: "2", For: time.Minute}}},
	{"on down.ended after=1s slow '1>2' --latency 50ms --jitter 10ms --rate 64kB", Step{
		When: When{Step: "down", Ended: true, At: time.Second},
		Fault: Fault{Verb: Slow, Target: "1>2", Shape: link.Shape{
			Latency: 50 * time.Millisecond, Jitter: 10 * time.Millisecond, Rate: 64000}}}},
	{"at 1s partition '1,2|3' --one-way", Step{When: When{At: time.Second}, Fault: Fault{Verb: Partition, Target: "1,2|3", OneWay: true}}},
	{"at 1s partition --bridge leader", Step{When: When{At: time.Second}, Fault: Fault{Verb: Partition, Bridge: "leader"}}},
	{"at 1s partition --ring", Step{When: When{At: time.Second}, Fault: Fault{Verb: Partition, Ring: true}}},
	{"at 1s disk 2 --fsync-latency 1s", Step{When: When{At: time.Second}, Fault: Fault{Verb: Disk, Target: "2", Disk: DiskFault{Latency: time.Second}}}},
	{"at 1s disk 2 --stuck", Step{When: When{At: time.Second}, Fault: Fault{Verb: Disk, Target: "2", Disk: DiskFault{Stuck: true}}}},
	{"at 1s disk 2 --full", Step{When: When{At: time.Second}, Fault: Fault{Verb: Disk, Target: "2", Disk: DiskFault{Full: true}}}},
	{"at 1s disk 2 --error EIO --nth 3 --lose unsynced", Step{When: When{At: time.Second},
		Fault: Fault{Verb: Disk, Target: "2", Lose: LoseUnsynced, Disk: DiskFault{Error: "EIO", Nth: 3}}}},
	{"at 1s disk 2 --power-fails --lose some", Step{When: When{At: time.Second},
		Fault: Fault{Verb: Disk, Target: "2", Lose: LoseSome, Disk: DiskFault{PowerFails: true}}}},
	{"at 1s disk 2 --torn-write", Step{When: When{At: time.Second}, Fault: Fault{Verb: Disk, Target: "2", Disk: DiskFault{Torn: true}}}},
	{"at 1s disk 2 --bit-flip --nth 9", Step{When: When{At: time.Second}, Fault: Fault{Verb: Disk, Target: "2", Disk: DiskFault{Flip: true, Nth: 9}}}},
	{"at 1s clock 2 --skew -3s --rate 80%", Step{When: When{At: time.Second}, Fault: Fault{Verb: Clock, Target: "2", Skew: -3 * time.Second, Rate: 80}}},
	{"at 1s expire 0x100006d41b20000", Step{When: When{At: time.Second}, Fault: Fault{Verb: Expire, Target: "0x100006d41b20000"}}},
	{"at 1s expire client:2", Step{When: When{At: time.Second}, Fault: Fault{Verb: Expire, Target: "client:2"}}},
	{"at 1s elect", Step{When: When{At: time.Second}, Fault: Fault{Verb: Elect}}},
	{"at 1s elect 3 --force 1,3", Step{When: When{At: time.Second}, Fault: Fault{Verb: Elect, Target: "3", Forced: "1,3"}}},
	{"at 1s client 1 --sever", Step{When: When{At: time.Second}, Fault: Fault{Verb: Client, Target: "1", Client: ClientFault{Sever: true}}}},
	{"at 1s client half --sleep --for 5s", Step{When: When{At: time.Second},
		Fault: Fault{Verb: Client, Target: "half", Client: ClientFault{Sleep: true}, For: 5 * time.Second}}},
	{"at 1s client all --abandon", Step{When: When{At: time.Second}, Fault: Fault{Verb: Client, Target: "all", Client: ClientFault{Abandon: true}}}},
	{"at 1s damage 2 --truncate", Step{When: When{At: time.Second}, Fault: Fault{Verb: Damage, Target: "2", Truncate: true}}},
	{"at 1s damage 2 --flip", Step{When: When{At: time.Second}, Fault: Fault{Verb: Damage, Target: "2", Flip: true}}},
	{"at 1s damage 2 --wipe", Step{When: When{At: time.Second}, Fault: Fault{Verb: Damage, Target: "2", Wipe: true}}},
}

// Every verb and every flag is in the table of lines, and a line that is read is written as it was.
func TestStepsAreText(t *testing.T) {
	used := map[string]bool{}
	for _, c := range steps {
		c.want.Line, c.want.Col = 1, 1
		got, err := ParseStep(c.line)
		if err != nil || got != c.want {
			t.Errorf("%s: got %+v (%v), want %+v", c.line, got, err, c.want)
			continue
		}
		if got.String() != c.line {
			t.Errorf("%s: is written as %s", c.line, got)
		}
		used[string(got.Fault.Verb)] = true
		for word := range strings.FieldsSeq(c.line) {
			if strings.HasPrefix(word, "--") {
				used[string(got.Fault.Verb)+" "+word] = true
			}
		}
	}
	for _, r := range verbRules {
		if !used[string(r.verb)] {
			t.Errorf("no line has the verb %s", r.verb)
		}
	}
	for _, x := range flags {
		if name := string(x.verbs[0]) + " --" + x.name; !used[name] {
			t.Errorf("no line has %s", name)
		}
	}
}

// What is the default or was written in another way has one canonical form.
func TestStepsHaveOneForm(t *testing.T) {
	for line, want := range map[string]string{
		"  at  3s   kill \"leader\" ":                    "at 3s kill leader",
		"at 60s kill --for=90s 1":                        "at 1m0s kill 1 --for 1m30s",
		"at 1s kill 1 --signal sigkill":                  "at 1s kill 1",
		"at 1s kill 1 --signal sigterm":                  "at 1s kill 1 --signal TERM",
		"at 1s reset 2 --channel all":                    "at 1s reset 2",
		"at 1s clock 2 --rate 100% --skew 1s":            "at 1s clock 2 --skew 1s",
		"at 1s disk 2 --nth 1 --power-fails":             "at 1s disk 2 --power-fails",
		"at 1s slow 2 --rate 1000kB/s":                   "at 1s slow 2 --rate 1MB",
		"at 1s slow 2 --rate 1.5kB":                      "at 1s slow 2 --rate 1500",
		"at 1s slow 2 --rate 1KiB":                       "at 1s slow 2 --rate 1024",
		"every 2s from=2s kill 1":                        "every 2s kill 1",
		"on diff nth=1 after=0s of=2 kill 1":             "on diff of=2 kill 1",
		"at 1s partition 1,2|3":                          "at 1s partition '1,2|3'",
		"at 1s partition 1' , '2|3":                      "at 1s partition '1 , 2|3'",
		"on diff of='!leader' partition \"self|!self\"":  "on diff of='!leader' partition 'self|!self'",
		"a-1:  on   b_2.ended  after=1s kill 1 --for 1s": "a-1: on b_2.ended after=1s kill 1 --for 1s",
	} {
		step, err := ParseStep(line)
		if err != nil || step.String() != want {
			t.Errorf("%s: got %v (%v), want %s", line, step, err, want)
		}
	}
}

func TestBadSteps(t *testing.T) {
	for _, c := range []struct {
		line    string
		col     int
		problem string
	}{
		{"", 1, "the step is empty"},
		{"a:", 3, "the step is empty"},
		{"kill leader", 1, `not with "kill"`},
		{"at", 3, "at what?"},
		{"at noon kill 1", 4, `"noon" is not a time`},
		{"at -1s kill 1", 4, "-1s: the time is negative"},
		{"at 1s", 6, "a fault is missing"},
		{"at 1s explode 1", 7, `"explode" is not a verb: give one of kill, restart`},
		{"at 1s after=2s kill 1", 7, "after=: a step that begins with at takes no such field"},
		{"every 0s kill 1", 7, "zero"},
		{"every 1s until=3s kill 1", 10, "until=: unknown here; want from=, times="},
		{"every 1s times=0 kill 1", 10, `times=: "0" is not a number from 1`},
		{"every 1s times=2 times=3 kill 1", 18, "times= is given twice"},
		{"on diff of=x kill 1", 9, `of=: selector "x"`},
		{"on never! kill 1", 4, `on "never!": neither an injection point nor a label; the points are elected, promise`},
		{"on a nth=2 kill 1", 6, "nth=: unknown here; want after="},
		{"diff: at 1s kill 1", 1, `label "diff" is the name of an injection point`},
		{": at 1s kill 1", 1, `label ""`},
		{"a.b: at 1s kill 1", 1, `label "a.b"`},
		{"at 1s kill", 7, "kill needs a SELECTOR; usage: kill SELECTOR [--signal NAME] [--lose some|unsynced] [--silent] [--wipe] [--for D]"},
		{"at 1s kill ''", 12, "the SELECTOR is empty"},
		{"at 1s kill 1 2", 14, `kill takes one SELECTOR, got "2" behind "1"`},
		{"at 1s kill self", 7, "self is the member at an injection point, and this step has none"},
		{"at 1s partition --bridge self", 7, "self is the member at an injection point"},
		{"on diff kill 1-self", 14, `"1-self" is neither an id nor a known word`},
		{"at 1s kill boss", 12, `selector "boss"`},
		{"at 1s kill 1 --latency 1s", 14, "kill has no flag --latency; usage: kill"},
		{"at 1s kill 1 --for", 14, "--for needs a value: --for D"},
		{"at 1s kill 1 --for 0s", 14, "--for: 0s: a fault lasts for some time"},
		{"at 1s kill 1 --for 1s --for 2s", 23, "--for is given twice"},
		{"at 1s kill 1 --wipe=yes", 14, `--wipe takes no value, got "yes"`},
		{"at 1s kill 1 --lose all", 14, `--lose: "all" is not one of some, unsynced`},
		{"at 1s kill 1 --silent", 12, "add --lose some or --lose unsynced"},
		{"at 1s kill 1 --signal ''", 14, "is not the name of a signal"},
		{"at 1s reset 1 --for 1s", 15, "reset has no flag --for"},
		{"at 1s partition 1|1", 17, "member 1 is in two groups"},
		{"at 1s partition", 7, "partition of what?"},
		{"at 1s partition 1 --channel third", 19, `channel "third"`},
		{"at 1s slow 1", 12, "slow by how much?"},
		{"at 1s slow 1 --latency 1s --jitter 2s", 12, "jitter 2s: must not exceed"},
		{"at 1s slow 1 --rate fast", 14, `"fast" is not bytes a second`},
		{"at 1s disk 1", 12, "disk takes one of --fsync-latency, --stuck"},
		{"at 1s disk 1 --full --stuck", 12, "and 2 are given"},
		{"at 1s disk 1 --full --nth 2", 12, "--nth 2: this fault is not about one operation"},
		{"at 1s disk 1 --full --lose some", 12, "add --power-fails or --error EIO"},
		{"at 1s disk 1 --error ENOSPC", 12, "want EIO; for a disk without space: --full"},
		{"at 1s disk 1 --fsync-latency -1s", 12, "-1s: the time is negative"},
		{"at 1s clock 1", 13, "give --skew, --rate or both"},
		{"at 1s clock 1 --rate 0%", 15, `"0%" is not a speed`},
		{"at 1s expire 7", 14, `session "7": want its id`},
		{"at 1s expire client:0", 14, `"0" is not a number`},
		{"at 1s elect leader --force 1", 13, "--force wants the id of the member to elect"},
		{"at 1s elect 1 --force all", 13, "want the ids of voters"},
		{"at 1s client 0 --sever", 14, `client "0": want its number from 1, all or half`},
		{"at 1s client 1", 14, "client takes one of --sever, --sleep, --abandon, and 0 are given"},
		{"at 1s client 1 --abandon --for 1s", 14, "never comes back"},
		{"at 1s damage 1", 14, "damage takes one of --truncate, --flip, --wipe"},
		{"at 1s kill 'leader", 12, "the quote ' is not closed"},
	} {
		_, err := ParseStep(c.line)
		var e *Error
		if !errors.As(err, &e) || e.Line != 1 || e.Col != c.col || !strings.Contains(e.Problem, c.problem) {
			t.Errorf("%q: got %v, want column %d: %s", c.line, err, c.col, c.problem)
		}
	}
	for words, problem := range map[string]string{"kill self": "needs a step that begins with: on POINT", "": "a fault is missing", "kill '": "not closed"} {
		if _, err := ParseFault(words); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%q: got %v, want %s", words, err, problem)
		}
	}
}

func TestSelfIsReplaced(t *testing.T) {
	for target, want := range map[string]string{
		"self": "3", "!self": "!3", "!self>self": "!3>3", "1,self|2": "1,3|2", "selfish": "selfish", "myself": "myself",
		"leader": "leader", "self-4": "self-4", "1, self": "1, 3",
	} {
		f := Fault{Verb: Partition, Target: target, Bridge: "self"}
		got := f.WithSelf("3")
		if got.Target != want || got.Bridge != "3" {
			t.Errorf("%s: got %s, bridge %s; want %s, bridge 3", target, got.Target, got.Bridge, want)
		}
		if f.Bridge = ""; f.UsesSelf() != (want != target) {
			t.Errorf("%s: uses self is %v", target, f.UsesSelf())
		}
	}
}

func TestPointsInclude(t *testing.T) {
	for _, p := range Points() {
		for _, reported := range Points() {
			want := p == reported || p == "synchronizing" && (reported == "sync-sent" || reported == "snap-sent")
			if got := p.Includes(reported); got != want {
				t.Errorf("%s includes %s: got %v, want %v", p, reported, got, want)
			}
		}
	}
}

// Whatever can be read is written as a line that means the same.
func FuzzParseStep(f *testing.F) {
	for _, c := range steps {
		f.Add(c.line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		step, err := ParseStep(line)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line != 1 || e.Col < 1 || e.Col > len(line)+1 {
				t.Fatalf("%q: the error %#v has no place in the line", line, err)
			}
			return
		}
		back, err := ParseStep(step.String())
		if err != nil || back != step || back.String() != step.String() {
			t.Fatalf("%q: read %+v, wrote %s and read %+v: %v", line, step, step, back, err)
		}
	})
}
