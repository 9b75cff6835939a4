package zoocfg

import (
	"errors"
	"strings"
	"testing"

	"zkctl/quorum"
)

func TestCheck(t *testing.T) {
	for text, says := range map[string]string{
		"tickTime=2000\ninitLimit = 10 \nstandaloneEnabled=TRUE\nelectionAlg=3\npeerType=Observer\nunknown=anything\n": "",
		"a=b\ntickTime=fast\n":                                              "line 2: tickTime=fast is not a whole number",
		"clientPort=99999999999\n":                                          "line 1: clientPort=99999999999",
		"clientPort=99999\n":                                                "line 1: clientPort=99999 is not a port",
		"observerMasterPort=99999\n":                                        "", // not looked at
		"tickTime=0\n":                                                      "line 1: tickTime=0",
		"tickTime=-5\n":                                                     "line 1: minSessionTimeout -10 is larger than maxSessionTimeout -100",
		"electionAlg=0\n":                                                   "line 1: electionAlg=0: only 3 is left",
		"reconfigEnabled=yes\n":                                             "line 1: reconfigEnabled=yes is neither true nor false",
		"peerType=leader\n":                                                 "line 1: peerType=leader",
		"x=y\nminSessionTimeout=9\nmaxSessionTimeout=8\n":                   "line 2: minSessionTimeout 9 is larger than maxSessionTimeout 8",
		"tickTime=2000\nmaxSessionTimeout=3000\n":                           "line 2: minSessionTimeout 4000 is larger than maxSessionTimeout 3000",
		"minSessionTimeout=-1\nmaxSessionTimeout=-1\n":                      "",
		"minSessionTimeout=-5\n":                                            "",
		"maxSessionTimeout=-5\n":                                            "line 1: minSessionTimeout 6000 is larger than maxSessionTimeout -5",
		"autopurge.purgeInterval=daily\n":                                   "line 1: autopurge.purgeInterval=daily",
		"jvm.pause.sleep.time.ms=long\n":                                    "line 1: jvm.pause.sleep.time.ms=long is not a whole number of 64 bits",
		"jvm.pause.sleep.time.ms=4294967296\n":                              "",
		"clientPortAddress=127.0.0.1\n":                                     "line 1: clientPortAddress is set, and needs clientPort to be set",
		"clientPortAddress=127.0.0.1\nclientPort=0\n":                       "line 1: clientPortAddress is set, and needs clientPort to be set",
		"clientPortAddress=127.0.0.1\nclientPort=1\n":                       "",
		"secureClientPortAddress=127.0.0.1\nclientPort=1\n":                 "line 1: secureClientPortAddress is set, and needs secureClientPort",
		"quorum.auth.serverRequireSasl=true\n":                              "line 1: quorum.auth.serverRequireSasl is set, and needs quorum.auth.enableSasl to be set",
		"quorum.auth.learnerRequireSasl=TRUE\n":                             "line 1: quorum.auth.learnerRequireSasl is set, and needs quorum.auth.enableSasl to be set",
		"quorum.auth.enableSasl=true\nquorum.auth.serverRequireSasl=true\n": "line 2: quorum.auth.serverRequireSasl is set, and needs quorum.auth.learnerRequireSasl to be set",
		"quorum.auth.enableSasl=true\nquorum.auth.serverRequireSasl=true\nquorum.auth.learnerRequireSasl=true\n": "",
		"dataDir=\n":          "line 1: dataDir=: a relative path of less than two characters",
		"dataLogDir=d\n":      "line 1: dataLogDir=d: a relative path",
		"dataDir=/\n":         "",
		"dataDir=..\n":        "",
		"server.1=nonsense\n": "", // Ensemble's business
		"metricsProvider.className=no.such.Class\n": "", // depends on the machine
	} {
		err := mustParse(t, text).Check()
		if says == "" && err != nil || says != "" && (!errors.Is(err, quorum.ErrRefused) || !strings.Contains(err.Error(), says)) {
			t.Errorf("%q: got %v, want %q", text, err, says)
		}
	}
}

func TestCheckStart(t *testing.T) {
	const limits = "initLimit=5\nsyncLimit=2\n"
	const own = "server.1=h1:1:2;2181\nserver.2=h2:1:2;2181\n"
	for text, says := range map[string]string{
		limits + three:                                           "",
		"syncLimit=2\n" + three:                                  "initLimit is not set",
		"initLimit=5\n" + three:                                  "syncLimit is not set",
		"initLimit=0\nsyncLimit=2\n" + three:                     "line 1: initLimit is not set",
		"initLimit=-5\nsyncLimit=2\n" + three:                    "", // nonsense, but zookeeper starts with it
		"server.1=h1:1:2\n":                                      "", // runs stand-alone
		"standaloneEnabled=false\nserver.1=h:1:2\n":              "initLimit is not set",
		"clientPort=2181\n":                                      "",
		limits + own + "clientPort=2181\n":                       "",
		limits + own + "clientPort=2182\n":                       "line 5: clientPort=2182 contradicts the client port in every server's line, such as 2181 in line 3",
		limits + own + "clientPort=2182\nserver.3=h3:1:2\n":      "", // the file may be server 3's
		limits + own + "clientPort=2182\nserver.3=h3:1:2;2182\n": "",
	} {
		c := mustParse(t, text)
		e, err := c.Ensemble()
		if err != nil {
			t.Fatal(err)
		}
		err = c.CheckStart(e)
		if says == "" && err != nil || says != "" && (!errors.Is(err, quorum.ErrRefused) || !strings.Contains(err.Error(), says)) {
			t.Errorf("%q: got %v, want %q", text, err, says)
		}
	}
}

// TestLint: ZooKeeper starts with all of these.
func TestLint(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"one host a server", three, nil},
		{"observers do not matter", three + "server.4=h1:2889:3889:observer\nserver.5=h1:2890:3890:observer\n", nil},
		{"all on one host", "server.1=h:1:2\nserver.2=H:3:4\nserver.3=h:5:6\n",
			[]string{"shared-host: Servers 1-3 share the host \"h\" and fail with it: the loss of that host is the loss of the quorum."}},
		{"loopback is one host", "server.1=127.0.0.1:1:2\nserver.2=localhost:3:4\nserver.3=[::1]:5:6\n", []string{"shared-host: Servers 1-3 share"}},
		{"two of five", "server.1=a:1:2\nserver.2=a:3:4\nserver.3=c:1:2\nserver.4=d:1:2\nserver.5=e:1:2\n",
			[]string{"shared-host: Servers 1, 2 share the host \"a\" and fail with it: without that host a quorum is left, and 0 further"}},
		{"ports", "server.1=a:1:2;9\nserver.2=b:1:2;9\nserver.3=c:1:2\nserver.4=A:2:1:observer;0.0.0.0:9\n", []string{
			"duplicate-address: server.1 and server.4 both listen on a:2: only one of them can start.",
			"duplicate-address: server.1 and server.4 both listen on a:1", "duplicate-address: server.1 and server.4 both listen on a:9"}},
	} {
		e, err := mustParse(t, c.text).Ensemble()
		if err != nil {
			t.Fatal(err)
		}
		system, err := e.System()
		if err != nil {
			t.Fatal(err)
		}
		got := e.Lint(system)
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
			continue
		}
		for i, w := range got {
			if text := string(w.Code) + ": " + w.Text; !strings.HasPrefix(text, c.want[i]) {
				t.Errorf("%s: %s, want %s", c.name, text, c.want[i])
			}
		}
	}
}
