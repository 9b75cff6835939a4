package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"zkctl/commands"
	"zkctl/probe/peers"
)

// Apache ZooKeeper's own QuorumPeerMain says which configurations it refuses, and the calculator is
// held to it. A server whose data folder is missing, and which must not create it, reads
// its whole configuration, then stops with exit code 3 before it does anything; with a configuration
// that it refuses it does not come that far.

// members are three servers, in a zoo.cfg that lacks nothing.
const members = "dataDir=DATA\ninitLimit=5\nsyncLimit=2\nserver.1=h1:2888:3888\nserver.2=h2:2888:3888\n"

// third is members and a third server; more is three servers and what else is given.
func third(value string) string { return members + "server.3=" + value + "\n" }
func more(lines string) string  { return third("h3:2888:3888") + lines + "\n" }

// accepted are configurations that both accept.
var accepted = []string{
	// server lines
	more(""), third("h3:2888:3888;2181"), third("h3:2888:3888:participant;10.0.0.1:2181"), third("[::1]:2888:3888;[fe80::2]:2181"),
	third("h3:2888:3888;"), third("h3:2888:3888:OBSERVER"), third("h3:2888:3888:observer "),
	third("h3:2888:3888:"), third(":2888:3888"), third("h3:+2888:3888"), third("h1:2888:3888"), more("server.04=h4:1:2"), more("server.3=h3:2888:3888"), members,
	"dataDir=DATA\nserver.1=h1:1:2\n", more("# server.9=nonsense\n! nor this"),
	"dataDir=DATA\ninitLimit=5\nsyncLimit=2\nserver.1=h1:2888:\\\n   3888\nserver.2 = h2:2888:3888\nserver.3:h3:2888:3888\n",
	"dataDir=DATA\ninitLimit=5\nsyncLimit=2\nstandaloneEnabled=false\nserver.1=h1:1:2\nserver.2=h2:1:2:observer\n",
	// groups and weights
	more("group.1=1:2:3"), more("group.1=1:2:3\nweight.1=2"), more("group.1=1:2:3\nweight.1=0\nweight.2=0\nweight.3=0"), more("group.1=1:2:3\ngroup.2=:"),
	more("server.4=h4:1:2:observer\ngroup.1=1:2:3:4\nweight.4=1"), more("group.1=1:2:3:9\nweight.9=3"),
	more("group.1=1:2\noraclePath=/x"), more("group.1=nonsense\noraclePath=/x"), members + "oraclePath=/x\n",
	// values
	more("tickTime= 2000 "), more("minSessionTimeout=-1\nmaxSessionTimeout=-1"), more("minSessionTimeout=-5"), more("clientPort=0"),
	more("reconfigEnabled=FALSE"), more("peerType=OBSERVER"), more("whatever=1"),
	more("quorum.auth.enableSasl=true\nquorum.auth.serverRequireSasl=true\nquorum.auth.learnerRequireSasl=true"),
	"dataDir=DATA\ninitLimit=-5\nsyncLimit=2\nserver.1=h1:1:2\nserver.2=h2:1:2\n",
}

// refused are configurations that both refuse.
var refused = []string{
	// server lines
	third("h3:2888:3888;;2281"), third("h3:2888:3888:voter"), third("h3:2888:3888 "),
	third("h3:2888:3888;2181 "), third("h3:2888"), third(""), third(";2181"), third("h3:2888:2888"), third("h3:x:3888"),
	third("h3:-1:3888"), third("h3:2888:3888;70000"), third("h3:2888:3888;a:b:3"), third("[::1:2888:3888"),
	third("[::1]:"), third("a:2888:3888|b:2888:3888"),
	third("h3:1:2:observer|h3:1:2:participant"), more("server.x=h4:1:2"), more("server.9223372036854775808=h4:1:2"),
	"dataDir=DATA\nserver.1=h1:1:2\nserver.2=h2:1:2:observer\n", "dataDir=DATA\nserver.1=h1:1:2:observer\n",
	"dataDir=DATA\ninitLimit=5\nsyncLimit=2\nstandaloneEnabled=false\n",
	// groups and weights
	more("weight.1=2"), more("group.1=1:2"), more("group.1=1:2\ngroup.2=2:3"), more("group.1=1:2:3:9"),
	more("server.4=h4:1:2:observer\ngroup.1=1:2:3:4"), more("group.1=1:2:three"), more("group.1=1:2:3\ngroup.2="), more("group.1=1:2:3 "),
	more("group.1=1:2:3\ngroupsize=3"), more("group.1=1:2:3\nweight.1=heavy"),
	more("group.1=1:2:3\nweight.1=9223372036854775808"), more("version=xyz"),
	// values
	"dataDir=\ninitLimit=5\nsyncLimit=2\nserver.1=h1:1:2\nserver.2=h2:1:2\n",
	"dataDir=DATA\nsyncLimit=2\nserver.1=h1:1:2\nserver.2=h2:1:2\n", "dataDir=DATA\ninitLimit=2\nserver.1=h1:1:2\nserver.2=h2:1:2\n",
	more("tickTime=soon"), more("tickTime=0"), more("tickTime=-5"), more("minSessionTimeout=9\nmaxSessionTimeout=8"),
	more("tickTime=2000\nmaxSessionTimeout=3000"), more("maxSessionTimeout=-5"), more("clientPortAddress=127.0.0.1"),
	more("clientPort=99999"), more("electionAlg=0"),
	more("reconfigEnabled=yes"), more("peerType=leader"), more("autopurge.purgeInterval=daily"), more("jvm.pause.sleep.time.ms=long"),
	more("quorum.auth.serverRequireSasl=true"), more("quorum.auth.enableSasl=true\nquorum.auth.serverRequireSasl=true"), more(`x=\u12G4`),
	"dataDir=DATA\ninitLimit=5\nsyncLimit=2\nclientPort=2182\nserver.1=h1:1:2;2181\nserver.2=h2:1:2;2181\n",
	more("dynamicConfigFile=/no/such/file"), "dataDir=DATA\ninitLimit=5\nsyncLimit=2\ndynamicConfigFile=/no/such/file\n",
}

