package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Mistakes are found before anything is done, and named with the place and the
// value. What an ensemble is needed for is in the scripts of package commands.

func TestMalformedSelectors(t *testing.T) {
	e := at(t, t.TempDir())
	for _, test := range []struct{ verb, selector, says string }{
		{"kill", "zebra", `"zebra" is neither an id nor a known word`},
		{"kill", "", "is empty"},
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

func TestServeNamesTheLine(t *testing.T) {
	e := at(t, t.TempDir())
	config := filepath.Join(t.TempDir(), "zoo.cfg")
	for line, says := range map[string]string{
		"tickTime=soon":                `tickTime=soon: "soon" is not a whole number`,
		"tickTime=-5":                  "tickTime=-5: write 1 or more",
		"clientPort=70000":             "clientPort=70000: it is no TCP port",
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
		if code != 1 || out != "" || !strings.Contains(errs, config+":3: ") || !strings.Contains(errs, says) {
			t.Errorf("%s: exit %d\n%s%s", line, code, out, errs)
		}
	}
}
