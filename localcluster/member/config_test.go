package member

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"zkctl/probe/wire"
)

// write makes a zoo.cfg, in which DIR stands for a folder, with a myid file in
// that folder when one is given.
func writeConfig(t *testing.T, text, myid string) string {
	t.Helper()
	dir := t.TempDir()
	if myid != "" {
		writeFile(t, dir, "myid", myid)
	}
	return writeFile(t, dir, "zoo.cfg", strings.ReplaceAll(text, "DIR", dir))
}

const three = `
server.1=127.0.0.1:2881:3881
server.2=127.0.0.1:2882:3882:participant;127.0.0.1:2182
server.3=127.0.0.1:2883:3883:observer
initLimit=10
syncLimit=5
`

func TestDefaultsAreZooKeepers(t *testing.T) {
	c, err := LoadConfig(writeConfig(t, "dataDir=DIR\nclientPort=2181\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	want := *defaultConfig()
	want.File, want.DataDir, want.DataLogDir = c.File, filepath.Dir(c.File), filepath.Dir(c.File)
	want.Standalone, want.ClientAddress = true, ":2181"
	want.Tick, want.MinSessionTimeout, want.MaxSessionTimeout = 3*time.Second, 6*time.Second, 60*time.Second
	want.GlobalOutstanding, want.SnapCount, want.CommitLogCount = 1000, 100000, 500
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	if !c.Commands.Allows("srvr") || c.Commands.Allows("stat") || c.Purge || !c.ForceSync {
		t.Errorf("%+v", c)
	}
}

func TestEveryHonouredKey(t *testing.T) {
	c, err := LoadConfig(writeConfig(t, three+`
# comment
dataDir = DIR
dataLogDir=DIR/log
clientPort=2181
clientPortAddress=127.0.0.1
tickTime=200
minSessionTimeout=400
maxSessionTimeout=60000
maxClientCnxns=0
globalOutstandingLimit=7
4lw.commands.whitelist=stat, mntr
snapCount=10
commitLogCount=20
forceSync=no
preAllocSize=64
snapshot.trust.empty=true
digest.mustMatch=true
autopurge.snapRetainCount=5
autopurge.purgeInterval=1
DigestAuthenticationProvider.superDigest=super:x
skipACL=yes
extendedTypesEnabled=true
jute.maxbuffer=0x1fffff
quorumListenOnAllIPs=true
`, "1\n"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(c.File)
	for name, ok := range map[string]bool{
		"id": c.ID == 1 && !c.Standalone, "folders": c.DataDir == dir && c.DataLogDir == filepath.Join(dir, "log"),
		"client":   c.ClientAddress == "127.0.0.1:2181",
		"tick":     c.Tick == 200*time.Millisecond && c.InitLimit == 10 && c.SyncLimit == 5,
		"timeouts": c.MinSessionTimeout == 400*time.Millisecond && c.MaxSessionTimeout == time.Minute,
		"limits":   c.MaxClientConnections == 0 && c.GlobalOutstanding == 7 && c.MaxBuffer == 0x1fffff,
		"words":    c.Commands.Allows("mntr") && c.Commands.Allows("srvr") && !c.Commands.Allows("cons"),
		"disk":     c.SnapCount == 10 && c.CommitLogCount == 20 && !c.ForceSync && c.PreallocSize == 65536 && c.TrustEmpty && c.DigestsMustMatch,
		"purge":    c.SnapRetain == 5 && c.Purge,
		"auth":     c.SuperDigest == "super:x" && c.SkipACL && c.ExtendedTypes,
		"members":  len(c.Ensemble.Voters()) == 2 && len(c.Ensemble.Observers()) == 1 && c.Voters.Has(1, 2),
		"ports":    c.ListenOnAllIPs,
		"warned":   len(c.Warnings) == 1 && strings.Contains(c.Warnings[0], "jute.maxbuffer"),
	} {
		if !ok {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestStandaloneOrNot(t *testing.T) {
	one := "dataDir=DIR\nclientPort=2181\ninitLimit=10\nsyncLimit=5\nserver.7=127.0.0.1:2888:3888\n"
	for _, test := range []struct {
		text, myid string
		standalone bool
		id         int64
	}{
		{"dataDir=DIR\nclientPort=2181\n", "", true, 0},
		{one, "", true, 0},
		{one, "7", true, 7},
		{one + "standaloneEnabled=false\n", "7", false, 7},
		{"dataDir=DIR\nclientPort=2181\n" + three, "3", false, 3},
	} {
		c, err := LoadConfig(writeConfig(t, test.text, test.myid))
		if err != nil {
			t.Errorf("%q: %v", test.text, err)
			continue
		}
		if c.Standalone != test.standalone || c.ID != test.id {
			t.Errorf("%q: standalone %v, id %d", test.text, c.Standalone, c.ID)
		}
	}
}

func TestClientAddressFromTheServerLine(t *testing.T) {
	for _, keys := range []string{
		"", "clientPort=2182\n", "clientPort=2182\nclientPortAddress=127.0.0.1\n",
		"clientPort=2182\nclientPortAddress=0.0.0.0\n", "clientPort=2182\nclientPortAddress=::\n",
		"clientPort=2182\nclientPortAddress=localhost\n",
	} {
		c, err := LoadConfig(writeConfig(t, "dataDir=DIR\n"+keys+three, "2"))
		if err != nil || c.ClientAddress != "127.0.0.1:2182" {
			t.Errorf("%q: %q, %v", keys, c.ClientAddress, err)
		}
	}
}

func TestDynamicFile(t *testing.T) {
	path := writeConfig(t, "dataDir=DIR\nclientPort=2181\ninitLimit=10\nsyncLimit=5\ndynamicConfigFile=zoo.cfg.dynamic.100000002\n", "1")
	dynamic := strings.ReplaceAll(strings.ReplaceAll(three, "initLimit=10\n", ""), "syncLimit=5\n", "")
	writeFile(t, filepath.Dir(path), "zoo.cfg.dynamic.100000002", dynamic)
	c, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Ensemble.Servers) != 3 || c.Ensemble.Version != 0x100000002 {
		t.Errorf("%+v", c.Ensemble)
	}
}

func TestWhatIsWrongWithAConfiguration(t *testing.T) {
	const base = "dataDir=DIR\nclientPort=2181\n"
	for _, test := range []struct {
		text, myid string
		want       []string // all in the message
	}{
		{"clientPort=2181\n", "", []string{"zoo.cfg", "dataDir is not set"}},
		{"dataDir=DIR\n", "", []string{"no client port", "clientPort=2181"}},
		{base + "tickTime=abc\n", "", []string{"zoo.cfg:3", "tickTime=abc", "milliseconds"}},
		{base + "tickTime=0\n", "", []string{"zoo.cfg:3", "1 or more"}},
		{base + "tickTime=99999999999\n", "", []string{"zoo.cfg:3", "32 bits"}},
		{base + "minSessionTimeout=9\nmaxSessionTimeout=8\n", "", []string{"zoo.cfg:3", "larger than maxSessionTimeout"}},
		{base + "maxClientCnxns=-1\n", "", []string{"zoo.cfg:3", "0 or more"}},
		{base + "snapCount=x\n", "", []string{"32 bits"}},
		{base + "standaloneEnabled=maybe\n", "", []string{"zoo.cfg:3", "true or false"}},
		{base + "electionAlg=1\n", "", []string{"only 3"}},
		{base + "jute.maxbuffer=5\n", "", []string{"0xfffff"}},
		{"dataDir=DIR\nclientPort=70000\n", "", []string{"zoo.cfg:2", "TCP port"}},
		{"dataDir=DIR\nclientPortAddress=127.0.0.1\n", "", []string{"zoo.cfg:2", "clientPort is not"}},
		{base + "standaloneEnabled=false\n", "", []string{"no server.N line"}},
		{base + three, "", []string{"myid", "missing", "echo 1 >"}},
		{base + three, "x", []string{"myid:1", `"x" is not a server id`}},
		{base + three, "9", []string{"no server.9 line", "myid"}},
		{"dataDir=DIR\nclientPort=9999\n" + three, "2", []string{"zoo.cfg:2", "contradicts 127.0.0.1:2182"}},
		{"dataDir=DIR\nclientPort=9999\nclientPortAddress=0.0.0.0\n" + three, "2", []string{"zoo.cfg:2", "contradicts 127.0.0.1:2182"}},
		{"dataDir=DIR\nclientPort=2182\nclientPortAddress=127.0.0.2\n" + three, "2", []string{"zoo.cfg:2", "contradicts 127.0.0.1:2182"}},
		{base + strings.Replace(three, "initLimit=10", "", 1), "1", []string{"initLimit is not set"}},
		{base + strings.Replace(three, "syncLimit=5", "", 1), "1", []string{"syncLimit is not set"}},
		{base + "server.1=127.0.0.1:2888\n", "", []string{"zoo.cfg:3", "server.1=127.0.0.1:2888"}},
		{base + three + "peerType=king\n", "1", []string{"peerType=king"}},
		{base + strings.ReplaceAll(three, "server.1=", "server.300=") + "extendedTypesEnabled=true\n", "300", []string{"above 254"}},
		{base + "dynamicConfigFile=nowhere\n", "1", []string{"zoo.cfg:3", "nowhere"}},
	} {
		_, err := LoadConfig(writeConfig(t, test.text, test.myid))
		var bad *ConfigError
		if !errors.As(err, &bad) {
			t.Errorf("%q: %v", test.text, err)
			continue
		}
		said := err.Error() + " | " + bad.Hint
		for _, w := range test.want {
			if !strings.Contains(said, w) {
				t.Errorf("%q: %q does not say %q", test.text, said, w)
			}
		}
	}
	if _, err := LoadConfig(filepath.Join(t.TempDir(), "none.cfg")); err == nil || !strings.Contains(err.Error(), "none.cfg") {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestIgnoredKeysAreSaid(t *testing.T) {
	c, err := LoadConfig(writeConfig(t, `dataDir=DIR
clientPort=2181
ticktime=2000
zookeeper.snapCount=5
reconfigEnabled=true
admin.serverPort=8081
metricsProvider.className=x
watcherCleanThreshold=5
rubbish=1
autopurge.snapRetainCount=1
maxClientCnxns=5
maxClientCnxns=6
admin.enableServer=false
sslQuorum=False
secureClientPort=2281
ssl.keyStore.location=/x
quorum.auth.enableSasl=true
authProvider.1=x
enforceQuota=true
localSessionsEnabled=true
observerMasterPort=2191
`, ""))
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(c.Warnings, "\n")
	for _, want := range []string{
		"zoo.cfg:3: ticktime is ignored: keys are case-sensitive, did you mean tickTime?",
		"zoo.cfg:4: zookeeper.snapCount is ignored: in a zoo.cfg it is written without the prefix, as snapCount",
		"zoo.cfg:5: reconfigEnabled is ignored: membership changes",
		"zoo.cfg:6: admin.serverPort is ignored: it has no meaning for this server",
		"zoo.cfg:7: metricsProvider.className is ignored: it has no meaning",
		"zoo.cfg:8: watcherCleanThreshold is ignored: it has no meaning",
		"zoo.cfg:9: rubbish is ignored: it is not a key of ZooKeeper",
		"secureClientPort is ignored: this server speaks no TLS",
		"ssl.keyStore.location is ignored: this server speaks no TLS",
		"quorum.auth.enableSasl is ignored: this server speaks no SASL",
		"authProvider.1 is ignored: the schemes are world",
		"enforceQuota is ignored: quotas are not enforced",
		"localSessionsEnabled is ignored: every session is a global one",
		"observerMasterPort is ignored: observers connect to the leader",
		"autopurge.snapRetainCount=1 is raised to 3",
		"maxClientCnxns=5 contradicts line 12",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no warning %q in\n%s", want, all)
		}
	}
	if len(c.Warnings) != 16 || c.MaxClientConnections != 6 {
		t.Errorf("%d warnings, maxClientCnxns %d:\n%s", len(c.Warnings), c.MaxClientConnections, all)
	}
}

// A file as people write it, run as serve runs it.
func TestRunFromAFile(t *testing.T) {
	path := writeConfig(t, "dataDir=DIR\nclientPort=1\nclientPortAddress=127.0.0.1\ntickTime=200\n", "")
	cfg, err := LoadConfig(path)
	if err != nil {
		t.Fatal(err)
	}
	cfg.ClientAddress = "127.0.0.1:0" // the system chooses the ports of a test
	m := startMember(t, cfg, seams{})
	m.awaitServing(1)
	connectRaw(t, m.addr).create("/n", "")
	if got := ask(t, m.addr, "ruok"); got != wire.NotWhitelistedText("ruok") {
		t.Errorf("ruok: %q", got)
	}
}

// A value that ZooKeeper raises is raised, with a warning.
func TestRaisedValues(t *testing.T) {
	c, err := LoadConfig(writeConfig(t, "dataDir=DIR\nclientPort=2181\nsnapCount=1\nautopurge.snapRetainCount=1\n", ""))
	if err != nil || c.SnapCount != 2 || c.SnapRetain != 3 {
		t.Errorf("snapCount %d, snapRetainCount %d, %v", c.SnapCount, c.SnapRetain, err)
	}
	said := strings.Join(c.Warnings, "\n")
	if !strings.Contains(said, "snapCount=1 is raised to 2") || !strings.Contains(said, "snapRetainCount=1 is raised to 3") {
		t.Errorf("the warnings: %s", said)
	}
}
