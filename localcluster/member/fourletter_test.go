package member

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"zkctl/probe/wire"
)

// The texts in testdata/fourletter are what Apache ZooKeeper 3.8.0 said after
// the conversation of fourLetterScene, with numbers, dates and names replaced
// as shape does. Ours must have the same shape, to the byte.
func TestFourLetterWordsLookLikeZooKeepers(t *testing.T) {
	check := func(t *testing.T, mode string, m *running) {
		c := fourLetterScene(t, m.addr)
		golden, err := os.ReadFile(filepath.Join("testdata", "fourletter", mode+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range sceneWords {
			want, ok := section(string(golden), word)
			if !ok {
				t.Fatalf("%s: nothing about %s in testdata", mode, word)
			}
			if got := shape(word, ask(t, m.addr, word)); got != want {
				t.Errorf("%s: %s is\n%q\nwant\n%q", mode, word, got, want)
			}
		}
		c.mustCall(wire.OpCloseSession, nil, nil)
	}
	t.Run("standalone", func(t *testing.T) { check(t, "standalone", standalone(t)) })
	t.Run("ensemble", func(t *testing.T) {
		e := startEnsemble(t, 3, 1)
		check(t, "leader", e.members[e.leader()])
		check(t, "follower", e.members[e.followers()[0]])
		check(t, "observer", e.members[4])
	})
}

// TestCaptureFourLetterWords writes testdata from running ZooKeeper servers:
//
//	ZK_CAPTURE=standalone=127.0.0.1:2181,leader=… go test -run CaptureFourLetter
func TestCaptureFourLetterWords(t *testing.T) {
	servers := os.Getenv("ZK_CAPTURE")
	if servers == "" {
		t.Skip("set ZK_CAPTURE=mode=host:port,… to capture from other servers")
	}
	for _, server := range strings.Split(servers, ",") {
		mode, addr, _ := strings.Cut(server, "=")
		c := fourLetterScene(t, addr)
		var b strings.Builder
		for _, word := range sceneWords {
			b.WriteString("# " + word + "\n" + shape(word, ask(t, addr, word)) + "\n")
		}
		c.mustCall(wire.OpDelete, &wire.DeleteRequest{Path: "/w", Version: -1}, nil)
		c.mustCall(wire.OpCloseSession, nil, nil)
		writeFile(t, filepath.Join("testdata", "fourletter"), mode+".txt", b.String())
	}
}

// fourLetterScene is a client with an ephemeral node and watches.
func fourLetterScene(t *testing.T, addr string) *rawClient {
	t.Helper()
	c := connectRaw(t, addr)
	createEphemeral(c, "/e-"+strings.ReplaceAll(addr, ".", "-"))
	c.call(wire.OpCreate, &wire.CreateRequest{Path: "/w", ACL: wire.OpenACL()}, nil)
	c.mustCall(wire.OpGetData, &wire.PathWatchRequest{Path: "/w", Watch: true}, nil)
	c.mustCall(wire.OpGetChildren, &wire.PathWatchRequest{Path: "/", Watch: true}, nil)
	c.call(wire.OpExists, &wire.PathWatchRequest{Path: "/no", Watch: true}, nil)
	return c
}

// sceneWords are asked in this order: the last two reset what the others show.
var sceneWords = []string{
	"ruok", "srvr", "stat", "mntr", "conf", "cons", "dirs", "dump", "envi", "isro", "wchs", "wchc", "wchp", "srst", "crst",
}

// section is what testdata says of a word.
func section(golden, word string) (string, bool) {
	_, rest, ok := strings.Cut(golden, "# "+word+"\n")
	text, _, more := strings.Cut(rest, "\n# ")
	if !more {
		text = strings.TrimSuffix(rest, "\n")
	}
	return text, ok
}

// shapes are applied in this order.
var shapes = []struct {
	pattern     *regexp.Regexp
	replacement string
}{
	{regexp.MustCompile(`(?m)^(zk_version\t|Zookeeper version: ).*, built on `), "${1}VERSION, built on "},
	{regexp.MustCompile(`(?m) expire at .*:$`), " expire at DATE:"},
	{regexp.MustCompile(`(?m)^0 expire at DATE:\n`), ""}, // Java keeps sets that have become empty
	{regexp.MustCompile(`(?m)^(dataDir|dataLogDir)=/.*/version-2$`), "$1=DIR/version-2"},
	{regexp.MustCompile(`0x[0-9a-f]+`), "0xH"},
	{regexp.MustCompile(`/e-[0-9-]+:[0-9]+`), "/e"},
	{regexp.MustCompile(`-?[0-9]+`), "N"},
	{regexp.MustCompile(`(?m)^(zk_[a-z_]+\t)(leader|follower|observer|standalone)$`), "${1}MODE"},
}

// javaKeys are the keys of mntr that are no counters of Java's metrics.
var javaKeys = regexp.MustCompile(`^zk_(version|server_state|peer_state|observer_master_id|num_alive_connections|` +
	`(avg|min|max)_latency|outstanding_requests|znode_count|watch_count|ephemerals_count|approximate_data_size|` +
	`global_sessions|local_sessions|packets_received|packets_sent|uptime|open_file_descriptor_count|` +
	`max_file_descriptor_count|connection_drop_probability|(last|min|max)_client_response_size|outstanding_tls_handshake|` +
	`auth_failed_count|non_mtls_(remote|local)_conn_count|quorum_size|learners|synced_followers|` +
	`synced_non_voting_followers|synced_observers|pending_syncs|leader_uptime|(last|min|max)_proposal_size)\t`)

// shape makes two answers to a word comparable: what differs between two runs
// of the same server is replaced, what Java does not order is sorted.
func shape(word, text string) string {
	for _, s := range shapes {
		text = s.pattern.ReplaceAllString(text, s.replacement)
	}
	lines := strings.SplitAfter(text, "\n")
	switch word {
	case "mntr":
		lines = slices.DeleteFunc(lines, func(l string) bool { return !javaKeys.MatchString(l) })
		slices.Sort(lines)
	case "envi":
		for i, l := range lines {
			if key, _, ok := strings.Cut(l, "="); ok {
				lines[i] = key + "=…\n"
			}
		}
	case "stat", "cons":
		sortRun(lines, " /")
	case "dump":
		// Timing decides which connections are in one set.
		lines = slices.DeleteFunc(lines, func(l string) bool { return strings.Contains(l, "expire at DATE") })
		sortRun(lines, "\tip: ")
	}
	return strings.Join(lines, "")
}

// sortRun sorts neighbouring lines that begin alike.
func sortRun(lines []string, prefix string) {
	for i := 0; i < len(lines); i++ {
		end := i
		for end < len(lines) && strings.HasPrefix(lines[end], prefix) {
			end++
		}
		slices.Sort(lines[i:end])
		i = max(i, end-1)
	}
}
