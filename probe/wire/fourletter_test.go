package wire

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func answer(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "fourletter", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseSrvr(t *testing.T) {
	for name, want := range map[string]Srvr{
		"srvr-3.4.5-follower.txt": {
			Version: "3.4.5--1, built on 10/01/2016 18:09 GMT", LatencyAvg: 5, LatencyMax: 58, Received: 31, Sent: 30,
			Connections: 1, Zxid: 0x2800000136, Mode: ModeFollower, NodeCount: 790,
		},
		"srvr-3.4.6-standalone.txt": {
			Version: "3.4.6-1569965, built on 02/20/2014 09:09 GMT", Received: 1, Connections: 1, Zxid: 2, Mode: ModeStandalone, NodeCount: 4,
		},
		"srvr-3.5.6-leader.txt": {
			Version: "3.5.6-c11b7e26bc554b8523dc929761dd28808913f091, built on 10/08/2019 20:18 GMT", Received: 3, Sent: 2,
			Connections: 1, Zxid: 0x200000000, Mode: ModeLeader, NodeCount: 5,
		},
		"srvr-3.6.3-standalone.txt": {
			Version: "3.6.3--6401e4ad2087061bc6b9f80dec2d69f2e3c8660a, built on 04/08/2021 16:35 GMT", Received: 4, Sent: 3,
			Connections: 1, Zxid: 6, Mode: ModeStandalone, NodeCount: 5,
		},
		"srvr-3.8.0-read-only.txt": {
			Version: "3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC", ReadOnly: true, Received: 2, Sent: 1,
			Connections: 1, Zxid: 0x200000005, Mode: ModeReadOnly, NodeCount: 14,
		},
		"srvr-3.9.3-leader.txt": {
			Version: "3.9.3-c26634f34490bb0ea7a09cc51e05ede3b4e320ee, built on 2024-10-17 23:21 UTC", Received: 2, Sent: 1,
			Connections: 1, Zxid: 0x200000002, Mode: ModeLeader, NodeCount: 5,
		},
		"stat-3.4.3-leader.txt": {
			Version: "3.4.3-1240972, built on 02/06/2012 10:48 GMT", LatencyMin: 1, LatencyAvg: 2, LatencyMax: 3, Received: 4, Sent: 3,
			Zxid: 0x200000006, Mode: ModeLeader, NodeCount: 4,
		},
		"stat-3.8.0-follower.txt": {
			Version: "3.8.0-${mvngit.commit.id}, built on 2024-12-29 17:54 UTC", LatencyAvg: 12.8462, LatencyMax: 113, Received: 30,
			Sent: 31, Connections: 2, Zxid: 0x10000000e, Mode: ModeFollower, NodeCount: 9,
		},
	} {
		got, err := ParseSrvr(answer(t, name))
		if err != nil || got != want {
			t.Errorf("%s: %v\n got %+v\nwant %+v", name, err, got, want)
		}
		if release := strings.Split(name, "-")[1]; got.Release() != release {
			t.Errorf("%s: release %q", name, got.Release())
		}
	}
}

// TestParseSrvrOfCutAnswers: an answer is whole or it is half, wherever it is cut.
func TestParseSrvrOfCutAnswers(t *testing.T) {
	whole := answer(t, "srvr-3.5.6-leader.txt")
	end := strings.Index(string(whole), "Proposal sizes")
	for n := range whole {
		_, err := ParseSrvr(whole[:n])
		if n >= end && err != nil {
			t.Errorf("cut in its last line, after %d bytes: %v", n, err)
		}
		if n < end && !errors.Is(err, ErrHalfAnswer) {
			t.Errorf("cut after %d bytes (%.20q): %v", n, whole[:n], err)
		}
	}
}

func TestNotAnAnswer(t *testing.T) {
	for text, want := range map[string]error{
		string(answer(t, "refused-not-serving.txt")):     ErrNotServing,
		string(answer(t, "refused-not-whitelisted.txt")): ErrNotWhitelisted,
		NotServingText:                    ErrNotServing,
		NotWhitelistedText("mntr"):        ErrNotWhitelisted,
		"":                                ErrHalfAnswer,
		"HTTP/1.1 400 Bad Request\r\n":    ErrGarbage,
		"\x00\x00\x00\x25\x00\x00\x00":    ErrGarbage,
		"imok":                            ErrGarbage,
		"zookeeper":                       ErrHalfAnswer,
		"zk_versio":                       ErrGarbage,
		"Zookeeper version: 3\nZxid: q\n": ErrGarbage,
		"Zookeeper version: 3\nMode: x\n": ErrGarbage,
		"Zookeeper version: 3\nSent: x\n": ErrGarbage,
		"Zookeeper version: 3\nLatency min/avg/max: 1/2\n": ErrGarbage,
	} {
		if _, err := ParseSrvr([]byte(text)); !errors.Is(err, want) {
			t.Errorf("ParseSrvr(%.60q): %v, want %v", text, err, want)
		}
	}
	for text, want := range map[string]error{
		NotServingText:                 ErrNotServing,
		NotWhitelistedText("mntr"):     ErrNotWhitelisted,
		"":                             ErrHalfAnswer,
		"zk_vers":                      ErrHalfAnswer,
		"zk_version\t3.8.0\n":          ErrHalfAnswer,
		"zk_version\t3.8.0\nzk_serv":   ErrHalfAnswer,
		"hello\n":                      ErrGarbage,
		"zk_version\t3.8.0\nMode\tq\n": ErrGarbage,
	} {
		if _, err := ParseMntr([]byte(text)); !errors.Is(err, want) {
			t.Errorf("ParseMntr(%.60q): %v, want %v", text, err, want)
		}
	}
}

// TestUnknownLines: the order does not matter, nor do lines of a later version.
func TestUnknownLines(t *testing.T) {
	text := "Zookeeper version: 9.9-zkctl\nColour: blue\nNode count: 3\nMode: observer\nZxid: 0x1\n"
	s, err := ParseSrvr([]byte(text))
	if err != nil || s.Mode != ModeObserver || s.NodeCount != 3 || s.Release() != "9.9" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestParseMntr(t *testing.T) {
	for name, want := range map[string]map[string]string{
		"mntr-3.4.14-leader.txt": {"zk_server_state": "leader", "zk_synced_followers": "2", "zk_followers": "2"},
		"mntr-3.8.0-leader.txt": {
			"zk_server_state": "leader", "zk_peer_state": "leading - broadcast", "zk_synced_followers": "2",
			"zk_synced_observers": "1", "zk_quorum_size": "3", "zk_avg_latency": "0.0",
		},
	} {
		got, err := ParseMntr(answer(t, name))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for key, value := range want {
			if got[key] != value {
				t.Errorf("%s: %s is %q, want %q", name, key, got[key], value)
			}
		}
	}
}

func TestFourLetterWords(t *testing.T) {
	for _, word := range FourLetterWords {
		if len(word) != 4 || !IsFourLetterWord(word) {
			t.Errorf("%q", word)
		}
		// No client's frame can be mistaken for a word.
		if _, err := ReadFrame(strings.NewReader(word), DefaultMaxResponse); !errors.Is(err, ErrLength) {
			t.Errorf("%q as the length of a frame: %v", word, err)
		}
	}
	if IsFourLetterWord("quit") {
		t.Error("quit is not a command of ZooKeeper")
	}
}
