package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zkctl/probe/peers"
)

// serverProgram is one of the two implementations that are asked.
type serverProgram struct {
	command func(file string) *exec.Cmd
	serves  string // what its log says when it serves
}

func zkctlServer(t *testing.T) serverProgram {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return serverProgram{serves: "serving clients", command: func(file string) *exec.Cmd {
		cmd := exec.Command(self, "serve", file)
		cmd.Env = append(os.Environ(), asProgram+"=1")
		return cmd
	}}
}

// apacheServer is Java's, for standalone servers.
func apacheServer(t *testing.T) serverProgram {
	return serverProgram{serves: "ContainerManager - Using checkIntervalMs", command: func(file string) *exec.Cmd {
		return peers.Java(context.Background(), t, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dzookeeper.admin.enableServer=false",
			"org.apache.zookeeper.server.quorum.QuorumPeerMain", file)
	}}
}

// start starts a standalone server, or an ensemble of two voters and an observer, on empty folders, and
// returns the client address of the one that has the role.
func (p serverProgram) start(t *testing.T, role string) string {
	t.Helper()
	if role == "standalone" {
		return p.startOne(t, freePorts(t, 1)[0], 0, "")()
	}
	const members = 3
	ports := freePorts(t, 3*members)
	lines := "initLimit=20\nsyncLimit=10\n"
	for id := 1; id <= members; id++ {
		kind := "participant"
		if id == members {
			kind = "observer"
		}
		lines += fmt.Sprintf("server.%d=127.0.0.1:%d:%d:%s\n", id, ports[3*id-2], ports[3*id-1], kind)
	}
	var serving []func() string
	for id := 1; id <= members; id++ {
		more := lines
		if id == members {
			more += "peerType=observer\n"
		}
		serving = append(serving, p.startOne(t, ports[3*id-3], id, more))
	}
	found := ""
	for _, await := range serving {
		if address := await(); modeOf(t, address) == role {
			found = address
		}
	}
	if found == "" {
		t.Fatalf("no member is %s", role)
	}
	return found
}

// startOne starts a server. The function that it returns waits until the server serves, and returns its
// client address.
func (p serverProgram) startOne(t *testing.T, port, id int, lines string) func() string {
	t.Helper()
	folder := t.TempDir()
	file := filepath.Join(folder, "zoo.cfg")
	text := fmt.Sprintf("dataDir=%s\nclientPort=%d\nclientPortAddress=127.0.0.1\ntickTime=2000\n4lw.commands.whitelist=*\n%s", folder, port, lines)
	err := os.WriteFile(file, []byte(text), 0o600)
	if err == nil && id > 0 {
		err = os.WriteFile(filepath.Join(folder, "myid"), fmt.Append(nil, id), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := p.command(file)
	log, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	serves, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		lines, found := bufio.NewScanner(io.TeeReader(log, &said)), false
		for lines.Scan() {
			if !found && strings.Contains(lines.Text(), p.serves) {
				found = true
				close(serves)
			}
		}
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		_ = cmd.Wait() // it was killed
		if t.Failed() {
			t.Logf("the server's log:\n%s", tail(said.Bytes(), 6000))
		}
	})
	return func() string {
		t.Helper()
		select {
		case <-serves:
		case <-ended:
			t.Fatal("the server does not start")
		case <-time.After(patience):
			t.Fatal("the server does not serve")
		}
		return fmt.Sprintf("127.0.0.1:%d", port)
	}
}

// freePorts finds ports that are free now.
func freePorts(t *testing.T, n int) (ports []int) {
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// modeOf is a server's role as srvr says it.
func modeOf(t *testing.T, address string) string {
	t.Helper()
	socket, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	socket.SetDeadline(time.Now().Add(patience))
	if _, err := socket.Write([]byte("srvr")); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(socket)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "Mode: ")
	mode, _, _ := strings.Cut(rest, "\n")
	return mode
}
