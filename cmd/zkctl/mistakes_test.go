package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Mistakes are found before anything is done, and named with the place and the
// value. The scripts of package commands have the mistakes that need an ensemble.

func TestMalformedSelectors(t *testing.T) {
	e := at(t, t.TempDir())
	for _, test := range []struct{ verb, selector, says string }{
		{"kill", "zebra", `"zebra" is neither an id nor a known word`},
		{"kill", "1,,2", "an id or a role is missing"},
		{"pause", "leader,", "an id or a role is missing"},
		{"restart", "all,1", `the size "all" stands alone`},
		{"start", "random:0", `"0" is not a number of members`},
		{"resume", "99999999999999999999", "neither an id"},
		{"logs", "first", `"first" is neither an id`},
	} {
		out, errs, code := e.run(test.verb, test.selector)
		if code != 2 || out != "" || !strings.Contains(errs, test.says) || !strings.Contains(errs, "ids (2 or 1,3 or 1-3), roles (leader, followers, observers;") {
			t.Errorf("zkctl %s %q: exit %d\n%s%s", test.verb, test.selector, code, out, errs)
		}
	}
	for _, groups := range []string{"1,2|", "1|1", "1>", ">", "1||2", "first|2"} {
		out, errs, code := e.run("partition", groups)
		if code != 2 || out != "" || !strings.Contains(errs, fmt.Sprintf("%q", groups)) || !strings.Contains(errs, "SELECTOR|SELECTOR") {
			t.Errorf("zkctl partition %q: exit %d\n%s%s", groups, code, out, errs)
		}
	}
}

func TestBasePortTaken(t *testing.T) {
	e := at(t, t.TempDir())
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	_, errs, code := e.run("up", "--base-port", fmt.Sprint(port))
	if code != 1 || !strings.Contains(errs, fmt.Sprintf("port %d (member 1, clients) cannot be used", port)) ||
		!strings.Contains(errs, "address already in use") || !strings.Contains(errs, "hint: choose another --base-port") {
		t.Errorf("exit %d\n%s", code, errs)
	}
	if left := e.glob("[^.]*"); len(left) > 0 {
		t.Errorf("a failed up left %v", left)
	}
}

// TestDryRunFailsAsUpDoes has up fail before it starts a member: a dry run says the same, and neither leaves
// anything behind.
func TestDryRunFailsAsUpDoes(t *testing.T) {
	listen := func(t *testing.T, address string) int {
		taken, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { taken.Close() })
		return taken.Addr().(*net.TCPAddr).Port
	}
	for name, test := range map[string]struct {
		says string
		up   func(t *testing.T, e *ensemble) string // prepares, and returns the flags
	}{
		"a taken port": {`clients\) cannot be used: listen tcp .*address already in use`, func(t *testing.T, e *ensemble) string {
			return fmt.Sprint("--base-port ", listen(t, "127.0.0.1:0"))
		}},
		"a port of another ensemble": {`clients\) belongs to the ensemble in .*/other`, func(t *testing.T, e *ensemble) string {
			e.up("--name", "other", "--nodes", "1")
			_, port, _ := strings.Cut(e.status().Connect, ":")
			return "--name default --base-port " + port
		}},
		"a taken port of a stopped ensemble": {`clients\) cannot be used: listen tcp .*address already in use`, func(t *testing.T, e *ensemble) string {
			e.up("--nodes", "1")
			address := e.status().Connect
			e.zkctl("down")
			listen(t, address)
			return ""
		}},
		"no Java": {"the apache engine needs Java, and there is no `java` in the PATH", func(t *testing.T, e *ensemble) string {
			e.env = append(e.env, "PATH=", "JAVA_HOME=")
			return "--engine apache"
		}},
		"a folder with other files": {"default exists and is no ensemble: it holds letter", func(t *testing.T, e *ensemble) string {
			if err := os.MkdirAll(filepath.Join(e.home, "default", "letter"), 0o700); err != nil {
				t.Fatal(err)
			}
			return ""
		}},
	} {
		t.Run(name, func(t *testing.T) {
			e := at(t, t.TempDir())
			flags := strings.Fields(test.up(t, e))
			before := e.glob("*")
			says := regexp.MustCompile(test.says)
			var texts []string
			for _, args := range [][]string{{"up", "--dry-run"}, {"up", "-q"}} {
				out, errs, code := e.run(append(args, flags...)...)
				if code != 1 || out != "" || !says.MatchString(errs) {
					t.Errorf("%q: exit %d, want 1 and %q\n%s%s", args, code, test.says, out, errs)
				}
				texts = append(texts, errs)
			}
			if texts[0] != texts[1] {
				t.Errorf("a dry run says\n%sand up\n%s", texts[0], texts[1])
			}
			if after := e.glob("*"); !slices.Equal(before, after) {
				t.Errorf("there was %v, and there is %v", before, after)
			}
		})
	}
}

func TestServeNamesTheLine(t *testing.T) {
	e := at(t, t.TempDir())
	config := filepath.Join(t.TempDir(), "zoo.cfg")
	for line, says := range map[string]string{
		"tickTime=soon":                `tickTime=soon: "soon" is not a whole number`,
		"tickTime=-5":                  "tickTime=-5: write 1 or more",
		"clientPort=70000":             "clientPort=70000: it is not a TCP port",
		"standaloneEnabled=perhaps":    "standaloneEnabled=perhaps: it must be true or false",
		"server.one=127.0.0.1:1:2":     `"one" is not a number`,
		"server.1=127.0.0.1:2888":      `"127.0.0.1:2888" is not host:quorumPort:electionPort`,
		"server.1=127.0.0.1:2888:oops": `"oops" is not a number`,
		`key=\u12g4`:                   `\u12g4`,
	} {
		text := "dataDir=" + t.TempDir() + "\n# a comment\n" + line + "\n"
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, errs, code := e.run("serve", config)
		if code != 2 || out != "" || !strings.Contains(errs, config+":3: ") || !strings.Contains(errs, says) {
			t.Errorf("%s: exit %d\n%s%s", line, code, out, errs)
		}
	}
}