// stricter are configurations that ZooKeeper starts with and the calculator refuses: they
// have no sizes, so their author must have meant something else.
var stricter = map[string]string{
	more("server.3=h9:2888:3888"):                               "zookeeper silently takes the last of two lines that contradict each other",
	more("server.03=h9:2888:3888"):                              "and one of these, it does not say which",
	more("server.-4=h4:1:2"):                                    "negative ids are those of observers that were given none",
	more("group.1=1:2:3\nweight.1=-1"):                          "an acknowledgement would take votes away",
	more("group.1=1:2:3\nweight.1=9223372036854775807"):         "the sum is beyond 64 bits, and negative in Java",
	third("h 3:2888:3888"):                                      "a name that cannot exist",
	third("|"):                                                  "no address at all",
	"dataDir=DATA\ninitLimit=5\nsyncLimit=2\nclientPort=2181\n": "no ensemble: a server by itself",
}

// laxer are configurations that ZooKeeper refuses for what the sizes do not depend on.
var laxer = map[string]string{
	more("")[len("dataDir=DATA\n"):]:                                 "without dataDir it is a part of a zoo.cfg, as a template is; a note says so",
	more("metricsProvider.className=no.such.Class"):                  "which classes there are depends on the machine",
	third("a:2888:3888|b:2888:3888") + "multiAddress.enabled=true\n": "the switch works on the command line of the JVM only; a note says so",
}

func TestRefusalsAreZooKeepers(t *testing.T) {
	if len(accepted)+len(refused) < 70 {
		t.Fatal("the table has lost its rows")
	}
	t.Run("calculator", func(t *testing.T) {
		judged(t, func(t *testing.T, file string) (bool, string) {
			var out, errs bytes.Buffer
			code := commands.Run(t.Context(), []string{"quorum", "--config", file}, commands.Streams{Out: &out, Err: &errs},
				func(string) string { return "" })
			if code != 0 && code != 3 || code == 3 && errs.Len() == 0 {
				t.Errorf("exit %d: %s", code, &errs)
			}
			return code == 0, errs.String()
		}, func(both, java, ours bool) bool { return both || ours })
	})
	t.Run("Apache ZooKeeper", func(t *testing.T) {
		if testing.Short() {
			t.Skip("starts eighty JVMs; left out by -short")
		}
		judged(t, startsApache, func(both, java, ours bool) bool { return both || java })
	})
}

// judged asks one judge about every configuration; want says what it must think of one
// that both, or only one of the two judges, accept.
func judged(t *testing.T, accepts func(t *testing.T, file string) (ok bool, why string), want func(both, java, ours bool) bool) {
	folder := t.TempDir()
	data := filepath.Join(folder, "data")
	if err := errors.Join(os.Mkdir(data, 0o700), os.WriteFile(filepath.Join(data, "myid"), []byte("1\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	number := 0
	judge := func(text string, expected bool) {
		number++
		file := filepath.Join(folder, fmt.Sprintf("zoo%d.cfg", number))
		if err := os.WriteFile(file, []byte(strings.ReplaceAll(text, "DATA", data)), 0o600); err != nil {
			t.Fatal(err)
		}
		if ok, why := accepts(t, file); ok != expected {
			t.Errorf("accepted: %v, want %v: %s\n%s", ok, expected, text, why)
		}
	}
	for _, text := range accepted {
		judge(text, want(true, true, true))
	}
	for _, text := range refused {
		judge(text, want(false, false, false))
	}
	for text := range stricter {
		judge(text, want(false, true, false))
	}
	for text := range laxer {
		judge(text, want(false, false, true))
	}
}

// startsApache starts a server with a configuration, as zkServer.sh would, and sees how far it comes.
func startsApache(t *testing.T, file string) (bool, string) {
	cmd := peers.Java(t.Context(), t, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Dzookeeper.datadir.autocreate=false", "-Dzookeeper.admin.enableServer=false", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
		"org.apache.zookeeper.server.quorum.QuorumPeerMain", file)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("java: %v\n%s", err, out)
	}
	const unableToAccessDatadir = 3
	missing := strings.Contains(string(out), "Missing data directory")
	if missing != (exit.ExitCode() == unableToAccessDatadir) || !strings.Contains(string(out), "Exception") {
		t.Errorf("exit %d: %s", exit.ExitCode(), out)
	}
	return missing, string(out)
}
