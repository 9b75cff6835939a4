package commands

import (
	"math"
	"strings"
	"testing"
	"time"

	"zkctl/quorum"
)

func TestHumanSeconds(t *testing.T) {
	for s, want := range map[float64]string{
		0: "0 s", 5.39e-11: "5.39e-11 s", 0.0015: "1.5 ms", 0.2: "200 ms", 10: "10 s", 119: "119 s", 310.86: "5.18 min",
		9404.1648: "2.61 h", 86400 * 3: "3 days", 86400 * 365: "365 days", 31557600 * 3828.3: "3,828 years",
		31557600 * 1e9: "1.00e+09 years", math.Inf(1): "more than 1e308 s",
	} {
		if got := humanSeconds(s); got != want {
			t.Errorf("%v: %q, want %q", s, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 16800783: "16,800,783"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}

func TestParseSpan(t *testing.T) {
	for text, want := range map[string]float64{"90s": 90, "24h": 86400, "30d": 30 * 86400, "2w": 14 * 86400, "1.5y": 1.5 * 31557600, "1h30m": 5400, "0s": 0,
		"1d12h": 1.5 * 86400, "1w2d3h4m5.5s": 9*86400 + 3*3600 + 4*60 + 5.5, ".5d": 43200, "1000y": 1000 * 31557600} {
		if got, err := parseSpan("mttf", text); err != nil || got != want {
			t.Errorf("%s: %v (%v), want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "-1d", "-5s", "10", "Infd", "NaNy", "1x", "1d-1h", "-0.1d", "1e3d", "1d2", "d1", "NaN", "1 d"} {
		if _, err := parseSpan("mttf", text); exitCode(err) != exitUsage || !strings.Contains(err.Error(), `"`+text+`"`) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestPercent(t *testing.T) {
	for _, c := range []struct {
		n    int
		p    string
		want string
	}{
		{3, "0.99", "99.97020 %"}, {5, "0.99", "99.9990149 %"}, {1, "0.5", "50.00 %"}, {3, "0.4", "35.20 %"},
		{13, "0.999", "1 - 1.707e-18"}, {255, "0.9999", "1 - 2.848e-437"}, {3, "1", "100 %"}, {3, "0", "0.00 %"},
	} {
		p, err := quorum.ParseProbability(c.p)
		if err != nil {
			t.Fatal(err)
		}
		m, err := quorum.MajorityOf(c.n)
		if err != nil {
			t.Fatal(err)
		}
		a, err := quorum.Available(m, quorum.Uniform(p))
		if err != nil {
			t.Fatal(err)
		}
		if got := percent(a); got != c.want {
			t.Errorf("%d at %s: %q, want %q", c.n, c.p, got, c.want)
		}
	}
}

func TestParseNetwork(t *testing.T) {
	n, err := parseNetwork("# ms\nserver,fsync,1,2,3\n1,2.5,0,0.5,-\n2,3ms,0.5,0,1s # both halves agree\n\n3 1 80\n")
	if err != nil {
		t.Fatal(err)
	}
	want := map[[2]int64]time.Duration{{1, 2}: 500 * time.Microsecond, {1, 3}: 80 * time.Millisecond, {2, 3}: time.Second}
	for pair, d := range want {
		if n.RoundTrip[pair] != d {
			t.Errorf("%v: %v, want %v", pair, n.RoundTrip[pair], d)
		}
	}
	if len(n.RoundTrip) != len(want) || n.Fsync[1] != 2500*time.Microsecond || n.Fsync[2] != 3*time.Millisecond {
		t.Errorf("%+v", n)
	}
	for text, says := range map[string]string{
		"":                                     "it is empty",
		"1 2 3\n":                              "line 1: want a line \"server fsync 1 2 3\" first",
		"server fsync x y\n":                   `"x" is not a server id`,
		"server fsync 1 2\n1 2 0 1\n1 2 0 1":   "line 3: server 1 has a line already",
		"server fsync 1 2\n1 -3\n":             `"-3" is not a time`,
		"server fsync 1 2\n1 NaN\n":            `"NaN" is not a time`,
		"server fsync 1 2\n1 2 3 4 5\n":        "4 cells, want the fsync time and up to 2",
		"server fsync 1 2\n1 1 0 5\n2 1 6 0\n": "line 3: round trip of servers 1 and 2: 6ms here, 5ms before",
		"server fsync 1 2\n1\n":                "0 cells",
	} {
		if _, err := parseNetwork(text); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", text, err, says)
		}
	}
}

func FuzzParseNetwork(f *testing.F) {
	f.Add("server fsync 1 2\n1 2 0 1ms\n2 2,1\n")
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseNetwork(text)
		if err != nil {
			return
		}
		for pair, d := range n.RoundTrip {
			if pair[0] >= pair[1] || d < 0 {
				t.Fatalf("%q: %v %v", text, pair, d)
			}
		}
	})
}

// TestTablesFitEightyColumns draws everything that is asked often and measures
// it: what is pasted into a review must not wrap.
func TestTablesFitEightyColumns(t *testing.T) {
	for _, line := range []string{
		"quorum --nodes 7 --observers 3 --availability 0.999 --mttf 90d --mttr 4h --failed 1,2",
		"quorum --compare 3,4,5,6,7,9 --availability 0.99 --mttf 90d --mttr 4h",
		"quorum --groups 1:2:3,4:5:6,7:8:9 --zones a=1,2,3;b=4,5,6;c=7,8,9 --availability 99% --zone-availability 99.9%",
		"quorum --nodes 5 --availability 1=.999 --availability .99",
		"quorum --nodes 2",
		"quorum --nodes 255 --availability 0.99",
		"quorum plan --from 3 --to 9",
		"quorum recovery",
		"quorum explain",
		"quorum explain two-data-centres",
	} {
		_, out, errs := runForTest(t, strings.Fields(line)...)
		if out == "" {
			t.Errorf("%s prints nothing: %s", line, errs)
		}
		for row := range strings.Lines(out) {
			row = strings.TrimSuffix(row, "\n")
			command := strings.HasPrefix(row, "  zkctl ") // to be pasted into a shell, not wrapped
			if n := len([]rune(row)); n > 80 && !command || strings.HasSuffix(row, " ") || strings.Contains(row, "\x1b") {
				t.Errorf("%s: %d columns, blanks or colour: %q", line, n, row)
			}
		}
	}
}
